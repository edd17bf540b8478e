"""Captures, voids and holds of a customer with a test clock go by that clock, and by no other."""

from dataclasses import replace
from datetime import timedelta

import pytest

from billing.domain.attempts import Answer
from billing.gateways.base import Outcome
from billing.models import PaymentAttempt, PaymentOperation
from billing.services.changes.customer_clocks import advance_clock
from billing.services.payments.holds import capture_hold, hold_invoice
from billing.services.payments.lapsing_holds import let_go_of_lapsing
from billing.services.payments.operations import reconcile_operations
from billing.services.payments.reconciling import reconcile_attempts
from subscriptions.models import CustomerClock
from subscriptions.services.customer_clocks import create_clock, set_clock
from tests import scripted_gateway
from tests.factories.subscriptions import make_customer
from tests.scripted_gateway import CARDS, LOST, TwoGateways, gateways
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.kernel.money import Money

__all__ = ["gateways"]  # a fixture
pytestmark = pytest.mark.django_db
HOLDS = replace(CARDS, has_partial_capture=True, authorization_lasts=timedelta(days=7))


@pytest.fixture
def clock() -> CustomerClock:
    """A clock that shows the first of January."""
    return create_clock(code="mine", starts_at=NOW, at=NOW)


@pytest.fixture
def hold(
    gateways: TwoGateways, clock: CustomerClock, monkeypatch: pytest.MonkeyPatch
) -> PaymentAttempt:
    """99.00 held of a customer of the clock, at a gateway that tells nothing at first."""
    monkeypatch.setattr(scripted_gateway, "make_customer", lambda: make_customer(clock=clock))
    gateways.alpha.capabilities = HOLDS
    gateways.alpha.capture = lambda _: LOST  # type: ignore[attr-defined]
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    return hold_invoice(invoice=invoice, actor=PERSON, at=NOW)


def capture(hold: PaymentAttempt) -> PaymentOperation:
    amount = Money("99.00", "USD")
    return capture_hold(attempt=hold, amount=amount, actor=PERSON, idempotency_key="c", at=NOW)


def test_an_unknown_capture_is_looked_into_by_its_customers_clock(
    hold: PaymentAttempt, gateways: TwoGateways, clock: CustomerClock
) -> None:
    operation = capture(hold)
    assert operation.state == "unknown"
    gateways.alpha.capture = lambda _: Outcome(  # type: ignore[attr-defined]
        answer=Answer.SUCCEEDED, reference="c-1", amount=Money("99.00", "USD")
    )

    assert reconcile_operations(at=later(days=30)) == 0  # everybody else's time
    advance_clock(clock=clock, to=later(seconds=15))

    operation.refresh_from_db()
    assert operation.state == "succeeded"
    assert operation.resolved_at is not None
    assert NOW < operation.resolved_at <= later(seconds=15)


def test_a_hold_is_let_go_before_it_lapses_by_its_customers_clock(
    hold: PaymentAttempt, gateways: TwoGateways, clock: CustomerClock
) -> None:
    gateways.alpha.void = lambda _: Outcome(answer=Answer.ABANDONED)  # type: ignore[attr-defined]

    assert let_go_of_lapsing(at=later(days=30)) == 0
    assert reconcile_attempts(at=later(days=6), clock=clock) == 1
    assert PaymentAttempt.objects.get().state == "authorized"  # a look leaves it as it is
    set_clock(clock=clock, to=later(days=6.4))
    PaymentAttempt.objects.update(next_check_at=later(days=8))  # that look was one of many
    advance_clock(clock=clock, to=later(days=6.6))

    (void,) = PaymentOperation.objects.all()
    assert (void.kind, void.state, void.requested_at) == ("void", "succeeded", later(days=6.5))
    assert PaymentAttempt.objects.get().state == "abandoned"
