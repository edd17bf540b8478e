"""How a customer is invoiced: for each subscription, or for all of them together."""

from django.db import models

from billing.models.invoices import Invoice
from subscriptions.models import Customer, Subscription
from tiktoktoe.kernel.clock import now


class InvoicingTerms(models.Model):
    """How a customer's subscriptions in one currency are invoiced; without a row, each alone."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="invoicing_terms")
    currency = models.CharField(max_length=3)
    is_consolidated = models.BooleanField(
        default=False, help_text="one invoice for all whose period ends at the same instant"
    )
    review_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="days its drafts are held; empty: as the company's setting"
    )
    actor = models.CharField(max_length=64)
    changed_at = models.DateTimeField(default=now)

    objects = models.Manager["InvoicingTerms"]()

    class Meta:
        ordering = ["customer", "currency"]
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "currency"], name="invoicing_terms_once_per_currency"
            )
        ]

    def __str__(self) -> str:
        return f"{self.customer} in {self.currency}"


class InvoicePart(models.Model):
    """That an invoice for several subscriptions bills one of them at a boundary.

    Each boundary of a subscription is billed by one such invoice; a void one counts no more.
    """

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="parts")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="+")
    period_start = models.DateTimeField()
    counts = models.BooleanField(default=True)

    objects = models.Manager["InvoicePart"]()

    class Meta:
        ordering = ["invoice", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "period_start"],
                condition=models.Q(counts=True),
                name="invoice_part_once_per_subscription_and_period",
            )
        ]

    def __str__(self) -> str:
        return f"{self.subscription} on {self.invoice}"
