"""Coupons and credit balances; read-only."""

from django.contrib import admin

from billing.models import (
    Coupon,
    CouponRedemption,
    CouponUse,
    CreditBalance,
    CreditEntry,
)
from tiktoktoe.web.admin import ReadOnlyAdmin, ReadOnlyInline


@admin.register(Coupon)
class CouponAdmin(ReadOnlyAdmin[Coupon]):
    """Coupons; they are made on the finance pages."""

    list_display = ["code", "name", "kind", "duration", "redeemed_count", "archived_at"]
    list_filter = ["kind", "duration"]
    search_fields = ["code", "name"]


class CouponUseInline(ReadOnlyInline[CouponUse, CouponRedemption]):
    """What it took off."""

    model = CouponUse
    fields = ["invoice", "amount", "is_returned"]


@admin.register(CouponRedemption)
class CouponRedemptionAdmin(ReadOnlyAdmin[CouponRedemption]):
    """Who has which coupon."""

    list_display = ["coupon", "customer", "subscription", "state", "uses_left", "redeemed_at"]
    list_filter = ["state"]
    search_fields = ["coupon__code", "customer__name"]
    list_select_related = ["coupon", "customer", "subscription"]
    inlines = [CouponUseInline]


@admin.register(CreditBalance)
class CreditBalanceAdmin(ReadOnlyAdmin[CreditBalance]):
    """What is left of customers' credit."""

    list_display = ["customer", "currency", "amount"]
    list_filter = ["currency"]
    search_fields = ["customer__name", "customer__email"]
    list_select_related = ["customer"]


@admin.register(CreditEntry)
class CreditEntryAdmin(ReadOnlyAdmin[CreditEntry]):
    """What moved credit balances."""

    list_display = ["at", "customer", "kind", "amount", "invoice", "credit_note", "reason", "actor"]
    list_filter = ["kind", "currency", "at"]
    search_fields = ["customer__name", "invoice__number", "credit_note__number", "reason"]
    list_select_related = ["customer", "invoice", "credit_note"]
