"""What is taken back of an invoice; final when made."""

from django.db import models

from billing.models.invoices import Invoice, InvoiceLine
from billing.models.money_fields import money_field
from subscriptions.models import Customer
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.money import Money


class CreditNote(models.Model):
    """A correction of a final invoice; immutable (migration `0002`)."""

    id = models.UUIDField(primary_key=True)
    number = models.CharField(max_length=32, unique=True)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="credit_notes")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="credit_notes")
    currency = models.CharField(max_length=3)
    subtotal = money_field()
    tax = money_field()
    total = money_field()
    to_invoice = money_field(help_text="what the invoice owes less")
    to_wallets = money_field(help_text="of that, what goes back to the prepaid credits that paid")
    to_refund = money_field(help_text="what is given back as money")
    to_balance = money_field(help_text="what is put on the credit balance")
    reason = models.CharField(max_length=200)
    tax_breakdown = models.JSONField(default=list)
    idempotency_key = models.CharField(max_length=100, unique=True)
    issued_at = models.DateTimeField()
    created_at = models.DateTimeField(default=now)

    objects = models.Manager["CreditNote"]()

    class Meta:
        ordering = ["-issued_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(total=models.F("subtotal") + models.F("tax")),
                name="credit_note_total_is_subtotal_plus_tax",
            ),
            models.CheckConstraint(condition=models.Q(total__gt=0), name="credit_note_is_positive"),
            models.CheckConstraint(
                condition=models.Q(
                    total=models.F("to_invoice") + models.F("to_refund") + models.F("to_balance"),
                    to_invoice__gte=0,
                    to_refund__gte=0,
                    to_balance__gte=0,
                ),
                name="credit_note_parts_are_its_total",
            ),
            models.CheckConstraint(
                condition=models.Q(to_wallets__gte=0, to_wallets__lte=models.F("to_invoice")),
                name="credit_note_to_wallets_comes_off_its_invoice",
            ),
        ]
        indexes = [
            models.Index(
                fields=["issued_at"],
                condition=models.Q(to_refund__gt=0),
                name="credit_note_promises_money",
            )
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def owed_less(self) -> Money:
        """What its invoice owes less: what comes off it and was not paid with prepaid credits."""
        less: Money = self.to_invoice - self.to_wallets
        return less


class CreditNoteLine(models.Model):
    """What is taken back of one invoice line, net of tax."""

    id = models.UUIDField(primary_key=True)
    credit_note = models.ForeignKey(CreditNote, on_delete=models.PROTECT, related_name="lines")
    invoice_line = models.ForeignKey(
        InvoiceLine, on_delete=models.PROTECT, related_name="credit_note_lines"
    )
    description = models.CharField(max_length=300)
    currency = models.CharField(max_length=3)
    amount = money_field()
    tax_amount = money_field()
    taxes = models.JSONField(default=list, help_text="[{code, tax}] where there are several")

    objects = models.Manager["CreditNoteLine"]()

    class Meta:
        ordering = ["credit_note", "id"]

    def __str__(self) -> str:
        return self.description
