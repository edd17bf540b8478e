"""Invoices, made by the real services."""

from datetime import datetime

from billing.models import Invoice, InvoiceLine
from billing.services.invoices.invoicing import bill_start
from subscriptions.models import Customer, PlanVersion
from tests.factories.subscriptions import JAN_1, subscription_since


def open_invoice(
    at: datetime = JAN_1,
    *,
    customer: Customer | None = None,
    version: PlanVersion | None = None,
) -> Invoice:
    """The first invoice of a new subscription: 99.00 for a month in advance, by default."""
    subscription = subscription_since(at, customer=customer, version=version)
    invoice = bill_start(subscription=subscription, at=at)
    assert invoice is not None
    return invoice


def only_line(invoice: Invoice) -> InvoiceLine:
    """The one line of an invoice."""
    return invoice.lines.get()
