"""Systems that are told what happened, by signed requests, and every try to reach them."""

from django.db import models

from billing.models.announcements import Announcement
from tiktoktoe.kernel.clock import now


class WebhookEndpoint(models.Model):
    """An address of a system, and what it wants to hear.

    Its secret is not kept: it is made of the installation's key and `salt` when it is needed.
    """

    class State(models.TextChoices):
        ACTIVE = "active"
        DISABLED = "disabled"
        REMOVED = "removed"

    reference = models.CharField(max_length=32, unique=True)
    url = models.URLField(max_length=500)
    description = models.CharField(max_length=200, blank=True)
    kinds = models.JSONField(default=list, help_text="kinds of events; empty: all")
    salt = models.BinaryField(max_length=32)
    state = models.CharField(max_length=16, choices=State.choices, default=State.ACTIVE)
    state_reason = models.CharField(max_length=200, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now)

    objects = models.Manager["WebhookEndpoint"]()

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return self.url


class WebhookDelivery(models.Model):
    """One event for one endpoint, and how far delivering it has come."""

    class State(models.TextChoices):
        QUEUED = "queued"
        SENDING = "sending"
        DELIVERED = "delivered"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True)
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.PROTECT, related_name="deliveries"
    )
    announcement = models.ForeignKey(
        Announcement, on_delete=models.PROTECT, related_name="deliveries"
    )
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    tries_done = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["WebhookDelivery"]()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "announcement"], name="event_once_per_endpoint"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["queued", "sending"], next_try_at__isnull=False)
                | (~models.Q(state__in=["queued", "sending"]) & models.Q(next_try_at__isnull=True)),
                name="delivery_waits_for_a_try_or_is_done",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                name="delivery_due",
                condition=models.Q(next_try_at__isnull=False),
            ),
            models.Index(fields=["endpoint", "-created_at"], name="delivery_of_endpoint"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class WebhookTry(models.Model):
    """One request to an endpoint: what it answered, how fast, or why there was no answer."""

    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.PROTECT, related_name="tries")
    at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    milliseconds = models.PositiveIntegerField()
    answer = models.CharField(max_length=500, blank=True, help_text="how the body begins")
    error = models.CharField(max_length=200, blank=True)

    objects = models.Manager["WebhookTry"]()

    class Meta:
        ordering = ["delivery", "id"]

    def __str__(self) -> str:
        return f"{self.status or self.error}"
