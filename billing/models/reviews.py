"""Payments that a person looks at before they are sent."""

from django.conf import settings
from django.db import models

from billing.models.payments import Payment
from tiktoktoe.kernel.clock import now


class PaymentReview(models.Model):
    """What risk rules said of a payment, and what a person decided."""

    class State(models.TextChoices):
        OPEN = "open"
        APPROVED = "approved"
        REFUSED = "refused"

    payment = models.OneToOneField(Payment, on_delete=models.PROTECT, related_name="review")
    state = models.CharField(max_length=16, choices=State.choices, default=State.OPEN)
    points = models.PositiveSmallIntegerField()
    hits = models.JSONField(help_text="the rules that hit, and their points")
    created_at = models.DateTimeField(default=now)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    reason = models.CharField(max_length=300, blank=True)

    objects = models.Manager["PaymentReview"]()

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="open", decided_at__isnull=True)
                | (models.Q(decided_at__isnull=False) & ~models.Q(reason="")),
                name="payment_review_decided_with_a_reason",
            )
        ]
        indexes = [
            models.Index(
                fields=["created_at"],
                name="payment_review_open",
                condition=models.Q(state="open"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.points} points: {self.state}"

    @property
    def dialog_ids(self) -> tuple[str, str]:
        """What the dialogs to approve and to refuse it are called on a page."""
        return f"approve-{self.pk}", f"refuse-{self.pk}"
