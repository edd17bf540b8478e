"""Payments, methods, decisions and gateways; read-only."""

from django.contrib import admin

from billing.models import (
    GatewayCall,
    GatewayHealth,
    OutcomeStatistic,
    Payment,
    PaymentAttempt,
    PaymentDecision,
    PaymentEvent,
    PaymentMethod,
    Refund,
)
from tiktoktoe.web.admin import ReadOnlyAdmin, ReadOnlyInline


class PaymentAttemptInline(ReadOnlyInline[PaymentAttempt, Payment]):
    """How it was tried."""

    model = PaymentAttempt
    fields = [
        "sequence",
        "gateway",
        "channel",
        "state",
        "decline_code",
        "gateway_reference",
        "fee",
        "dispatched_at",
    ]


class RefundInline(ReadOnlyInline[Refund, Payment]):
    """What was given back."""

    model = Refund
    fields = ["amount", "state", "reason", "credit_note", "gateway_reference", "requested_at"]


class PaymentEventInline(ReadOnlyInline[PaymentEvent, Payment]):
    """Everything that happened to it."""

    model = PaymentEvent
    fields = ["at", "event", "from_state", "to_state", "actor", "details"]


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin[Payment]):
    """Payments; they are charged and refunded on the finance pages."""

    list_display = [
        "__str__",
        "customer",
        "state",
        "amount",
        "amount_refunded",
        "next_attempt_at",
        "created_at",
    ]
    list_filter = ["state", "purpose", "currency", "created_at"]
    search_fields = [
        "invoice__number",
        "customer__name",
        "customer__email",
        "attempts__gateway_reference",
    ]
    list_select_related = ["customer", "invoice"]
    date_hierarchy = "created_at"
    inlines = [PaymentAttemptInline, RefundInline, PaymentEventInline]


@admin.register(PaymentMethod)
class PaymentMethodAdmin(ReadOnlyAdmin[PaymentMethod]):
    """Stored ways to pay, as far as they may be shown."""

    list_display = ["__str__", "customer", "kind", "is_default", "state", "expires_on"]
    list_filter = ["state", "kind", "brand", "is_default"]
    search_fields = ["customer__name", "customer__email", "last4"]
    list_select_related = ["customer"]


@admin.register(PaymentDecision)
class PaymentDecisionAdmin(ReadOnlyAdmin[PaymentDecision]):
    """Where payments were routed, and why."""

    list_display = ["payment", "round", "at", "chosen_gateway", "rule", "is_explored", "policy"]
    list_filter = ["chosen_gateway", "is_explored", "policy"]
    list_select_related = ["payment", "payment__invoice", "policy"]


@admin.register(GatewayCall)
class GatewayCallAdmin(ReadOnlyAdmin[GatewayCall]):
    """What was sent to gateways and answered."""

    list_display = ["started_at", "gateway", "verb", "answer", "latency_ms"]
    list_filter = ["gateway", "verb", "answer"]


@admin.register(GatewayHealth)
class GatewayHealthAdmin(ReadOnlyAdmin[GatewayHealth]):
    """Breakers, as they stand."""

    list_display = ["gateway", "state", "is_enabled", "failures_in_a_row", "opens_until"]


@admin.register(OutcomeStatistic)
class OutcomeStatisticAdmin(ReadOnlyAdmin[OutcomeStatistic]):
    """What gateways' payments came to, by segment."""

    list_display = ["gateway", "segment", "attempts", "declines", "successes", "failures"]
    list_filter = ["gateway"]
