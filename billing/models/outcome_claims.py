"""What a person says became of what no gateway tells the outcome of."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from billing.models.operations import PaymentOperation
from billing.models.payments import PaymentAttempt, Refund


class OutcomeClaim(models.Model):
    """A claim with its evidence; it counts once a second person has seen the evidence too.

    It is of one attempt, refund, or capture or void (an operation), which was asked about in vain
    for a day; migration `0085` refuses any other, and a change of what is claimed.
    """

    class Verdict(models.TextChoices):
        EXECUTED = "executed", "It was executed"
        NOT_EXECUTED = "not_executed", "It was not executed"

    class State(models.TextChoices):
        OPEN = "open"
        AGREED = "agreed"
        REFUSED = "refused"

    attempt = models.ForeignKey(
        PaymentAttempt,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="outcome_claims",
    )
    refund = models.ForeignKey(
        Refund, on_delete=models.PROTECT, null=True, blank=True, related_name="outcome_claims"
    )
    operation = models.ForeignKey(
        PaymentOperation,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="outcome_claims",
    )
    verdict = models.CharField(max_length=16, choices=Verdict.choices)
    reference = models.CharField(
        max_length=255, blank=True, help_text="the gateway's name for it, if it was executed"
    )
    proof = models.CharField(max_length=300)
    reason = models.CharField(max_length=300)
    state = models.CharField(max_length=16, choices=State.choices, default=State.OPEN)
    claimed_at = models.DateTimeField()
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    contradicted_at = models.DateTimeField(
        null=True, blank=True, help_text="when the gateway first said otherwise, afterwards"
    )

    objects = models.Manager["OutcomeClaim"]()

    class Meta:
        ordering = ["-claimed_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["attempt"], condition=Q(state="open"), name="outcome_claim_one_open"
            ),
            models.UniqueConstraint(
                fields=["refund"], condition=Q(state="open"), name="outcome_claim_one_open_refund"
            ),
            models.UniqueConstraint(
                fields=["operation"],
                condition=Q(state="open"),
                name="outcome_claim_one_open_operation",
            ),
            models.CheckConstraint(
                condition=Q(attempt__isnull=False, refund__isnull=True, operation__isnull=True)
                | Q(attempt__isnull=True, refund__isnull=False, operation__isnull=True)
                | Q(attempt__isnull=True, refund__isnull=True, operation__isnull=False),
                name="outcome_claim_of_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(contradicted_at__isnull=True) | Q(state="agreed"),
                name="outcome_claim_contradicted_once_agreed",
            ),
            models.CheckConstraint(
                condition=Q(state="open", decided_by__isnull=True, decided_at__isnull=True)
                | Q(state="refused", decided_by__isnull=False, decided_at__isnull=False)
                | (Q(state="agreed", decided_at__isnull=False) & ~Q(decided_by=F("claimed_by"))),
                name="outcome_claim_agreed_by_another",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["open", "refused"]) | Q(decided_by__isnull=False),
                name="outcome_claim_agreed_by_somebody",
            ),
            models.CheckConstraint(
                condition=(Q(verdict="executed") & ~Q(reference=""))
                | Q(verdict="executed", operation__isnull=False)  # not every gateway names them
                | Q(verdict="not_executed", reference=""),
                name="outcome_claim_names_the_charge",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()}: {self.proof}"

    @property
    def target(self) -> PaymentAttempt | Refund | PaymentOperation:
        """What it is of."""
        found = self.attempt or self.refund or self.operation
        assert found is not None, "a constraint sees to it"
        return found
