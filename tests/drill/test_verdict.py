"""The drill's judgement: every way in which it can be wrong is seen."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from billing.domain.attempts import Answer
from billing.gateways.base import Outcome, RefundRequest
from billing.models import Invoice, Payment, PaymentAttempt
from billing.services.payments.charging import charge_invoice
from billing.services.payments.refunds import refund_payment
from tests.factories.subscriptions import make_customer
from tests.scripted_gateway import (
    LOST,
    ScriptedGateway,
    TwoGateways,
    gateways,
    scripted_gateways,
)
from tests.shared_world import shared_world
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.drill.stories import Story
from tiktoktoe.drill.truth import Contest, Moved
from tiktoktoe.drill.verdict import judge
from tiktoktoe.kernel.money import Money

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db
TRUTH = "payments that differ from the gateways' truth"
MISSTATED = "invoices that differ from what was taken"


AT_GATEWAYS = "cents at gateways that the books state otherwise"
IN_DISPUTES = "cents in disputes that the books state otherwise"


def _paid(gateways: TwoGateways) -> Moved:
    invoice = invoice_of(gateways.customer_with_card())
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    assert attempt.state == "succeeded"
    return Moved(gateway=attempt.gateway, attempt=str(attempt.pk), taken=9900)


def arrange() -> Moved:
    """An invoice of 99.00 that was paid, and is paid at the gateway."""
    with scripted_gateways() as two:
        return _paid(two)


moved = shared_world(arrange)


def _gives_back(_gateway: ScriptedGateway, request: RefundRequest) -> Outcome:
    return Outcome(answer=Answer.SUCCEEDED, reference="re_1", amount=request.amount)


def _wrong(
    *truth: Moved, story: Story = Story.PAID, contests: Sequence[Contest] = ()
) -> dict[str, int]:
    stories = {str(invoice.pk): story for invoice in Invoice.objects.all()}
    checks = judge(truth=truth, stories=stories, contests=contests, at=later(hours=1))
    return {check.name: check.found for check in checks if not check.holds}


def test_a_payment_that_the_gateway_took_once_is_right(moved: Moved) -> None:
    assert _wrong(moved) == {}


def test_taken_twice_is_a_double_charge(moved: Moved) -> None:
    wrong = {"double charges": 1, TRUTH: 1, MISSTATED: 1, AT_GATEWAYS: 9900}
    assert _wrong(moved, moved) == wrong


def test_taken_at_another_gateway_than_we_know_differs(moved: Moved) -> None:
    assert _wrong(replace(moved, gateway="beta")) == {TRUTH: 1}


def test_a_cent_more_or_less_differs(moved: Moved) -> None:
    other = replace(moved, taken=9901)

    assert _wrong(other) == {TRUTH: 1, MISSTATED: 1, AT_GATEWAYS: 1}


def test_what_nobody_here_asked_for_differs(moved: Moved) -> None:
    nobodys = Moved(gateway="alpha", attempt="nobody's", taken=100)

    assert _wrong(moved, nobodys) == {TRUTH: 1, AT_GATEWAYS: 100}


def test_what_we_say_was_paid_and_was_not_differs(moved: Moved) -> None:
    wrong = {"uncollected collectable payments": 1, TRUTH: 1, MISSTATED: 1, AT_GATEWAYS: 9900}
    assert _wrong() == wrong


def test_an_invoice_that_is_not_paid_counts_unless_its_card_is_refused() -> None:
    invoice_of(make_customer())

    assert _wrong() == {"uncollected collectable payments": 1}
    assert _wrong(story=Story.REFUSED) == {}


def test_an_outcome_that_is_not_known_counts(gateways: TwoGateways) -> None:
    gateways.alpha.script = [LOST]
    invoice = invoice_of(gateways.customer_with_card())
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    assert PaymentAttempt.objects.get().state == "unknown"

    assert _wrong(story=Story.REFUSED) == {"unresolved unknown outcomes": 1}


def test_a_refund_that_was_asked_for_and_never_came_is_lost(moved: Moved) -> None:
    assert _wrong(moved, story=Story.PART_REFUNDED) == {"refunds asked for and not given back": 1}


def test_a_refund_that_we_do_not_know_of_differs(moved: Moved) -> None:
    other = replace(moved, refunded=2970)

    wrong = {TRUTH: 1, MISSTATED: 1, AT_GATEWAYS: 2970}
    assert _wrong(other, story=Story.PART_REFUNDED) == wrong


def test_a_refund_that_the_gateway_never_gave_differs(
    gateways: TwoGateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = _paid(gateways)
    monkeypatch.setattr(ScriptedGateway, "refund", _gives_back, raising=False)
    refund_payment(
        payment=Payment.objects.get(),
        amount=Money("29.70", "USD"),
        reason="",
        actor=PERSON,
        idempotency_key="one",
        at=NOW,
    )

    wrong = {"refunds asked for and not given back": 1}
    wrong |= {TRUTH: 1, MISSTATED: 1, AT_GATEWAYS: 2970}
    assert _wrong(moved, story=Story.PART_REFUNDED) == wrong
    assert _wrong(replace(moved, refunded=2970), story=Story.PART_REFUNDED) == {}


def test_a_dispute_that_we_have_not_heard_of_differs(moved: Moved) -> None:
    other = replace(moved, withheld=9900)
    lost = Contest(other.gateway, "dp_1", "lost")

    wrong = {TRUTH: 1, "disputes that differ from the gateways' truth": 1}
    wrong |= {AT_GATEWAYS: 9900, IN_DISPUTES: 9900}
    assert _wrong(other, story=Story.DISPUTE_LOST, contests=[lost]) == wrong


def test_money_that_stays_held_counts(moved: Moved) -> None:
    other = replace(moved, held=100)

    assert _wrong(other) == {"holds that did not end as they were to": 1}


def test_what_was_taken_of_a_hold_that_was_to_be_let_go_counts(moved: Moved) -> None:
    wrong = {"holds that did not end as they were to": 1}
    assert _wrong(moved, story=Story.HELD_AND_LET_GO) == wrong
