"""A row's amounts share its currency, whatever the default currency is."""

import pytest

from billing.models import Payment
from tests.factories.billing import one_off_invoice
from tests.factories.subscriptions import JAN_1, make_customer
from tiktoktoe.kernel.ids import uuid7

pytestmark = pytest.mark.django_db


def test_an_amount_that_starts_from_nothing_keeps_the_rows_currency() -> None:
    customer = make_customer(currency="EUR")
    invoice = one_off_invoice(customer=customer)

    payment = Payment.objects.create(
        id=uuid7(),
        customer=customer,
        invoice=invoice,
        currency="EUR",
        amount=10,
        purpose="on_session",
        idempotency_key="k",
        created_at=JAN_1,
    )

    assert payment.currency == "EUR"
    assert str(payment.amount_refunded.currency) == "EUR"
    assert Payment.objects.get().currency == "EUR"
