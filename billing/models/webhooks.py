"""What gateways have told us: an inbox in which each event lies once."""

from django.db import models

from tiktoktoe.kernel.clock import now


class WebhookEvent(models.Model):
    """One event of a gateway, or a request that was refused at the door.

    An event is kept before anything is done about it, so that nothing is lost when a worker
    dies; what it proves by itself is kept apart from what it merely tells.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        FAILED = "failed"  # tried often enough: somebody has to look
        REFUSED = "refused"  # not signed by the gateway, or unreadable

    gateway = models.CharField(max_length=32)
    event_id = models.CharField(max_length=255)
    name = models.CharField(max_length=64, blank=True, help_text="the gateway's own word")
    about = models.CharField(max_length=16, blank=True)
    reference = models.CharField(max_length=255, blank=True)
    our_reference = models.CharField(max_length=255, blank=True)
    customer_reference = models.CharField(max_length=255, blank=True)
    proof = models.JSONField(default=dict, blank=True, help_text="what it proves by itself")
    is_signed = models.BooleanField()
    payload = models.TextField(help_text="as it came, for a time; cut short when refused")
    # The database writes it: what the payload was, once it is erased.
    payload_digest = models.CharField(max_length=64, blank=True, editable=False)
    redacted_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.WAITING)
    result = models.CharField(max_length=300, blank=True)
    is_polled = models.BooleanField(default=False, help_text="we had to ask for it")
    copies = models.PositiveIntegerField(default=1, help_text="how often it came")
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    happened_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(default=now)
    done_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["WebhookEvent"]()

    class Meta:
        ordering = ["-received_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "event_id", "is_signed"], name="webhook_event_once"
            ),
            models.CheckConstraint(
                condition=models.Q(is_signed=True) | models.Q(state="refused", proof={}),
                name="webhook_event_unsigned_proves_nothing",
            ),
            models.CheckConstraint(
                condition=models.Q(state="waiting", next_try_at__isnull=False)
                | (~models.Q(state="waiting") & models.Q(next_try_at__isnull=True)),
                name="webhook_event_waits_for_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(redacted_at=None) | models.Q(payload=""),
                name="webhook_event_redacted_is_empty",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                name="webhook_event_waiting",
                condition=models.Q(next_try_at__isnull=False),
            ),
            models.Index(fields=["gateway", "-received_at"], name="webhook_event_of_gateway"),
        ]

    def __str__(self) -> str:
        return f"{self.gateway} {self.name or self.state} {self.event_id}"


class EventCursor(models.Model):
    """How far a gateway's events have been asked for; it only moves on."""

    gateway = models.CharField(max_length=32, unique=True)
    seen_until = models.DateTimeField(help_text="when the newest event that was seen was made")
    asked_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["EventCursor"]()

    class Meta:
        ordering = ["gateway"]

    def __str__(self) -> str:
        return f"{self.gateway} until {self.seen_until}"
