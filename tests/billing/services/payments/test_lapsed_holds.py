"""A hold whose void keeps failing is let go of later and later, and in the end told to people."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.test import Client

from billing.domain.attempts import Answer
from billing.errors import HoldNotPossible, ProofMissing
from billing.gateways.base import Outcome
from billing.models import Payment, PaymentAttempt, PaymentOperation
from billing.queries.unknowns import untold_holds
from billing.queries.waiting import waiting_for_people
from billing.services.payments.holds import hold_invoice
from billing.services.payments.lapsed_holds import say_hold_has_lapsed
from billing.services.payments.lapsing_holds import let_go_of_lapsing
from subscriptions.services.transitions import Actor
from tests.factories.accounts import make_user
from tests.scripted_gateway import CARDS, LOST, TwoGateways, gateways
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.accounts.roles import Role

__all__ = ["gateways"]  # a fixture
pytestmark = pytest.mark.django_db
REFUSED = Outcome(answer=Answer.DECLINED, message="not found")
OVER = later(days=8)


@pytest.fixture
def hold(gateways: TwoGateways) -> PaymentAttempt:
    """99.00 held for a week, at a gateway that refuses to let it go and tells nothing."""
    gateways.alpha.capabilities = replace(CARDS, authorization_lasts=timedelta(days=7))
    gateways.alpha.void = lambda _: REFUSED  # type: ignore[attr-defined]
    gateways.alpha.read_charge = lambda _: LOST  # type: ignore[method-assign, assignment]
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    return hold_invoice(invoice=invoice, actor=PERSON, at=NOW)


def test_a_void_that_fails_is_tried_anew_later_and_later_until_the_hold_is_over(
    hold: PaymentAttempt,
) -> None:
    from_then_on = later(days=6.5)
    hours = (0, 0.9, 1, 2.9, 3, 6.9, 7, 14.9, 15, 30.9, 31, 35.9, 36, 62.9, 63, 240)

    tried = [hour for hour in hours if let_go_of_lapsing(at=from_then_on + timedelta(hours=hour))]

    # Each wait is twice the last; none comes once the hold is over, 36 hours after the first.
    assert tried == [0, 1, 3, 7, 15, 31]
    assert PaymentOperation.objects.filter(kind="void", state="failed").count() == 6


def test_one_that_was_never_let_go_of_is_though_late(hold: PaymentAttempt) -> None:
    assert [let_go_of_lapsing(at=later(days=day)) for day in (20, 21)] == [1, 0]


def test_people_are_told_a_day_after_its_date_and_end_it(hold: PaymentAttempt) -> None:
    let_go_of_lapsing(at=later(days=6.5))
    assert not untold_holds(OVER - timedelta(seconds=1)).exists()
    assert _waiting(OVER) == 1

    ended = say_hold_has_lapsed(attempt=hold, proof="back office", actor=_person(), at=OVER)

    payment = Payment.objects.get()
    assert (ended.state, payment.state, _waiting(OVER)) == ("abandoned", "open", 0)
    told = payment.events.get(event="proof_given")
    assert told.details["message"] == "proof: back office"


def test_a_void_that_nobody_answers_is_settled_with_it(
    hold: PaymentAttempt, gateways: TwoGateways
) -> None:
    gateways.alpha.void = lambda _: Outcome(answer=Answer.PENDING)  # type: ignore[attr-defined]
    let_go_of_lapsing(at=later(days=6.5))
    assert list(untold_holds(OVER)) == [hold]

    say_hold_has_lapsed(attempt=hold, proof="back office", actor=_person(), at=OVER)

    assert PaymentOperation.objects.get().state == "succeeded"
    assert PaymentAttempt.objects.get().state == "abandoned"


def test_the_gateways_word_comes_first(hold: PaymentAttempt, gateways: TwoGateways) -> None:
    held = Outcome(answer=Answer.AUTHORIZED, reference=hold.gateway_reference)
    gateways.alpha.read_charge = lambda _: held  # type: ignore[method-assign, assignment]
    with pytest.raises(HoldNotPossible, match="held still"):
        say_hold_has_lapsed(attempt=hold, proof="back office", actor=_person(), at=OVER)

    gone = Outcome(answer=Answer.ABANDONED, reference=hold.gateway_reference)
    gateways.alpha.read_charge = lambda _: gone  # type: ignore[method-assign, assignment]
    ended = say_hold_has_lapsed(attempt=hold, proof="back office", actor=_person(), at=OVER)

    assert ended.state == "abandoned"
    assert not Payment.objects.get().events.filter(event="proof_given").exists()


def test_nobody_ends_it_too_early_or_without_a_proof(hold: PaymentAttempt) -> None:
    with pytest.raises(HoldNotPossible, match="not over"):
        say_hold_has_lapsed(attempt=hold, proof="seen", actor=_person(), at=later(days=7))
    with pytest.raises(ProofMissing):
        say_hold_has_lapsed(attempt=hold, proof=" ", actor=_person(), at=OVER)
    with pytest.raises(ProofMissing):
        say_hold_has_lapsed(attempt=hold, proof="seen", actor=PERSON, at=OVER)

    assert PaymentAttempt.objects.get().state == "authorized"


def test_the_inbox_shows_it_and_whoever_may_change_ends_it_there(hold: PaymentAttempt) -> None:
    client, onlooker = Client(), Client()
    client.force_login(make_user(Role.FINANCE))
    onlooker.force_login(make_user(Role.SUPPORT))
    assert "Holds past their date" in client.get("/payments/unknown/").content.decode()
    assert "It has lapsed" not in onlooker.get("/payments/unknown/").content.decode()

    address = f"/payments/holds/{hold.pk}/lapse/"
    assert onlooker.post(address, {"reason": "seen"}).status_code == 403
    told = client.post(address, {"reason": "seen"}, follow=True).content.decode()

    assert "The hold is abandoned now." in told
    assert "Holds past their date" not in told


def _person() -> Actor:
    return replace(PERSON, user=make_user(Role.FINANCE))


def _waiting(at: datetime) -> int:
    rows = [row for row in waiting_for_people(at) if row.words.startswith("Holds that are over")]
    return sum(row.count for row in rows)
