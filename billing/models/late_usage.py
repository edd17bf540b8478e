"""Usage that came after its subscription had ended, and was billed afterwards."""

from django.db import models

from billing.models.invoices import InvoiceLine


class LateUsage(models.Model):
    """That one event is billed by a line of its own; `counts` is false once that is taken back.

    An event is billed once: PostgreSQL refuses a second time.
    """

    line = models.ForeignKey(InvoiceLine, on_delete=models.PROTECT, related_name="late_usage")
    source_id = models.BigIntegerField()
    event_id = models.CharField(max_length=128)
    quantity = models.DecimalField(max_digits=28, decimal_places=10)
    counts = models.BooleanField(default=True)

    objects = models.Manager["LateUsage"]()

    class Meta:
        verbose_name_plural = "late usage"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["source_id", "event_id"],
                condition=models.Q(counts=True),
                name="late_usage_billed_once",
            )
        ]

    def __str__(self) -> str:
        return self.event_id
