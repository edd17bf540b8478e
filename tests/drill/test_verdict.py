"""The drill's judgement: every way in which it can be wrong is seen."""

import pytest

from billing.models import PaymentAttempt
from billing.services.payments.charging import charge_invoice
from tests.factories.subscriptions import make_customer
from tests.scripted_gateway import LOST, TwoGateways, gateways
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.drill.gateways import Charge
from tiktoktoe.drill.verdict import judge

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db
TRUTH = "payments that differ from the gateways' truth"
MISSTATED = "invoices that differ from what was taken"


def _paid(gateways: TwoGateways) -> Charge:
    invoice = invoice_of(gateways.customer_with_card())
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    assert attempt.state == "succeeded"
    return Charge(attempt.gateway, str(attempt.pk), 9900)


def _wrong(*truth: Charge, refused: set[str] | None = None) -> dict[str, int]:
    checks = judge(truth=truth, refused=refused or set(), at=later(hours=1))
    return {check.name: check.found for check in checks if not check.holds}


def test_a_payment_that_the_gateway_took_once_is_right(gateways: TwoGateways) -> None:
    assert _wrong(_paid(gateways)) == {}


def test_taken_twice_is_a_double_charge(gateways: TwoGateways) -> None:
    charge = _paid(gateways)

    assert _wrong(charge, charge) == {"double charges": 1, TRUTH: 1, MISSTATED: 1}


def test_taken_at_another_gateway_than_we_know_differs(gateways: TwoGateways) -> None:
    charge = _paid(gateways)
    elsewhere = Charge("beta", charge.attempt, charge.minor)

    assert _wrong(elsewhere) == {TRUTH: 1}


def test_a_cent_more_or_less_differs(gateways: TwoGateways) -> None:
    charge = _paid(gateways)

    assert _wrong(Charge(charge.gateway, charge.attempt, 9901)) == {TRUTH: 1, MISSTATED: 1}


def test_what_nobody_here_asked_for_differs(gateways: TwoGateways) -> None:
    assert _wrong(_paid(gateways), Charge("alpha", "nobody's", 100)) == {TRUTH: 1}


def test_what_we_say_was_paid_and_was_not_differs(gateways: TwoGateways) -> None:
    _paid(gateways)

    assert _wrong() == {TRUTH: 1, MISSTATED: 1}


def test_an_invoice_that_is_not_paid_counts_unless_its_card_is_refused() -> None:
    invoice = invoice_of(make_customer())

    assert _wrong() == {"uncollected collectable payments": 1}
    assert _wrong(refused={str(invoice.pk)}) == {}


def test_an_outcome_that_is_not_known_counts(gateways: TwoGateways) -> None:
    gateways.alpha.script = [LOST]
    invoice = invoice_of(gateways.customer_with_card())
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    assert PaymentAttempt.objects.get().state == "unknown"

    assert _wrong(refused={str(invoice.pk)}) == {"unresolved unknown outcomes": 1}
