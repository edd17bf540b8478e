"""Usage: who may send it, each event once, and what it adds up to.

`UsageEvent` is partitioned by month of `occurred_at`, `UsageEventKey` by hash; both are
made by raw SQL (migration `0002`). They carry no foreign keys, so that a partition can be
detached and moved.
"""

from django.db import models

from subscriptions.models.catalog import Meter
from subscriptions.models.customers import Customer
from tiktoktoe.kernel.clock import now


class EventSource(models.Model):
    """A system that may send usage, known by its API key; only the key's hash is kept."""

    name = models.CharField(max_length=100, unique=True)
    key_prefix = models.CharField(max_length=16)
    key_hash = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField(default=now)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["EventSource"]()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class UsageEventKey(models.Model):
    """That an event id of a source has been seen, and with which body."""

    pk = models.CompositePrimaryKey("source_id", "event_id")
    source_id = models.BigIntegerField()
    event_id = models.CharField(max_length=128)
    occurred_at = models.DateTimeField()
    body_hash = models.BinaryField(max_length=32)

    objects = models.Manager["UsageEventKey"]()

    class Meta:
        managed = False
        db_table = "subscriptions_usageeventkey"

    def __str__(self) -> str:
        return self.event_id


class UsageEvent(models.Model):
    """One thing a customer used: a quantity on a meter at an instant.

    `counted_at` is the instant it counts at for billing: `occurred_at`, or the start of the
    open period when its own had been closed. `counted_on` is that instant's local day.
    """

    pk = models.CompositePrimaryKey("source_id", "event_id", "occurred_at")
    source_id = models.BigIntegerField()
    event_id = models.CharField(max_length=128)
    occurred_at = models.DateTimeField()
    customer_id = models.BigIntegerField()
    meter_id = models.BigIntegerField()
    quantity = models.DecimalField(max_digits=28, decimal_places=10)
    counted_at = models.DateTimeField()
    counted_on = models.DateField()
    properties = models.JSONField(null=True)
    received_at = models.DateTimeField()

    objects = models.Manager["UsageEvent"]()

    class Meta:
        managed = False
        db_table = "subscriptions_usageevent"

    def __str__(self) -> str:
        return self.event_id


class RejectedEvent(models.Model):
    """An event that was refused, with the reason; nothing that was sent is lost."""

    source = models.ForeignKey(EventSource, on_delete=models.PROTECT, related_name="rejected")
    event_id = models.CharField(max_length=128, blank=True)
    field = models.CharField(max_length=64)
    code = models.CharField(max_length=32)
    reason = models.CharField(max_length=300)
    body = models.TextField()
    received_at = models.DateTimeField()

    objects = models.Manager["RejectedEvent"]()

    class Meta:
        ordering = ["-received_at", "-id"]
        indexes = [models.Index(fields=["-received_at"], name="rejected_event_newest")]

    def __str__(self) -> str:
        return f"{self.event_id}: {self.code}"


class UsageDelta(models.Model):
    """What one ingest batch added to a customer's local day on a meter; folded into UsageDay."""

    customer_id = models.BigIntegerField()
    meter_id = models.BigIntegerField()
    day = models.DateField()
    dimensions = models.JSONField(default=dict, help_text="of the meter's dimensions, their values")
    event_count = models.BigIntegerField()
    quantity_sum = models.DecimalField(max_digits=32, decimal_places=10)
    quantity_max = models.DecimalField(max_digits=28, decimal_places=10)

    objects = models.Manager["UsageDelta"]()

    class Meta:
        indexes = [models.Index(fields=["customer_id", "meter_id", "day"], name="usage_delta_day")]

    def __str__(self) -> str:
        return f"{self.customer_id}/{self.meter_id} {self.day}"


class UsageDay(models.Model):
    """A customer's usage of a meter on one local day, without the deltas not yet folded in.

    One row for each value of the meter's dimensions; of a meter without any, one row.
    """

    pk = models.CompositePrimaryKey("customer_id", "meter_id", "day", "dimensions")
    customer_id = models.BigIntegerField()
    meter_id = models.BigIntegerField()
    day = models.DateField()
    dimensions = models.JSONField(default=dict, help_text="of the meter's dimensions, their values")
    event_count = models.BigIntegerField()
    quantity_sum = models.DecimalField(max_digits=32, decimal_places=10)
    quantity_max = models.DecimalField(max_digits=28, decimal_places=10)

    objects = models.Manager["UsageDay"]()

    class Meta:
        indexes = [models.Index(fields=["meter_id", "day"], name="usage_day_of_meter")]

    def __str__(self) -> str:
        return f"{self.customer_id}/{self.meter_id} {self.day}"


class UsageClosing(models.Model):
    """Until when a customer's usage of a meter is billed; later arrivals count after it."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="+")
    closed_through = models.DateTimeField()

    objects = models.Manager["UsageClosing"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["customer", "meter"], name="usage_closing_once")
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}/{self.meter_id} through {self.closed_through}"
