"""That usage crossed a spending threshold in a period, and was billed early for it."""

from django.db import models

from billing.models.invoices import Invoice
from subscriptions.models import Subscription


class ThresholdCrossing(models.Model):
    """One level of usage that a subscription reached in a period: billed once, kept for ever."""

    subscription = models.ForeignKey(
        Subscription, on_delete=models.PROTECT, related_name="threshold_crossings"
    )
    period_start = models.DateTimeField()
    level = models.DecimalField(
        max_digits=22, decimal_places=10, help_text="usage before tax, in the plan's currency"
    )
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="crossings")
    crossed_at = models.DateTimeField()

    objects = models.Manager["ThresholdCrossing"]()

    class Meta:
        ordering = ["subscription", "period_start", "level"]
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "period_start", "level"], name="threshold_crossed_once"
            ),
            models.CheckConstraint(
                condition=models.Q(level__gt=0), name="threshold_level_is_above_zero"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscription} reached {self.level}"
