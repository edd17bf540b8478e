"""Support's view of subscriptions, invoices, payments and runs; read-only but for a start."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from billing.forms.subscribing import country_choices
from billing.models import (
    BillingFailure,
    BillingRun,
    Coupon,
    CouponRedemption,
    CouponUse,
    CreditBalance,
    CreditEntry,
    CreditNote,
    CreditNoteLine,
    DisputeRule,
    ExemptionRule,
    GatewayCall,
    GatewayHealth,
    Invoice,
    InvoiceLine,
    NumberingRule,
    NumberSeries,
    OutcomeStatistic,
    Payment,
    PaymentAttempt,
    PaymentDecision,
    PaymentEvent,
    PaymentLimit,
    PaymentMethod,
    PlanChange,
    ProcessorFeeRule,
    Refund,
    TaxRate,
)
from billing.services.changes.customer_clocks import advance_clock
from billing.services.changes.subscribing import start_subscription
from subscriptions.models import (
    CustomerClock,
    Subscription,
    SubscriptionPhase,
    SubscriptionTransition,
)
from subscriptions.services.customer_clocks import may_have_clocks
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.web.admin import LabelledInputs, ReadOnlyAdmin, ReadOnlyInline

ClockSet = QuerySet[CustomerClock]


@admin.register(CustomerClock)
class CustomerClockAdmin(LabelledInputs, admin.ModelAdmin[CustomerClock]):
    """Test clocks: setting one forward lets everything happen that is due on the way."""

    list_display = ["code", "at", "created_at"]
    fields = ["code", "at"]
    actions = ["advance_a_day", "advance_a_week", "advance_a_month"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: CustomerClock | None = None
    ) -> list[str]:
        """Once it is made, only time passes."""
        return ["code", "at"] if obj else []

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only where no real money is."""
        return may_have_clocks() and super().has_add_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: CustomerClock | None = None) -> bool:
        """Its customers live by it."""
        return False

    @admin.action(description="Let a day pass", permissions=["change"])
    def advance_a_day(self, request: HttpRequest, clocks: ClockSet) -> None:
        """What is due in it happens."""
        self._advance(request, clocks, timedelta(days=1))

    @admin.action(description="Let a week pass", permissions=["change"])
    def advance_a_week(self, request: HttpRequest, clocks: ClockSet) -> None:
        """What is due in it happens."""
        self._advance(request, clocks, timedelta(days=7))

    @admin.action(description="Let 31 days pass", permissions=["change"])
    def advance_a_month(self, request: HttpRequest, clocks: ClockSet) -> None:
        """What is due in them happens."""
        self._advance(request, clocks, timedelta(days=31))

    def _advance(self, request: HttpRequest, clocks: ClockSet, by: timedelta) -> None:
        """Not in `save_model`: that is in a transaction, and gateways are talked to here."""
        for clock in clocks:
            try:
                moved = advance_clock(clock=clock, to=clock.at + by)
                self.message_user(request, f"It is {moved.at:%Y-%m-%d %H:%M} for {moved.code}.")
            except (Conflict, InvalidInput) as refusal:
                self.message_user(request, str(refusal), level=messages.ERROR)


class InvoiceLineInline(ReadOnlyInline[InvoiceLine, Invoice]):
    """What is charged."""

    model = InvoiceLine
    fields = ["position", "kind", "description", "quantity", "amount", "tax_amount"]


class CreditNoteLineInline(ReadOnlyInline[CreditNoteLine, CreditNote]):
    """What is taken back."""

    model = CreditNoteLine
    fields = ["description", "amount", "tax_amount"]


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyAdmin[Invoice]):
    """Invoices; they are issued and corrected on the finance pages."""

    list_display = ["__str__", "customer", "state", "total", "amount_paid", "finalized_at"]
    list_filter = ["state", "kind", "currency", "finalized_at"]
    search_fields = ["number", "customer__name", "customer__email", "subscription__reference"]
    list_select_related = ["customer"]
    date_hierarchy = "finalized_at"
    inlines = [InvoiceLineInline]


@admin.register(CreditNote)
class CreditNoteAdmin(ReadOnlyAdmin[CreditNote]):
    """Credit notes."""

    list_display = ["number", "invoice", "customer", "total", "reason", "issued_at"]
    list_filter = ["currency", "issued_at"]
    search_fields = ["number", "invoice__number", "customer__name"]
    list_select_related = ["customer", "invoice"]
    inlines = [CreditNoteLineInline]


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


@admin.register(BillingRun)
class BillingRunAdmin(ReadOnlyAdmin[BillingRun]):
    """Billing runs."""

    list_display = ["at", "state", "due_count", "invoice_count", "failure_count", "finished_at"]
    list_filter = ["state"]


@admin.register(BillingFailure)
class BillingFailureAdmin(ReadOnlyAdmin[BillingFailure]):
    """Subscriptions that could not be billed."""

    list_display = ["subscription", "error", "failed_at", "released_at"]
    list_filter = ["released_at"]
    search_fields = ["subscription__reference", "subscription__customer__name", "error"]
    list_select_related = ["subscription"]


@admin.register(PlanChange)
class PlanChangeAdmin(ReadOnlyAdmin[PlanChange]):
    """Changes of plan, done and scheduled."""

    list_display = ["subscription", "plan_version", "quantity", "state", "effective_at"]
    list_filter = ["state"]
    search_fields = ["subscription__reference", "subscription__customer__name"]
    list_select_related = ["subscription", "plan_version__plan"]


TAX_RATE_STAYS = [
    *("code", "name", "country", "region", "levy", "is_compound", "category"),
    *("percentage", "valid_from"),
]


class TaxRateForm(forms.ModelForm[TaxRate]):
    """A dated rate of a country."""

    country = forms.ChoiceField(choices=country_choices)

    class Meta:
        model = TaxRate
        fields = "__all__"  # noqa: DJ007 - every field is for staff

    def clean(self) -> dict[str, Any]:
        """Refuse days that are the wrong way round."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        start = found.get("valid_from") or self.instance.valid_from
        end = found.get("valid_to")
        if start and end and end < start:
            self.add_error("valid_to", "The last day is before the first.")
        return found


@admin.register(TaxRate)
class TaxRateAdmin(admin.ModelAdmin[TaxRate]):
    """Dated tax rates; a new percentage is a new rate, and only its end is told of an old one."""

    form = TaxRateForm
    list_display = [
        "country",
        "region",
        "name",
        "category",
        "percentage",
        "is_compound",
        "valid_from",
        "valid_to",
        "source",
    ]
    list_filter = ["country", "category"]
    search_fields = ["country", "code", "name"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: TaxRate | None = None
    ) -> list[str] | tuple[str, ...]:
        """Keep what invoices were taxed by."""
        return TAX_RATE_STAYS if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: TaxRate | None = None) -> bool:
        """Never: it ends."""
        return False


@admin.register(NumberingRule)
class NumberingRuleAdmin(ReadOnlyAdmin[NumberingRule]):
    """How invoices are numbered, and since when."""

    list_display = ["effective_from", "mode", "prefix", "actor"]


@admin.register(NumberSeries)
class NumberSeriesAdmin(ReadOnlyAdmin[NumberSeries]):
    """Where the numbers stand."""

    list_display = ["code", "prefix", "next_number"]


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


class FeeRuleForm(forms.ModelForm[ProcessorFeeRule]):
    """A dated rule; refuses one that would hold on a day of another."""

    class Meta:
        model = ProcessorFeeRule
        fields = "__all__"  # noqa: DJ007 - every field is for staff

    def clean(self) -> dict[str, Any]:
        """Name the rule that is in the way, before the database refuses."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        start, end = found.get("valid_from"), found.get("valid_to")
        about = {name: found.get(name) or "" for name in ("gateway", "kind", "currency")}
        others = ProcessorFeeRule.objects.filter(**about).exclude(pk=self.instance.pk)
        if start is not None:
            others = others.exclude(valid_to__lt=start)
            others = others.exclude(valid_from__gt=end) if end else others
            if (other := others.first()) is not None:
                self.add_error("valid_from", f"{other} holds on some of these days: end it first")
        return found


@admin.register(ProcessorFeeRule)
class ProcessorFeeRuleAdmin(admin.ModelAdmin[ProcessorFeeRule]):
    """What processors charge; a change of price is a new rule after the end of the old one."""

    form = FeeRuleForm
    list_display = [
        "gateway",
        "kind",
        "currency",
        "share_bps",
        "fixed_amount",
        "maximum",
        "valid_from",
        "valid_to",
        "source",
    ]
    list_filter = ["gateway", "kind", "currency"]


@admin.register(DisputeRule)
class DisputeRuleAdmin(admin.ModelAdmin[DisputeRule]):
    """Whose loss a lost dispute is; the latest rule counts, so that old ones stay."""

    list_display = ["reason_class", "rule", "valid_from"]


@admin.register(ExemptionRule)
class ExemptionRuleAdmin(admin.ModelAdmin[ExemptionRule]):
    """Up to which amounts banks are asked to let customers off confirming."""

    list_display = ["exemption", "gateway", "currency", "maximum", "valid_from", "source"]
    list_filter = ["exemption", "gateway", "currency"]


@admin.register(PaymentLimit)
class PaymentLimitAdmin(admin.ModelAdmin[PaymentLimit]):
    """What may be charged by itself; beyond it, a person looks first."""

    list_display = ["currency", "customer", "maximum", "daily_maximum"]
    list_filter = ["currency"]
    raw_id_fields = ["customer"]


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


class PhaseInline(ReadOnlyInline[SubscriptionPhase, Subscription]):
    """On which prices it was, and when."""

    model = SubscriptionPhase
    fields = ["plan_version", "quantity", "starts_at", "ends_at"]


class TransitionInline(ReadOnlyInline[SubscriptionTransition, Subscription]):
    """Everything that happened to it."""

    model = SubscriptionTransition
    fields = ["effective_at", "event", "from_state", "to_state", "source", "actor", "reason"]


class StartForm(forms.ModelForm[Subscription]):
    """Who is put on which plan."""

    class Meta:
        model = Subscription
        fields = ["customer", "plan_version", "quantity"]


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin[Subscription]):
    """Subscriptions: started here, as on the finance pages, with their first bill.

    It stands in billing because starting one makes an invoice. Later changes have pages.
    """

    list_display = ["reference", "customer", "plan_version", "quantity", "state", "next_billing_at"]
    list_filter = ["state", "plan_version__plan", "currency"]
    search_fields = ["reference", "customer__name", "customer__email", "customer__external_id"]
    list_select_related = ["customer", "plan_version__plan"]
    inlines = [PhaseInline, TransitionInline]
    # Not autocomplete: its box has no name that a screen reader could say.
    raw_id_fields = ["customer"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """By role; read-only admins allow it to nobody."""
        return admin.ModelAdmin.has_add_permission(self, request)

    form = StartForm

    def get_fields(self, request: HttpRequest, obj: Subscription | None = None) -> Any:
        """The form's fields when one is started, else everything there is to read."""
        return StartForm.Meta.fields if obj is None else [f.name for f in obj._meta.fields]

    def get_inlines(self, request: HttpRequest, obj: Subscription | None) -> Any:
        """History, once there is some."""
        return self.inlines if obj is not None else []

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Start a subscription; a refusal is said, and nothing is kept."""
        try:
            return super().add_view(request, *args, **kwargs)
        except (Conflict, InvalidInput) as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(
        self,
        request: HttpRequest,
        obj: Subscription,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's
    ) -> None:
        """Start it by the service that bills its first fee."""
        assert isinstance(request.user, User)
        started = start_subscription(
            customer=obj.customer,
            plan_version=obj.plan_version,
            quantity=obj.quantity,
            actor=Actor(source="admin", user=request.user),
            at=now(),
        )
        obj.__dict__.update(started.subscription.__dict__)
