"""What became of stored ways to pay; the database itself writes it down."""

from django.db import models
from django.db.models.functions import Now

from billing.models.payment_methods import PaymentMethod


class MethodEvent(models.Model):
    """One change of a stored method, written by a trigger of a migration. Append-only.

    A card that its network has replaced keeps its reference: the event has what it was before.
    """

    class Event(models.TextChoices):
        STORED = "stored"
        REPLACED = "replaced", "Replaced or renewed"
        DEFAULT_SET = "default_set", "Made the default"
        DEFAULT_UNSET = "default_unset", "No longer the default"
        REMOVED = "removed"
        HELD = "held", "Held by a further gateway"
        LET_GO = "let_go", "No longer held by a further gateway"

    method = models.ForeignKey(PaymentMethod, on_delete=models.PROTECT, related_name="events")
    event = models.CharField(max_length=16, choices=Event.choices)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    recorded_at = models.DateTimeField(db_default=Now())

    objects = models.Manager["MethodEvent"]()

    class Meta:
        ordering = ["method", "id"]

    def __str__(self) -> str:
        return f"{self.method_id}: {self.event}"
