"""Billing runs: what was due, how far they came, and which customers stood in the way."""

from django.db import models

from subscriptions.models import CustomerClock, Subscription
from tiktoktoe.kernel.clock import now


class BillingRun(models.Model):
    """One pass over the subscriptions due at an instant; safe to kill and to run again."""

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"

    at = models.DateTimeField(help_text="what was due by this instant is billed")
    state = models.CharField(max_length=16, choices=State.choices, default=State.RUNNING)
    clock = models.ForeignKey(
        CustomerClock,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        help_text="whose customers are billed; empty: all that have no test clock",
    )
    due_count = models.PositiveIntegerField(default=0)
    invoice_count = models.PositiveIntegerField(default=0)
    failure_count = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(default=now)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["BillingRun"]()

    class Meta:
        ordering = ["-started_at", "-id"]

    def __str__(self) -> str:
        return f"run of {self.at:%Y-%m-%d %H:%M}"


class BillingFailure(models.Model):
    """A subscription that could not be billed; it is left out until somebody releases it."""

    run = models.ForeignKey(BillingRun, on_delete=models.PROTECT, related_name="failures")
    subscription = models.ForeignKey(
        Subscription, on_delete=models.PROTECT, related_name="billing_failures"
    )
    error = models.TextField()
    failed_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["BillingFailure"]()

    class Meta:
        ordering = ["-failed_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["subscription"],
                condition=models.Q(released_at__isnull=True),
                name="billing_failure_open_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.subscription}: {self.error[:60]}"
