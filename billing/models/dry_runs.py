"""Dry runs: what a billing run would come to, by now or by a coming day, kept to be looked at."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from billing.models.money_fields import money_field
from subscriptions.models import Customer, Subscription


class DryRun(models.Model):
    """What would be billed by an instant, worked out in chunks by the run's own code."""

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        CANCELED = "canceled"

    at = models.DateTimeField(help_text="what is due by this instant")
    state = models.CharField(max_length=16, choices=State.choices, default=State.RUNNING)
    due_count = models.PositiveIntegerField()
    done_count = models.PositiveIntegerField(default=0)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["DryRun"]()

    class Meta:
        ordering = ["-started_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["state"],
                condition=models.Q(state="running"),
                name="dry_run_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(state="running") ^ models.Q(finished_at__isnull=False),
                name="dry_run_is_finished_or_runs",
            ),
            models.CheckConstraint(
                condition=models.Q(done_count__lte=models.F("due_count")),
                name="dry_run_does_no_more_than_is_due",
            ),
        ]

    def __str__(self) -> str:
        return f"dry run by {self.at:%Y-%m-%d %H:%M}"


class DryRunChunk(models.Model):
    """Subscriptions of whole customers that a worker looks at together, and whether one has."""

    run = models.ForeignKey(DryRun, on_delete=models.CASCADE, related_name="chunks")
    subscription_ids = ArrayField(models.BigIntegerField())
    claimed_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    done_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["DryRunChunk"]()

    class Meta:
        indexes = [
            models.Index(
                fields=["run"], condition=models.Q(done_at__isnull=True), name="dry_run_chunk_open"
            )
        ]

    def __str__(self) -> str:
        return f"{len(self.subscription_ids)} of {self.run_id}"


class DryRunInvoice(models.Model):
    """An invoice that would be issued, before tax beside the one before it of its subscriptions."""

    run = models.ForeignKey(DryRun, on_delete=models.CASCADE, related_name="invoices")
    chunk = models.ForeignKey(DryRunChunk, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveIntegerField(help_text="in its chunk")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    references = ArrayField(models.CharField(max_length=64), help_text="of its subscriptions")
    boundary = models.DateTimeField(help_text="when it would be due to be billed")
    line_count = models.PositiveIntegerField()
    currency = models.CharField(max_length=3)
    subtotal = money_field()
    tax = money_field()
    total = money_field()
    is_before_tax = models.BooleanField(default=False, help_text="its tax engine is not asked")
    before = money_field(null=True, default=None, help_text="empty: nothing was billed yet")
    difference = money_field(null=True, default=None)
    changes = models.JSONField(default=list, help_text="what differs, line by line, and why")

    objects = models.Manager["DryRunInvoice"]()

    class Meta:
        ordering = ["run", "id"]
        constraints = [
            models.UniqueConstraint(fields=["chunk", "position"], name="dry_run_invoice_once"),
            models.CheckConstraint(
                condition=models.Q(total=models.F("subtotal") + models.F("tax")),
                name="dry_run_invoice_adds_up",
            ),
        ]
        indexes = [models.Index(fields=["run", "currency"], name="dry_run_invoice_of_run")]

    def __str__(self) -> str:
        return f"{self.total} of {self.customer_id}"


class DryRunFailure(models.Model):
    """A subscription that would be set aside, and why."""

    run = models.ForeignKey(DryRun, on_delete=models.CASCADE, related_name="failures")
    chunk = models.ForeignKey(DryRunChunk, on_delete=models.CASCADE, related_name="+")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="+")
    error = models.TextField()

    objects = models.Manager["DryRunFailure"]()

    class Meta:
        ordering = ["run", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "subscription"], name="dry_run_failure_once_per_subscription"
            )
        ]

    def __str__(self) -> str:
        return self.error[:60]
