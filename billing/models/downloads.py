"""Files of everything that we have of a customer, kept for a short time for who asked for it."""

from django.conf import settings
from django.db import models

from subscriptions.models import Customer


class CustomerDownload(models.Model):
    """A zip of a customer's documents and data; its file is forgotten after a few days."""

    class State(models.TextChoices):
        WAITING = "waiting"
        MAKING = "making"
        READY = "ready"
        FAILED = "failed"
        GONE = "gone"

    id = models.UUIDField(primary_key=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="downloads")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    file = models.BinaryField(null=True, blank=True)
    file_bytes = models.PositiveBigIntegerField(default=0)
    requested_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, blank=True, help_text="when making it began")
    ready_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["CustomerDownload"]()

    class Meta:
        ordering = ["-requested_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="ready", file__isnull=False, expires_at__isnull=False)
                | (~models.Q(state="ready") & models.Q(file=None)),
                name="download_has_a_file_while_it_is_ready",
            ),
            models.UniqueConstraint(
                fields=["customer", "requested_by"],
                condition=models.Q(state__in=["waiting", "making"]),
                name="download_one_in_the_making",
            ),
        ]
        indexes = [
            models.Index(
                fields=["requested_at"],
                condition=models.Q(state__in=["waiting", "making"]),
                name="download_to_make",
            ),
            models.Index(
                fields=["expires_at"],
                condition=models.Q(state="ready"),
                name="download_to_forget",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer}, {self.requested_at:%Y-%m-%d}"
