"""What a look-up proves while a request may still be on its way: nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from billing.domain.attempts import Answer
from billing.errors import ProofMissing
from billing.gateways.base import Capabilities, ChargeRequest, Outcome
from billing.models import Invoice, OutcomeClaim, Payment, PaymentAttempt
from billing.services.payments import collection
from billing.services.payments.charging import charge_invoice
from billing.services.payments.collection import collect_due
from billing.services.payments.reconciling import reconcile_attempts
from billing.services.payments.refunds import reconcile_refunds, refund_payment
from billing.services.payments.unknowns import claim_outcome
from tests.factories.accounts import make_user
from tests.scripted_gateway import LOST, TwoGateways, gateways
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel import clock
from tiktoktoe.kernel.money import Money

__all__ = ["gateways"]  # a fixture
pytestmark = pytest.mark.django_db


def test_a_replay_that_is_still_on_its_way_is_not_taken_for_one_that_never_was(
    gateways: TwoGateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = _invoice(gateways)
    late: list[ChargeRequest] = []
    gateways.alpha.script = [LOST]
    collect_due(at=NOW)
    take = gateways.alpha.charge

    monkeypatch.setattr(gateways.alpha, "charge", _times_out(late))
    reconcile_attempts(at=later(minutes=10))
    seen = PaymentAttempt.objects.get()
    monkeypatch.setattr(gateways.alpha, "charge", take)
    take(late[0])  # the gateway executes what we have stopped waiting for
    _let_days_pass()

    assert (seen.state, seen.sent_at) == ("unknown", later(minutes=10))
    _assert_charged_once(gateways, invoice)


def test_what_a_long_pass_sends_late_is_not_looked_up_as_if_it_were_old(
    gateways: TwoGateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = _invoice(gateways)
    take = gateways.alpha.charge
    monkeypatch.setattr(collection, "running_from", lambda _at: lambda: later(minutes=6))
    answers: list[Outcome] = []

    def hangs(request: ChargeRequest) -> Outcome:
        """Before it is executed the reconciler comes, whose request is told to wait."""
        monkeypatch.setattr(gateways.alpha, "charge", lambda _: LOST)
        reconcile_attempts(at=later(minutes=7))
        monkeypatch.setattr(gateways.alpha, "charge", take)
        answers.append(take(request))
        return answers[0]

    monkeypatch.setattr(gateways.alpha, "charge", hangs)
    collect_due(at=NOW)  # it began six minutes ago
    _let_days_pass()

    assert len(answers) == 1
    assert not Payment.objects.get().events.filter(event="gateway_contradicts").exists()
    _assert_charged_once(gateways, invoice)


def test_a_look_up_proves_it_once_the_last_request_is_long_over(gateways: TwoGateways) -> None:
    _invoice(gateways)
    gateways.alpha.script = [LOST, LOST, LOST]
    collect_due(at=NOW)
    reconcile_attempts(at=later(hours=19))
    assert PaymentAttempt.objects.get().state == "unknown"

    reconcile_attempts(at=later(hours=40))  # too late to be sent again
    assert PaymentAttempt.objects.get().state == "unknown"
    reconcile_attempts(at=later(hours=70))

    assert PaymentAttempt.objects.get().state == "not_sent"


def test_a_refund_that_is_sent_again_is_not_failed_by_a_look_up(gateways: TwoGateways) -> None:
    _invoice(gateways)
    collect_due(at=NOW)
    gateways.alpha.refund = lambda _: LOST  # type: ignore[attr-defined]
    gateways.alpha.find_refund = _finds_none  # type: ignore[attr-defined]
    refund = refund_payment(
        payment=Payment.objects.get(),
        amount=Money("99.00", "USD"),
        reason="goodwill",
        actor=PERSON,
        idempotency_key="r",
        at=later(hours=1),
    )

    reconcile_refunds(at=later(hours=2))

    refund.refresh_from_db()
    assert (refund.state, refund.sent_at) == ("unknown", later(hours=2))
    reconcile_refunds(at=later(hours=30))
    reconcile_refunds(at=later(hours=60))
    refund.refresh_from_db()
    assert refund.state == "failed"


def test_nobody_can_mark_as_not_executed_what_was_sent_again_a_moment_ago(
    gateways: TwoGateways,
) -> None:
    _invoice(gateways)
    gateways.alpha.script = [LOST] * 3
    gateways.alpha.capabilities = _keeps_keys_for_a_week(gateways)
    attempt = charge_invoice(invoice=Invoice.objects.get(), actor=PERSON, at=NOW)
    person = type(PERSON)(source="finance", user=make_user(role=Role.FINANCE))

    with pytest.raises(ProofMissing, match="sent again"):
        claim_outcome(
            target=attempt,
            verdict=OutcomeClaim.Verdict.NOT_EXECUTED,
            proof="a statement",
            reason="asked",
            actor=person,
            at=later(days=2),
        )

    assert PaymentAttempt.objects.get().state == "unknown"


def test_work_of_a_moment_is_of_one_instant_and_long_work_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = [100.0]
    monkeypatch.setattr(clock, "monotonic", lambda: seconds[0])
    by_now = clock.running_from(NOW)
    with clock.moved_to(NOW):
        held = clock.running_from(NOW)

    seconds[0] += 9
    assert by_now() == NOW
    seconds[0] += 51
    assert (by_now(), held()) == (later(minutes=1), NOW)


def _invoice(gateways: TwoGateways) -> Invoice:
    return invoice_of(gateways.customer_with_card(held_by="alpha"))


def _times_out(late: list[ChargeRequest]) -> Callable[[ChargeRequest], Outcome]:
    def charge(request: ChargeRequest) -> Outcome:
        late.append(request)
        return LOST

    return charge


def _finds_none(*, our_reference: str, charge_reference: str) -> Outcome:
    del our_reference, charge_reference
    return Outcome(answer=Answer.NO_SUCH_REQUEST)


def _keeps_keys_for_a_week(gateways: TwoGateways) -> Capabilities:
    return replace(gateways.alpha.capabilities, remembers_keys_for=timedelta(days=7), look_up=None)


def _let_days_pass() -> None:
    for hours in (1, 2, 24, 30, 60, 100, 200):
        at: datetime = later(hours=hours)
        reconcile_attempts(at=at)
        collect_due(at=at)


def _assert_charged_once(gateways: TwoGateways, invoice: Invoice) -> None:
    invoice.refresh_from_db()
    assert gateways.charges == 1
    assert invoice.state == "paid"
    assert invoice.amount_overpaid.amount == 0
