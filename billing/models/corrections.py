"""What is brought to a gateway's word after it contradicted what was settled, by two people."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from billing.models.money_fields import money_field
from billing.models.operations import PaymentOperation
from billing.models.payments import Payment, PaymentAttempt, PaymentEvent, Refund


class OutcomeCorrection(models.Model):
    """A correction of one contradiction; it moves everything once a second person agrees.

    Migration `0095` lets nobody change what it says, and lets the moves that only a correction
    makes (`billing.domain.corrections`) happen in its own transaction alone.
    """

    class Word(models.TextChoices):
        EXECUTED = "executed", "It was executed after all"
        NOT_EXECUTED = "not_executed", "It was not executed after all"
        SEEN_TO = "seen_to", "It was seen to by hand"

    class State(models.TextChoices):
        OPEN = "open"
        DONE = "done"
        REFUSED = "refused"

    contradiction = models.ForeignKey(
        PaymentEvent, on_delete=models.PROTECT, related_name="corrections"
    )
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="corrections")
    attempt = models.ForeignKey(
        PaymentAttempt, on_delete=models.PROTECT, related_name="corrections"
    )
    refund = models.ForeignKey(
        Refund, on_delete=models.PROTECT, null=True, blank=True, related_name="corrections"
    )
    operation = models.ForeignKey(
        PaymentOperation,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="corrections",
    )
    word = models.CharField(max_length=16, choices=Word.choices)
    currency = models.CharField(max_length=3)
    amount = money_field(help_text="what the gateway says; of a void, or by hand: 0")
    reference = models.CharField(max_length=255, blank=True, help_text="the gateway's name for it")
    note = models.CharField(max_length=300, blank=True, help_text="what was done by hand")
    state = models.CharField(max_length=16, choices=State.choices, default=State.OPEN)
    proposed_at = models.DateTimeField()
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    applied_in = models.BigIntegerField(
        null=True, editable=False, help_text="the transaction that did it; the database's own"
    )

    objects = models.Manager["OutcomeCorrection"]()

    class Meta:
        ordering = ["-proposed_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["contradiction"],
                condition=~Q(state="refused"),
                name="correction_once_per_contradiction",
            ),
            models.UniqueConstraint(
                fields=["refund"],
                condition=Q(state="done") & ~Q(word="seen_to"),
                name="correction_once_per_refund",
            ),
            models.UniqueConstraint(
                fields=["operation"],
                condition=Q(state="done") & ~Q(word="seen_to"),
                name="correction_once_per_operation",
            ),
            models.CheckConstraint(
                condition=Q(refund__isnull=True) | Q(operation__isnull=True),
                name="correction_of_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(amount__gte=0) & (~Q(word="seen_to") | ~Q(note="")),
                name="correction_says_what_was_done",
            ),
            models.CheckConstraint(
                condition=Q(state="open", decided_by__isnull=True, decided_at__isnull=True)
                | Q(state="refused", decided_by__isnull=False, decided_at__isnull=False)
                | Q(state="done", decided_by__isnull=False, decided_at__isnull=False)
                & ~Q(decided_by=F("proposed_by")),
                name="correction_agreed_by_another",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_word_display()}: {self.state}"
