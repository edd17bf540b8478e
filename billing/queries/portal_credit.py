"""What a customer has to pay with besides cards: coupons in force."""

from collections.abc import Mapping
from dataclasses import dataclass

from billing.models import Coupon, CouponRedemption
from subscriptions.models import Customer, Price
from tiktoktoe.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponInForce:
    """A coupon that comes off later invoices: of what, and for how long still."""

    redemption: CouponRedemption
    left: str
    scope: str


def coupons_in_force(customer: Customer) -> list[CouponInForce]:
    """The coupons of a customer that still count, in the order in which they were redeemed."""
    rows = customer.coupon_redemptions.filter(state=CouponRedemption.State.ACTIVE)
    rows = rows.select_related("coupon", "subscription__plan_version__plan")
    found = list(rows.prefetch_related("coupon__plans", "coupon__meters").order_by("pk"))
    codes = {code for row in found for code in row.coupon.price_codes}
    prices = Price.objects.filter(code__in=codes).order_by("pk")
    words = dict(prices.values_list("code", "name"))
    return [
        CouponInForce(redemption=row, left=_left(row), scope=_scope(row, words)) for row in found
    ]


def _left(row: CouponRedemption) -> str:
    if row.amount_left is not None:
        amount = Money(row.amount_left, row.coupon.currency)
        return f"{amount.amount.normalize():f} {amount.currency} left"
    if row.uses_left is not None:
        return f"{row.uses_left} invoice{'' if row.uses_left == 1 else 's'} left"
    return "for ever" if row.coupon.duration == Coupon.Duration.FOREVER else ""


def _scope(row: CouponRedemption, words: Mapping[str, str]) -> str:
    names = [plan.name for plan in row.coupon.plans.all()]
    names += [meter.name for meter in row.coupon.meters.all()]
    names += [words.get(code, code) for code in row.coupon.price_codes]
    if row.subscription is not None:
        names.append(row.subscription.plan_version.plan.name)
    return ", ".join(dict.fromkeys(names)) or "everything"
