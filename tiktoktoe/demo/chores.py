"""What a day asks of each customer alone, so that several processes can share it by customer."""

import gc
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection

from billing.domain.mandate_words import consent_language, consent_text
from billing.models import Invoice, PaymentMethod
from billing.services.payments.checkout import confirm_payment, open_payment_page
from billing.services.payments.collection import Share, collect_due
from billing.services.payments.payment_methods import (
    open_setup_page,
    set_default_method,
    take_over_method,
)
from subscriptions.models import Customer
from subscriptions.services.transitions import Actor
from tiktoktoe.demo.second_gateway import SecondGateway
from tiktoktoe.sandbox.control import SandboxControl

PORTAL = Actor(source="portal")
CardOfCustomer = tuple[int, str, str]
CardForInvoice = tuple[str, str]


def do_chores(
    *,
    sandbox: SandboxControl,
    second: SecondGateway | None,
    cards: Sequence[CardOfCustomer],
    pages: Sequence[CardForInvoice],
    share: Share,
    at: datetime,
) -> None:
    """New customers store a card, others pay on a page, and what is due is collected.

    Args:
        second: Where some keep their card too.
        cards: The number of the card that a customer stores, and its holder's name at the
            second gateway; none: it is kept at the first alone.
        pages: The number of the card that an invoice is paid with.
        share: Whose due invoices are collected.
    """
    for customer_id, card, holder in cards:
        customer = Customer.objects.get(pk=customer_id)
        method = store_card(sandbox=sandbox, customer=customer, card=card, at=at)
        if second is not None and holder:
            second.keep_card(method=method, card=card, holder=holder, at=at)
    for invoice_id, card in pages:
        pay_on_page(sandbox=sandbox, invoice_id=UUID(invoice_id), card=card, at=at)
    collect_due(at=at, share=share)


def store_card(
    *, sandbox: SandboxControl, customer: Customer, card: str, at: datetime
) -> PaymentMethod:
    """Store a card, or an account, on the gateway's page, as the customer would; the default."""
    is_debit = card[:2].isalpha()  # an IBAN
    address = open_setup_page(
        customer=customer,
        at=at,
        kinds=frozenset({"bank_debit"}) if is_debit else frozenset(),
        consent=_agreement(customer) if is_debit else "",
    )
    session = address.rpartition("/")[2]
    sandbox.complete_checkout(session, card=card, copy=customer.external_id)
    method = take_over_method(session=session, at=at, customer=customer)
    assert method is not None
    return method if method.is_default else set_default_method(method=method)


def _agreement(customer: Customer) -> str:
    """What whoever gives an account agrees to."""
    language = consent_language(customer.locale)
    return consent_text(language=language, creditor=settings.COMPANY["name"], days=None)


def pay_on_page(*, sandbox: SandboxControl, invoice_id: UUID, card: str, at: datetime) -> None:
    """Pay an invoice on the gateway's page, as the customer would."""
    invoice = Invoice.objects.select_related("customer").get(pk=invoice_id)
    session = open_payment_page(invoice=invoice, actor=PORTAL, at=at).rpartition("/")[2]
    sandbox.complete_checkout(session, card=card, copy=invoice.customer.external_id)
    payment = invoice.payments.latest("created_at")
    confirm_payment(payment=payment, actor=PORTAL, at=at)


def hurry() -> None:
    """Let this process and its session be quick: a demo cut short is made anew anyway.

    Looking for circular garbage among what is loaded costs a fifth of the time, and waiting for
    the disk at each of 20,000 commits some more; what is committed is still whole.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
