"""Time that was billed in advance and is not used: what was given back of each line, once."""

from django.db import models

from billing.models.credit_notes import CreditNote
from billing.models.invoices import Invoice, InvoiceLine
from billing.models.money_fields import money_field
from tiktoktoe.kernel.clock import now


class UnusedCredit(models.Model):
    """That the time of a line from an instant on is no longer used, and what became of it.

    A line's time can end only once, so nothing is given back of it twice: `counts` is false
    only after the invoice that carried the credit was void.
    """

    class Form(models.TextChoices):
        LINE = "line", "A line of an invoice"
        NOTE = "note", "A credit note"
        SKIP = "skip", "Nothing"

    invoice_line = models.ForeignKey(
        InvoiceLine, on_delete=models.PROTECT, related_name="unused_credits"
    )
    unused_from = models.DateTimeField()
    form = models.CharField(max_length=8, choices=Form.choices)
    currency = models.CharField(max_length=3)
    amount = money_field()
    derivation = models.JSONField(default=dict)
    invoice = models.ForeignKey(
        Invoice, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    credit_note = models.ForeignKey(
        CreditNote, on_delete=models.PROTECT, null=True, blank=True, related_name="unused_credits"
    )
    counts = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=now)

    objects = models.Manager["UnusedCredit"]()

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice_line"],
                condition=models.Q(counts=True),
                name="unused_time_credited_once_per_line",
            ),
            models.CheckConstraint(
                condition=models.Q(amount__gte=0), name="unused_credit_is_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.invoice_line} from {self.unused_from:%Y-%m-%d}"
