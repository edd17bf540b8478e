"""Mandates that a gateway keeps: what it tells of them, and what was agreed to."""

from django.db import models

from billing.models.payment_methods import PaymentMethod
from tiktoktoe.kernel.clock import now


class GatewayMandate(models.Model):
    """A customer's permission to debit an account, held by the gateway that debits it.

    What was agreed to never changes, and one that has ended stays so (a migration's trigger).
    """

    class State(models.TextChoices):
        PENDING = "pending"
        ACTIVE = "active"
        ENDED = "ended"

    method = models.OneToOneField(
        PaymentMethod, on_delete=models.PROTECT, related_name="gateway_mandate"
    )
    gateway = models.CharField(max_length=32)
    gateway_reference = models.CharField(max_length=255)
    reference = models.CharField(max_length=255, blank=True, help_text="on bank statements")
    url = models.URLField(max_length=1000, blank=True, help_text="where it can be read")
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    consent = models.TextField(
        blank=True, help_text="the words that were agreed to; empty: those of the gateway's page"
    )
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_from = models.CharField(max_length=64, blank=True, help_text="the address")
    ended_at = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField(
        null=True, blank=True, help_text="when the gateway was last asked about it"
    )
    created_at = models.DateTimeField(default=now)

    objects = models.Manager["GatewayMandate"]()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "gateway_reference"], name="gateway_mandate_once"
            ),
            models.CheckConstraint(
                condition=models.Q(state="ended", ended_at__isnull=False)
                | (~models.Q(state="ended") & models.Q(ended_at__isnull=True)),
                name="gateway_mandate_ended_with_an_instant",
            ),
        ]

    def __str__(self) -> str:
        return self.reference or self.gateway_reference
