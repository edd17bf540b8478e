"""Payments that customers contest at their banks, and every movement of money that follows."""

from typing import TYPE_CHECKING

from django.db import models

from billing.models.money_fields import money_field
from billing.models.payments import Payment, PaymentAttempt
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.money import Money, total

if TYPE_CHECKING:
    from datetime import datetime

# The order is that of the index; a test holds them to billing.domain.disputes.
OPEN_DISPUTE_STATES = ("inquiry", "needs_response", "under_review")


class DisputeQuerySet(models.QuerySet["Dispute"]):
    """Named sets of disputes."""

    def open(self) -> "DisputeQuerySet":
        """Those that are not decided."""
        return self.filter(state__in=OPEN_DISPUTE_STATES)

    def to_answer(self) -> "DisputeQuerySet":
        """Those that wait for us, the most urgent first."""
        waiting = self.filter(state__in=["inquiry", "needs_response"])
        return waiting.order_by(models.F("due_at").asc(nulls_last=True), "opened_at")

    def due_within(self, *, at: "datetime", until: "datetime") -> "DisputeQuerySet":
        """Those whose deadline comes before an instant and is not past."""
        return self.to_answer().filter(due_at__gt=at, due_at__lte=until)


class Dispute(models.Model):
    """A customer's claim at its bank against a payment, as far as the gateway has told.

    Its state moves only by `billing.domain.disputes.DISPUTE_MOVES`, which a trigger of
    migration `0032` holds it to.
    """

    class State(models.TextChoices):
        INQUIRY = "inquiry"
        NEEDS_RESPONSE = "needs_response"
        UNDER_REVIEW = "under_review"
        WON = "won"
        LOST = "lost"
        ACCEPTED = "accepted"
        EXPIRED = "expired"
        CLOSED = "closed"

    id = models.UUIDField(primary_key=True)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="disputes")
    attempt = models.ForeignKey(PaymentAttempt, on_delete=models.PROTECT, related_name="disputes")
    gateway = models.CharField(max_length=32)
    gateway_reference = models.CharField(max_length=255)
    state = models.CharField(max_length=16, choices=State.choices)
    reason = models.CharField(max_length=100, blank=True, help_text="as the gateway said it")
    reason_class = models.CharField(max_length=32)
    currency = models.CharField(max_length=3)
    amount = money_field()
    due_at = models.DateTimeField(null=True, blank=True, help_text="until when to answer")
    opened_at = models.DateTimeField()
    reported_at = models.DateTimeField(help_text="of the word that its state comes from")
    closed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now)

    objects = DisputeQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["gateway", "gateway_reference"], name="dispute_once"),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="dispute_is_positive"),
            models.CheckConstraint(
                condition=models.Q(state__in=OPEN_DISPUTE_STATES, closed_at__isnull=True)
                | (~models.Q(state__in=OPEN_DISPUTE_STATES) & models.Q(closed_at__isnull=False)),
                name="dispute_closed_once_decided",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                name="dispute_to_answer",
                condition=models.Q(state__in=["inquiry", "needs_response"]),
            ),
            models.Index(fields=["state", "-opened_at"], name="dispute_by_state"),
        ]

    def __str__(self) -> str:
        return f"dispute of {self.payment.invoice}"

    @property
    def is_answerable(self) -> bool:
        """Whether the bank waits for us."""
        return self.state in {self.State.INQUIRY, self.State.NEEDS_RESPONSE}

    def moved(self, *kinds: str) -> Money:
        """What entries of these kinds come to, in the dispute's currency."""
        entries = [entry for entry in self.entries.all() if entry.kind in kinds]
        own = (entry.amount for entry in entries if entry.currency == self.currency)
        return total(own, self.currency)

    @property
    def held(self) -> Money:
        """What the gateway has taken of us for it and not given back."""
        return self.moved(DisputeEntry.Kind.FUNDS)

    @property
    def fee(self) -> Money:
        """What it has cost so far, but for what was taken in another currency."""
        return self.moved(DisputeEntry.Kind.FEE)


class DisputeEntry(models.Model):
    """One movement of a dispute's money; above zero it goes away from us. Append-only."""

    class Kind(models.TextChoices):
        FUNDS = "funds", "Withdrawn or reinstated"
        FEE = "fee", "Fee"
        EXCHANGE = "exchange", "Exchange difference"
        LOSS = "loss", "Borne by us"
        REOPENING = "reopening", "Owed by the customer again"

    id = models.UUIDField(primary_key=True)
    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    reference = models.CharField(max_length=255, help_text="counts once")
    currency = models.CharField(
        max_length=3, help_text="the dispute's; of fees and exchange differences as they were taken"
    )
    amount = money_field()
    settled_currency = models.CharField(
        max_length=3, blank=True, default="", help_text="of the gateway's balance, if another"
    )
    settled_amount = models.DecimalField(
        max_digits=19, decimal_places=4, null=True, help_text="what it came to there"
    )
    at = models.DateTimeField()

    objects = models.Manager["DisputeEntry"]()

    class Meta:
        ordering = ["dispute", "at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["dispute", "kind", "reference"], name="dispute_entry_once"
            ),
            models.CheckConstraint(condition=~models.Q(amount=0), name="dispute_entry_moves"),
            models.CheckConstraint(
                condition=models.Q(settled_currency="", settled_amount__isnull=True)
                | (
                    models.Q(kind="funds", settled_amount__isnull=False)
                    & ~models.Q(settled_currency="")
                ),
                name="dispute_entry_settled_with_its_currency",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.amount}"


class DisputeRule(models.Model):
    """From a day on: what a lost dispute does to the invoice; the latest one counts."""

    class Rule(models.TextChoices):
        WRITE_OFF = "write_off", "We bear the loss; the invoice stays paid"
        REOPEN = "reopen", "The customer owes the invoice again"

    reason_class = models.CharField(max_length=32, blank=True, help_text="empty: every reason")
    rule = models.CharField(max_length=16, choices=Rule.choices)
    valid_from = models.DateField()

    objects = models.Manager["DisputeRule"]()

    class Meta:
        ordering = ["-valid_from", "reason_class"]
        constraints = [
            models.UniqueConstraint(
                fields=["reason_class", "valid_from"], name="dispute_rule_once_a_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.reason_class or 'every reason'} from {self.valid_from}: {self.rule}"


class DisputeAnswer(models.Model):
    """Our answer in one round of a dispute: evidence, or that we give it up.

    Edited until it is sent; what was sent stays (migration `0038`).
    """

    class Kind(models.TextChoices):
        EVIDENCE = "evidence"
        ACCEPTANCE = "acceptance"

    class State(models.TextChoices):
        DRAFT = "draft"
        DISPATCHED = "dispatched"
        UNKNOWN = "unknown"
        SUBMITTED = "submitted"

    id = models.UUIDField(primary_key=True)
    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="answers")
    round = models.PositiveSmallIntegerField(help_text="a bank that asks again begins another")
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.EVIDENCE)
    state = models.CharField(max_length=16, choices=State.choices, default=State.DRAFT)
    texts = models.JSONField(default=dict, help_text="what is said, by section")
    document = models.BinaryField(null=True, help_text="the pack as it was sent, as PDF")
    files = models.JSONField(default=dict, help_text="documents that the gateway holds, by name")
    tries = models.PositiveSmallIntegerField(default=0, help_text="proven not taken, each")
    sends = models.PositiveSmallIntegerField(default=0, help_text="how often it left, or may have")
    checks = models.PositiveSmallIntegerField(default=0, help_text="how often it was looked into")
    next_check_at = models.DateTimeField(null=True, blank=True)
    message = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    dispatched_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["DisputeAnswer"]()

    class Meta:
        ordering = ["dispute", "round"]
        constraints = [
            models.UniqueConstraint(
                fields=["dispute", "round"], name="dispute_answer_once_a_round"
            ),
            models.CheckConstraint(
                condition=models.Q(state="draft") | models.Q(dispatched_at__isnull=False),
                name="dispute_answer_sent_at_a_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_check_at"],
                name="dispute_answer_to_check",
                condition=models.Q(next_check_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"round {self.round} of {self.dispute}"

    @property
    def idempotency_key(self) -> str:
        """The same until it is proven that it was not taken."""
        return f"dispute:{self.pk}:{self.tries + 1}"


class DisputeReminder(models.Model):
    """That staff were reminded of a deadline, once for each of its steps."""

    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="reminders")
    due_at = models.DateTimeField()
    days_before = models.PositiveSmallIntegerField()
    sent_at = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField()

    objects = models.Manager["DisputeReminder"]()

    class Meta:
        ordering = ["dispute", "-days_before"]
        constraints = [
            models.UniqueConstraint(
                fields=["dispute", "due_at", "days_before"], name="dispute_reminder_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.dispute}: {self.days_before} days before"
