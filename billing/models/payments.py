"""What was paid: methods, payments, attempts, refunds, and every event of each.

A Payment is what a customer owes once; an attempt is one try on one gateway. The attempt's
row is committed before the first byte leaves, and the index `attempt_one_live` lets only one
attempt at a time be able to move money.
"""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models.functions import Now

from billing.models.credit_notes import CreditNote
from billing.models.invoices import Invoice
from billing.models.money_fields import money_field
from billing.models.payment_methods import PaymentMethod
from subscriptions.models import Customer
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.money import Money

if TYPE_CHECKING:
    from datetime import datetime

# The order is that of the index `attempt_one_live`; a test holds it to billing.domain.attempts.
LIVE_ATTEMPT_STATES = (
    "dispatched",
    "requires_action",
    "pending",
    "authorized",
    "succeeded",
    "unknown",
)


# Why a payment was returned of which the gateway says, afterwards, that it never took it.
NOT_EXECUTED = "not_executed"


class PaymentQuerySet(models.QuerySet["Payment"]):
    """Named sets of payments."""

    def live(self) -> "PaymentQuerySet":
        """Those that are being collected."""
        return self.filter(state__in=["open", "processing", "requires_action"])

    def matching(self, text: str) -> "PaymentQuerySet":
        """Those of an invoice number or a gateway's reference, or whose customer contains it."""
        if not text:
            return self
        attempts = PaymentAttempt.objects.filter(payment=models.OuterRef("pk"))
        named = attempts.filter(gateway_reference=text) | attempts.filter(gateway_session=text)
        return self.filter(
            models.Q(invoice__number__iexact=text)
            | models.Q(customer__name__icontains=text)
            | models.Q(customer__email__icontains=text)
            | models.Q(models.Exists(named))
        )

    def due_for_attempt(self, at: "datetime") -> "PaymentQuerySet":
        """Those whose next try has come."""
        return self.filter(state="open", next_attempt_at__lte=at)


class Payment(models.Model):
    """What a customer owes once, and how far collecting it has come."""

    class State(models.TextChoices):
        OPEN = "open"
        PROCESSING = "processing"
        REQUIRES_ACTION = "requires_action"
        PAID = "paid"
        RETURNED = "returned"
        FAILED = "failed"
        CANCELED = "canceled"

    class Rest(models.TextChoices):
        """Of a part: how the rest of the invoice is collected once it is paid."""

        NONE = "", "None"
        OPEN = "open"
        REQUIRES_ACTION = "requires_action"
        LEFT = "left"

    class Contested(models.TextChoices):
        """What its disputes come to; empty where there is none, or none that counts."""

        DISPUTED = "disputed"
        CHARGED_BACK = "charged_back"

    id = models.UUIDField(primary_key=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="payments")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="payments")
    currency = models.CharField(max_length=3)
    amount = money_field()
    amount_refunded = money_field()
    amount_charged_back = money_field(help_text="lost in disputes")
    contested = models.CharField(max_length=16, choices=Contested.choices, blank=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.OPEN)
    purpose = models.CharField(max_length=16, help_text="on_session or off_session")
    idempotency_key = models.CharField(max_length=100, unique=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    retries_done = models.PositiveSmallIntegerField(default=0)
    rest = models.CharField(
        max_length=16,
        choices=Rest.choices,
        blank=True,
        default=Rest.NONE,
        help_text="of a part: how the rest is collected once it is paid",
    )
    rest_at = models.DateTimeField(null=True, blank=True, help_text="and when")
    created_at = models.DateTimeField(default=now)
    paid_at = models.DateTimeField(null=True, blank=True)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="payment_is_positive"),
            models.CheckConstraint(
                condition=models.Q(amount_refunded__gte=0, amount_refunded__lte=models.F("amount")),
                name="payment_not_refunded_above_its_amount",
            ),
            models.UniqueConstraint(
                fields=["invoice"],
                # Not the paid ones: an invoice may be paid again after a refund, and the bank
                # may send that refund back. What is too much then is `amount_overpaid`.
                condition=models.Q(state__in=["open", "processing", "requires_action"]),
                name="payment_one_live_per_invoice",
            ),
            models.CheckConstraint(
                condition=models.Q(contested="") | models.Q(state="paid"),
                name="payment_contested_only_once_paid",
            ),
            models.CheckConstraint(
                condition=models.Q(amount_charged_back__gte=0),
                name="payment_charged_back_is_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(rest="open") | models.Q(rest_at__isnull=True),
                name="payment_rest_is_planned_where_open",
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "-created_at"], name="payment_of_customer"),
            models.Index(
                fields=["next_attempt_at"],
                name="payment_due",
                condition=models.Q(next_attempt_at__isnull=False),
            ),
            models.Index(fields=["state", "-created_at"], name="payment_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} for {self.invoice}"

    @property
    def shown_state(self) -> str:
        """Its state as people say it: paid, but disputed, or charged back since."""
        return str(self.contested or self.state)

    @property
    def amount_refundable(self) -> Money:
        """What of it may still be given back."""
        left: Money = self.amount - self.amount_refunded - self.amount_charged_back
        return max(left, Money(0, self.currency))


class PaymentAttemptQuerySet(models.QuerySet["PaymentAttempt"]):
    """Named sets of attempts."""

    def live(self) -> "PaymentAttemptQuerySet":
        """Those that may have moved money, or may yet."""
        return self.filter(state__in=LIVE_ATTEMPT_STATES)

    def to_check(self, at: "datetime") -> "PaymentAttemptQuerySet":
        """Those that are to be looked into by now."""
        return self.filter(next_check_at__lte=at)


class PaymentAttempt(models.Model):
    """One try to collect a payment through one gateway."""

    class State(models.TextChoices):
        DISPATCHED = "dispatched"
        REQUIRES_ACTION = "requires_action"
        PENDING = "pending"
        AUTHORIZED = "authorized"
        SUCCEEDED = "succeeded"
        DECLINED = "declined"
        NOT_SENT = "not_sent"
        ABANDONED = "abandoned"
        UNKNOWN = "unknown"

    id = models.UUIDField(primary_key=True)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="attempts")
    sequence = models.PositiveSmallIntegerField()
    gateway = models.CharField(max_length=32)
    channel = models.CharField(max_length=16, help_text="hosted_page or stored_method")
    method = models.ForeignKey(
        PaymentMethod, on_delete=models.PROTECT, null=True, blank=True, related_name="attempts"
    )
    state = models.CharField(max_length=16, choices=State.choices, default=State.DISPATCHED)
    idempotency_key = models.CharField(max_length=100, unique=True)
    gateway_reference = models.CharField(max_length=255, blank=True)
    gateway_session = models.CharField(max_length=255, blank=True)
    action_url = models.URLField(max_length=1000, blank=True)
    saves_method = models.BooleanField(default=False, help_text="keep the method for later bills")
    decline_class = models.CharField(max_length=32, blank=True)
    decline_code = models.CharField(max_length=64, blank=True, help_text="as the gateway said it")
    message = models.CharField(max_length=300, blank=True)
    currency = models.CharField(max_length=3)
    fee = money_field(null=True, default=None)
    fee_expected = money_field(null=True, default=None)
    authentication = models.JSONField(
        default=dict, blank=True, help_text="what banks were asked about confirming, and why"
    )
    customer_address = models.GenericIPAddressField(
        null=True, blank=True, help_text="from where the customer paid on a page"
    )
    is_on_session = models.BooleanField(
        default=False, help_text="a stored method, charged while the customer is there"
    )
    is_hold = models.BooleanField(default=False, help_text="money is held, and taken by hand")
    amount_authorized = money_field(help_text="of a hold")
    amount_captured = money_field(help_text="of a hold: taken, or may be")
    authorized_until = models.DateTimeField(null=True, blank=True)
    has_foreign_fee = models.BooleanField(
        default=False, help_text="its fee was told in another currency"
    )
    decision = models.ForeignKey(
        "billing.PaymentDecision", on_delete=models.PROTECT, null=True, related_name="attempts"
    )
    is_fallback = models.BooleanField(default=False, help_text="after another gateway's no")
    segment = models.CharField(max_length=64, blank=True, help_text="what its outcome counts for")
    is_counted = models.BooleanField(default=False, help_text="in the outcome statistics")
    sends = models.PositiveSmallIntegerField(default=0, help_text="how often it left, or may have")
    sent_at = models.DateTimeField(null=True, blank=True, help_text="when it left last")
    told_at = models.DateTimeField(
        null=True, blank=True, help_text="what the gateway's clock had shown before it left first"
    )
    missed_at = models.DateTimeField(null=True, blank=True, help_text="when first not found")
    checks = models.PositiveSmallIntegerField(default=0, help_text="how often it was looked into")
    next_check_at = models.DateTimeField(null=True, blank=True)
    dispatched_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)

    objects = PaymentAttemptQuerySet.as_manager()

    class Meta:
        ordering = ["payment", "sequence"]
        constraints = [
            models.UniqueConstraint(fields=["payment", "sequence"], name="attempt_sequence_once"),
            models.UniqueConstraint(
                fields=["payment"],
                condition=models.Q(state__in=LIVE_ATTEMPT_STATES),
                name="attempt_one_live",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    amount_captured__gte=0, amount_captured__lte=models.F("amount_authorized")
                ),
                name="attempt_not_captured_above_its_hold",
            ),
        ]
        indexes = [
            models.Index(
                fields=["authorized_until"],
                name="attempt_held",
                condition=models.Q(is_hold=True, state="authorized"),
            ),
            models.Index(
                fields=["authorized_until"],
                name="attempt_rest_held",
                condition=models.Q(
                    is_hold=True,
                    state="succeeded",
                    amount_captured__lt=models.F("amount_authorized"),
                ),
            ),
            models.Index(
                fields=["next_check_at"],
                name="attempt_to_check",
                condition=models.Q(next_check_at__isnull=False),
            ),
            models.Index(
                fields=["resolved_at", "id"],
                name="attempt_to_count",
                condition=models.Q(resolved_at__isnull=False, is_counted=False)
                & ~models.Q(segment=""),
            ),
            models.Index(fields=["gateway", "gateway_reference"], name="attempt_by_reference"),
            models.Index(fields=["gateway_session"], name="attempt_by_session"),
        ]

    def __str__(self) -> str:
        return f"{self.payment_id}:{self.sequence}"


class Refund(models.Model):
    """Money given back of a paid payment.

    Its amount is part of `Payment.amount_refunded` from the request on, until it fails, so
    that a constraint of the database keeps refunds within what was paid.
    """

    class State(models.TextChoices):
        DISPATCHED = "dispatched"
        PENDING = "pending"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        UNKNOWN = "unknown"

    id = models.UUIDField(primary_key=True)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    attempt = models.ForeignKey(PaymentAttempt, on_delete=models.PROTECT, related_name="refunds")
    credit_note = models.ForeignKey(
        CreditNote, on_delete=models.PROTECT, null=True, blank=True, related_name="refunds"
    )
    capture = models.ForeignKey(
        "billing.PaymentOperation",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="refunds",
        help_text="of a hold, where the gateway gives back by capture",
    )
    part_of = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="parts",
        help_text="the first part of what was asked for in one go",
    )
    currency = models.CharField(max_length=3)
    amount = money_field()
    state = models.CharField(max_length=16, choices=State.choices, default=State.DISPATCHED)
    reason = models.CharField(max_length=200)
    idempotency_key = models.CharField(max_length=100, unique=True)
    gateway_reference = models.CharField(max_length=255, blank=True)
    message = models.CharField(max_length=300, blank=True)
    sends = models.PositiveSmallIntegerField(default=0, help_text="how often it left, or may have")
    sent_at = models.DateTimeField(null=True, blank=True, help_text="when it left last")
    told_at = models.DateTimeField(
        null=True, blank=True, help_text="what the gateway's clock had shown before it left first"
    )
    missed_at = models.DateTimeField(null=True, blank=True, help_text="when first not found")
    checks = models.PositiveSmallIntegerField(default=0, help_text="how often it was looked into")
    next_check_at = models.DateTimeField(null=True, blank=True)
    requested_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["Refund"]()

    class Meta:
        ordering = ["-requested_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="refund_is_positive")
        ]
        indexes = [
            models.Index(
                fields=["next_check_at"],
                name="refund_to_check",
                condition=models.Q(next_check_at__isnull=False),
            ),
            models.Index(fields=["gateway_reference"], name="refund_by_reference"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.payment_id}"


class PaymentEvent(models.Model):
    """One thing that happened to a payment; append-only (migration `0002`), and chained."""

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="events")
    attempt = models.ForeignKey(
        PaymentAttempt, on_delete=models.PROTECT, null=True, related_name="events"
    )
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    actor = models.CharField(max_length=64, help_text="a person's e-mail, webhook, schedule, …")
    event = models.CharField(max_length=48)
    from_state = models.CharField(max_length=16, blank=True)
    to_state = models.CharField(max_length=16, blank=True)
    details = models.JSONField(default=dict)
    # The database writes both: each event seals the payment's events before it.
    previous_hash = models.CharField(max_length=64, blank=True, editable=False)
    hash = models.CharField(max_length=64, blank=True, editable=False)

    objects = models.Manager["PaymentEvent"]()

    class Meta:
        ordering = ["payment", "id"]
        indexes = [
            models.Index(
                fields=["at"],
                name="payment_event_contradicts",
                condition=models.Q(event="gateway_contradicts"),
            )
        ]

    def __str__(self) -> str:
        return self.event
