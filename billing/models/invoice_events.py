"""What people did to an invoice before it was final, or to take it back: by whom and why."""

from django.db import models

from billing.models.invoices import Invoice
from tiktoktoe.kernel.clock import now


class InvoiceEvent(models.Model):
    """One act, for good: migration `draft_reviews` lets no row be changed or removed."""

    class Kind(models.TextChoices):
        CHARGED = "charged", "Written by hand"
        HELD = "held", "Held for review"
        JOINED = "joined", "First bill put on it"
        LINE_ADDED = "line_added", "Line added"
        LINE_REMOVED = "line_removed", "Line removed"
        REFRESHED = "refreshed", "Worked out again"
        DISCARDED = "discarded", "Discarded"
        BILLED_AGAIN = "billed_again", "Its period is billed again"
        AGAIN = "again", "Drafted again"
        REPLACED = "replaced", "Replaced by another"
        MOVED_IN = "moved_in", "Moved in"
        REPLACES = "replaces", "Replaces another"

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    actor = models.CharField(max_length=64)
    reason = models.CharField(max_length=200, blank=True)
    details = models.JSONField(default=dict)
    at = models.DateTimeField(default=now)

    objects = models.Manager["InvoiceEvent"]()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.invoice}: {self.kind}"
