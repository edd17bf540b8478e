"""What a person says became of an attempt whose outcome no gateway tells."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from billing.models.payments import PaymentAttempt


class OutcomeClaim(models.Model):
    """A claim with its evidence; it counts once a second person has seen the evidence too."""

    class Verdict(models.TextChoices):
        EXECUTED = "executed", "The money was taken"
        NOT_EXECUTED = "not_executed", "It was not executed"

    class State(models.TextChoices):
        OPEN = "open"
        AGREED = "agreed"
        REFUSED = "refused"

    attempt = models.ForeignKey(
        PaymentAttempt, on_delete=models.PROTECT, related_name="outcome_claims"
    )
    verdict = models.CharField(max_length=16, choices=Verdict.choices)
    reference = models.CharField(
        max_length=255, blank=True, help_text="the gateway's name for the charge, if it was made"
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

    objects = models.Manager["OutcomeClaim"]()

    class Meta:
        ordering = ["-claimed_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["attempt"], condition=Q(state="open"), name="outcome_claim_one_open"
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
                | Q(verdict="not_executed", reference=""),
                name="outcome_claim_names_the_charge",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()}: {self.proof}"
