"""When an invoice will be debited, and by which mandate: what customers are to know before.

Source: SEPA Direct Debit Core Rulebook, pre-notification (14 days, unless agreed otherwise);
Nacha Operating Rules, notice of varying amounts (10 days).
"""

from dataclasses import dataclass
from datetime import date

from billing.domain.bank_days import collection_day
from billing.domain.bank_orders import OrderState
from billing.models import BankOrder, Invoice, Mandate, PaymentMethod
from billing.services.bank.banks import bank_named, bank_names
from tiktoktoe.kernel.money import Money

_TO_COME = (OrderState.PLANNED, OrderState.FILED, OrderState.ACCEPTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComingDebit:
    """A debit of an invoice that is to come.

    Attributes:
        is_planned: It is due on that day; else not before it.
    """

    amount: Money
    on: date
    is_planned: bool
    mandate: Mandate


def coming_debit(invoice: Invoice) -> ComingDebit | None:
    """The debit by which an invoice will be collected, by its order or, before there is one, by
    its customer's default mandate; None if it is not to be debited."""
    if invoice.state != Invoice.State.OPEN or invoice.amount_due.amount <= 0:
        return None
    if invoice.finalized_at is None or not bank_names():
        return None
    order = _order_of(invoice)
    if order is not None and order.mandate is not None:
        amount, on = order.amount, order.due_on
        return ComingDebit(amount=amount, on=on, is_planned=True, mandate=order.mandate)
    mandate = _mandate_of(invoice)
    return _by_default(invoice, mandate) if mandate is not None else None


def _order_of(invoice: Invoice) -> BankOrder | None:
    orders = BankOrder.objects.filter(attempt__payment__invoice=invoice, state__in=_TO_COME)
    return orders.select_related("mandate").order_by("-created_at").first()


def _mandate_of(invoice: Invoice) -> Mandate | None:
    """The default method's mandate, where nothing else is collecting the invoice already."""
    if invoice.payments.exclude(state="open").exclude(state="returned").exists():
        return None
    methods = PaymentMethod.objects.usable().filter(gateway__in=bank_names(), is_default=True)
    method = methods.filter(customer=invoice.customer_id).first()
    if method is None or bank_named(method.gateway).currency != invoice.currency:
        return None
    return Mandate.objects.filter(method=method, state=Mandate.State.ACTIVE).first()


def _by_default(invoice: Invoice, mandate: Mandate) -> ComingDebit:
    assert invoice.finalized_at is not None
    terms = bank_named(mandate.gateway).terms
    day = collection_day(
        at=invoice.finalized_at,
        notice_days=mandate.notice_days,
        terms=terms.files,
        is_open=terms.is_open,
    )
    return ComingDebit(amount=invoice.amount_due, on=day, is_planned=False, mandate=mandate)
