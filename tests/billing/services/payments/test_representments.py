"""A debit that comes back is presented again as often as its scheme allows, and no more."""

from datetime import datetime

import pytest

from billing.errors import NothingToCharge
from billing.models import Invoice, Payment, PaymentAttempt, PaymentMethod
from billing.services.payments.charging import charge_invoice
from billing.services.payments.collection import collect_due
from billing.services.payments.payment_returns import return_payment
from tests.scripted_gateway import TwoGateways, gateways
from tests.stripe_world import NOW, PERSON, invoice_of

__all__ = ["gateways"]  # a fixture
pytestmark = pytest.mark.django_db


def test_after_two_more_presentments_an_ach_debit_is_left_to_the_customer(
    gateways: TwoGateways,
) -> None:
    customer = gateways.customer_with_card(held_by="alpha", kind="bank_debit")
    PaymentMethod.objects.update(brand="ach_debit")
    invoice = invoice_of(customer)
    at = NOW
    for _ in range(2):
        assert collect_due(at=at).succeeded == 1
        planned = _come_back(invoice, at).next_attempt_at
        assert planned is not None
        at = planned
    assert collect_due(at=at).succeeded == 1

    last = _come_back(invoice, at)

    told = last.events.get(event="collection_after_return").details["reason"]
    assert (last.state, last.next_attempt_at) == ("failed", None)
    assert told.startswith("ach_debit may be presented again 2 times within 180 days (Nacha")
    with pytest.raises(NothingToCharge, match="the network allows no more tries"):
        charge_invoice(invoice=Invoice.objects.get(), actor=PERSON, at=at)
    assert gateways.charges == 3


def _come_back(invoice: Invoice, at: datetime) -> Payment:
    """The bank takes the money of the last payment back; gives what collects it next."""
    attempt = PaymentAttempt.objects.filter(payment__invoice=invoice).latest("dispatched_at")
    made = return_payment(
        attempt=attempt,
        code="R01",
        message="insufficient funds",
        debited_on=None,
        returned_on=at.date(),
        actor=PERSON,
        at=at,
    )
    assert made is not None
    return Payment.objects.filter(invoice=invoice).latest("created_at", "pk")
