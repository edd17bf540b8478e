"""That usage came to what is included, or to a budget: each once in a period."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from billing.models.money_fields import money_field
from subscriptions.models import Price, Subscription


class UsageBudget(models.Model):
    """From which amount of usage in a period, before tax, a customer wants to be told."""

    subscription = models.OneToOneField(
        Subscription, on_delete=models.PROTECT, related_name="usage_budget"
    )
    currency = models.CharField(max_length=3)
    amount = money_field()
    set_at = models.DateTimeField()
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True
    )
    source = models.CharField(max_length=32)

    objects = models.Manager["UsageBudget"]()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="usage_budget_is_above_zero")
        ]

    def __str__(self) -> str:
        return f"{self.amount} for {self.subscription}"


class UsageAlert(models.Model):
    """A share of the included units of a price, or a budget, that was reached in a period.

    Of those reached at once only the highest is told (`is_told`). Append-only.
    """

    subscription = models.ForeignKey(
        Subscription, on_delete=models.PROTECT, related_name="usage_alerts"
    )
    period_start = models.DateTimeField()
    price = models.ForeignKey(
        Price, on_delete=models.PROTECT, null=True, related_name="+", help_text="empty: a budget"
    )
    percent = models.PositiveSmallIntegerField()
    used = models.DecimalField(max_digits=38, decimal_places=10)
    level = models.DecimalField(
        max_digits=38, decimal_places=10, help_text="the units included, or the budget"
    )
    is_told = models.BooleanField()
    raised_at = models.DateTimeField()

    objects = models.Manager["UsageAlert"]()

    class Meta:
        ordering = ["-raised_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "period_start", "price", "percent"],
                condition=Q(price__isnull=False),
                name="usage_alert_once_per_period_and_share",
            ),
            models.UniqueConstraint(
                fields=["subscription", "period_start", "level"],
                condition=Q(price__isnull=True),
                name="usage_alert_once_per_period_and_budget",
            ),
            models.CheckConstraint(
                condition=Q(price__isnull=True, percent=100) | Q(price__isnull=False),
                name="usage_alert_of_a_budget_is_the_whole",
            ),
        ]
        indexes = [models.Index(fields=["raised_at"], name="usage_alert_newest")]

    def __str__(self) -> str:
        return f"{self.subscription}: {self.percent} %"
