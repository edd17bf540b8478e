"""Invoices, made by the real services."""

from datetime import datetime
from decimal import Decimal
from itertools import count

from billing.models import Invoice, InvoiceLine
from billing.services.invoices.invoicing import bill_start
from billing.services.invoices.one_off import ChargeLine, OneOffCharge, charge_once
from subscriptions.models import Customer, PlanVersion
from tests.factories.subscriptions import JAN_1, TEST_ACTOR, make_customer, subscription_since

_keys = count(1)


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


def one_off_invoice(
    at: datetime = JAN_1, *, customer: Customer | None = None, amount: str = "99.00"
) -> Invoice:
    """An open invoice for no subscription: a third of what `open_invoice` asks the database."""
    buyer = customer or make_customer()
    line = ChargeLine(description="Set-up", unit_price=Decimal(amount))
    return charge_once(
        charge=OneOffCharge(customer=buyer, currency=buyer.currency, lines=[line]),
        idempotency_key=f"test-{next(_keys)}",
        actor=TEST_ACTOR,
        at=at,
    )


def only_line(invoice: Invoice) -> InvoiceLine:
    """The one line of an invoice."""
    return invoice.lines.get()
