"""Another amount than was asked for, in another currency too: told as it is, each one once."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from billing.domain.attempts import Answer
from billing.gateways.base import Outcome
from billing.models import Invoice, Payment
from billing.queries.contradictions import open_contradictions
from billing.services.payments.charging import charge_invoice
from billing.services.payments.holds import capture_hold, hold_invoice
from billing.services.payments.operations import settle_operation
from billing.services.payments.refunds import refund_payment, settle_refund
from billing.services.payments.settling import settle_attempt
from tests.scripted_gateway import CARDS, TwoGateways, gateways
from tests.stripe_world import NOW, PERSON, invoice_of
from tiktoktoe.kernel.money import Money

__all__ = ["gateways"]  # a fixture
pytestmark = pytest.mark.django_db
ASKED = Money("10.00", "USD")


def test_a_refund_in_another_currency_keeps_it(gateways: TwoGateways) -> None:
    charge_invoice(
        invoice=invoice_of(gateways.customer_with_card(held_by="alpha")), actor=PERSON, at=NOW
    )
    gateways.alpha.refund = lambda _: _done("10.00", "EUR")  # type: ignore[attr-defined]
    refund = refund_payment(
        payment=Payment.objects.get(),
        amount=ASKED,
        reason="goodwill",
        actor=PERSON,
        idempotency_key="r",
        at=NOW,
    )

    for amount, currency in (("10.00", "EUR"), ("1.00", "USD"), ("1.00", "EUR"), ("1.00", "USD")):
        settle_refund(refund=refund, outcome=_done(amount, currency), actor=PERSON, at=NOW)

    assert _said() == [
        "The refund came to 10.00 EUR, and 10.00 USD was asked for",
        "The refund came to 1.00 USD, and 10.00 USD was asked for",
        "The refund came to 1.00 EUR, and 10.00 USD was asked for",
    ]


def test_a_capture_in_another_currency_keeps_it(gateways: TwoGateways) -> None:
    gateways.alpha.capabilities = replace(
        CARDS,
        has_partial_capture=True,
        has_multi_capture=True,
        authorization_lasts=timedelta(days=7),
    )
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    hold = hold_invoice(invoice=invoice, actor=PERSON, at=NOW)
    gateways.alpha.capture = lambda _: _done("10.00", "EUR")  # type: ignore[attr-defined]
    capture = capture_hold(attempt=hold, amount=ASKED, actor=PERSON, idempotency_key="c", at=NOW)

    for amount, currency in (("2.00", "USD"), ("10.00", "EUR"), ("2.00", "USD")):
        settle_operation(operation=capture, outcome=_done(amount, currency), actor=PERSON, at=NOW)

    assert _said() == [
        "The capture came to 10.00 EUR, and 10.00 USD was asked for",
        "The capture came to 2.00 USD, and 10.00 USD was asked for",
    ]
    assert Invoice.objects.get().amount_paid.amount == 0


def test_a_charge_in_another_currency_is_not_followed_by_a_click(gateways: TwoGateways) -> None:
    gateways.alpha.script = [_done("99.00", "EUR")]

    attempt = charge_invoice(
        invoice=invoice_of(gateways.customer_with_card(held_by="alpha")), actor=PERSON, at=NOW
    )
    settle_attempt(attempt=attempt, outcome=_done("99.00", "EUR"), actor=PERSON, at=NOW)

    (row,) = open_contradictions()
    assert (attempt.state, row.word) == ("unknown", None)
    assert row.amount == Money("99.00", "EUR")


def _said() -> list[str]:
    return [row.says for row in open_contradictions()]


def _done(amount: str, currency: str) -> Outcome:
    money = Money(Decimal(amount), currency)
    return Outcome(answer=Answer.SUCCEEDED, reference="re", amount=money)
