"""Links that open one invoice for paying, without a password."""

from datetime import datetime

from django.db import models
from django.db.models import F, Q

from billing.models.invoices import Invoice

HASH = r"^[0-9a-f]{64}$"


class PayLink(models.Model):
    """A link to pay one invoice; only the hash of its token is kept, so nobody can read it here.

    One of an e-mail (`fix`) serves whoever first goes on to pay by it, and nobody after; one
    that staff share (`share`) serves until it expires or is revoked.
    """

    class Kind(models.TextChoices):
        FIX = "fix", "of an e-mail"
        SHARE = "share", "shared by staff"

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="pay_links")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=64)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True, help_text="when somebody went on to pay")
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=64, blank=True)

    objects = models.Manager["PayLink"]()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="pay_link_ends_after_its_start"
            ),
            models.CheckConstraint(
                condition=Q(token_hash__regex=HASH), name="pay_link_keeps_a_hash"
            ),
        ]
        indexes = [models.Index(fields=["invoice", "-created_at"], name="pay_link_of_invoice")]

    def __str__(self) -> str:
        return f"{self.kind} link to {self.invoice}"

    def is_usable(self, at: datetime) -> bool:
        """Whether it still opens its invoice."""
        return self.revoked_at is None and at < self.expires_at
