"""Whatever Adyen moves is found, although the notification of it never came.

It lists no notifications: what was asked for is sent again, pages are read, and whatever else
moves money is in the settlement report, which is looked for itself.
"""

from datetime import timedelta

import pytest

from billing.gateways.adyen import AdyenGateway
from billing.gateways.adyen_client import AdyenClient
from billing.gateways.base import GatewayEvent
from billing.gateways.http import Reply
from billing.models import Dispute, Invoice, Payment, PaymentAttempt, Refund, WebhookEvent
from billing.queries.webhook_events import inbox_health
from billing.services.payments.charging import charge_invoice
from billing.services.payments.checkout import open_payment_page
from billing.services.payments.holds import capture_hold, hold_invoice
from billing.services.payments.missed_events import find_missed
from billing.services.payments.reconciling import look_into, reconcile_attempts
from billing.services.payments.refunds import refund_payment
from billing.services.payments.webhook_inbox import work_off_waiting
from tests.adyen_world import AdyenWorld
from tests.factories.subscriptions import make_customer
from tests.gateway_world import customer_with
from tests.stripe_world import NOW, PERSON, invoice_of
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db


@pytest.fixture
def silent(adyen: AdyenWorld) -> AdyenWorld:
    """Adyen, after whose first report nothing is told any more."""
    adyen.tell_fees()
    return adyen


def settle_and_look(adyen: AdyenWorld) -> int:
    """A batch is closed, of which nothing is told either; we look, and work off what there is."""
    adyen.control.settle()
    found = find_missed(at=now())
    for minutes in (1, 2):  # the report first, then what is in it
        work_off_waiting(at=now() + timedelta(minutes=minutes))
    return found


def charged(adyen: AdyenWorld, card: str = "good") -> PaymentAttempt:
    invoice = invoice_of(customer_with(adyen, card))
    return charge_invoice(invoice=invoice, actor=PERSON, at=NOW)


def held(adyen: AdyenWorld) -> PaymentAttempt:
    customer = customer_with(adyen)
    method = customer.payment_methods.get()
    return hold_invoice(invoice=invoice_of(customer), method=method, actor=PERSON, at=NOW)


def take(attempt: PaymentAttempt, amount: str, *, is_last: bool) -> None:
    capture_hold(
        attempt=attempt,
        amount=Money(amount, "USD"),
        is_last=is_last,
        actor=PERSON,
        idempotency_key=amount,
        at=NOW,
    )


def give_back(attempt: PaymentAttempt, amount: str = "30.00") -> Refund:
    return refund_payment(
        payment=Payment.objects.get(pk=attempt.payment_id),
        amount=Money(amount, "USD"),
        reason="goodwill",
        actor=PERSON,
        idempotency_key=amount,
        at=NOW,
    )


def states_told() -> dict[str, str]:
    polled = WebhookEvent.objects.filter(is_polled=True)
    return dict(polled.values_list("name", "state"))


def test_a_charge_is_known_by_its_answer(silent: AdyenWorld) -> None:
    assert charged(silent).state == "succeeded"


def test_a_charge_whose_answer_was_lost_too_is_known_by_sending_it_again(
    silent: AdyenWorld,
) -> None:
    silent.control.add_fault(silent.charges, "reset_after", times=1)
    attempt = charged(silent)
    assert attempt.state == "unknown"

    reconcile_attempts(at=NOW + timedelta(days=5))

    attempt.refresh_from_db()
    assert (attempt.state, silent.charged(Invoice.objects.get())) == ("succeeded", [9900])


def test_a_page_that_was_paid_is_read(silent: AdyenWorld) -> None:
    invoice = invoice_of(make_customer())
    silent.pay_on_page(open_payment_page(invoice=invoice, actor=PERSON, at=now(), gateway="adyen"))

    reconcile_attempts(at=now() + timedelta(days=1))

    invoice.refresh_from_db()
    assert invoice.state == "paid"


def test_a_charge_too_old_to_be_sent_again_is_in_the_settlement(silent: AdyenWorld) -> None:
    silent.control.add_fault(silent.charges, "reset_after", times=1)
    attempt = charged(silent)
    late = NOW + timedelta(days=8)
    assert look_into(attempt=attempt, actor=PERSON, at=late).state == "unknown"

    settle_and_look(silent)

    attempt.refresh_from_db()
    assert (attempt.state, attempt.payment.state) == ("succeeded", "paid")
    assert states_told() == {"REPORT_AVAILABLE": "done", "AUTHORISATION": "done"}


def test_captures_of_a_hold_are_in_the_settlement(silent: AdyenWorld) -> None:
    attempt = held(silent)
    take(attempt, "60.00", is_last=False)
    take(attempt, "39.00", is_last=True)
    assert set(attempt.operations.values_list("state", flat=True)) == {"pending"}

    settle_and_look(silent)

    attempt.refresh_from_db()
    assert set(attempt.operations.values_list("state", flat=True)) == {"succeeded"}
    assert Invoice.objects.get().amount_paid == Money("99.00", "USD")
    assert attempt.fee == Money("1.12", "USD")


def test_a_refund_is_in_the_settlement(silent: AdyenWorld) -> None:
    refund = give_back(charged(silent))
    assert refund.state == "pending"

    settle_and_look(silent)

    refund.refresh_from_db()
    assert refund.state == "succeeded"
    assert Invoice.objects.get().amount_refunded == Money("30.00", "USD")


def test_a_refund_that_comes_back_is_in_a_later_settlement(silent: AdyenWorld) -> None:
    refund = give_back(charged(silent, "refund_fails"))
    settle_and_look(silent)
    silent.control.advance_clock(3 * 3600)

    settle_and_look(silent)

    refund.refresh_from_db()
    assert refund.state == "failed"
    assert Invoice.objects.get().amount_refunded == Money("0.00", "USD")


def test_a_charge_whose_capture_fails_is_in_a_later_settlement(silent: AdyenWorld) -> None:
    charged(silent, "capture_fails")
    settle_and_look(silent)
    silent.control.advance_clock(3 * 3600)

    settle_and_look(silent)

    assert Payment.objects.filter(state="returned").count() == 1
    assert Invoice.objects.get().amount_due == Money("99.00", "USD")


def test_a_chargeback_and_its_reversal_are_in_the_settlement(silent: AdyenWorld) -> None:
    attempt = charged(silent)
    made = silent.control.dispute(attempt.gateway_reference, reason="10.4")
    settle_and_look(silent)
    dispute = Dispute.objects.get()
    assert (dispute.state, dispute.held) == ("needs_response", Money("99.00", "USD"))

    silent.control.decide_dispute(str(made["id"]), "won")
    settle_and_look(silent)

    dispute.refresh_from_db()
    assert (dispute.state, dispute.held) == ("won", Money("0.00", "USD"))


def test_what_was_told_in_time_is_not_told_again_by_the_settlement(adyen: AdyenWorld) -> None:
    adyen.tell_fees()
    attempt = charged(adyen)
    give_back(attempt)
    adyen.deliver()
    before = WebhookEvent.objects.count()

    assert settle_and_look(adyen) == 1  # of the report alone nothing was told

    assert WebhookEvent.objects.count() == before + 1
    assert states_told() == {"REPORT_AVAILABLE": "done"}


def test_a_notification_that_comes_after_all_changes_nothing(silent: AdyenWorld) -> None:
    give_back(charged(silent))
    settle_and_look(silent)

    silent.deliver()

    refunds = WebhookEvent.objects.filter(name="REFUND")
    assert [(event.is_polled, event.copies) for event in refunds] == [(True, 2)]
    assert Invoice.objects.get().amount_refunded == Money("30.00", "USD")
    assert inbox_health(at=now() + timedelta(minutes=1)).missed == 0


def test_several_reports_that_were_never_told_are_all_found(silent: AdyenWorld) -> None:
    for _ in range(3):
        silent.control.settle()

    assert find_missed(at=now()) == 3
    assert find_missed(at=now()) == 0


def test_what_bears_no_name_of_ours_in_a_report_is_left_alone(
    silent: AdyenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [
        GatewayEvent(event_id=f"X:{ours}", name="REFUND", about="refund", our_reference=ours)
        for ours in ("order-7", str(uuid7()))
    ]
    monkeypatch.setattr(AdyenGateway, "read_moves", lambda *_: others)

    settle_and_look(silent)

    assert states_told() == {"REPORT_AVAILABLE": "done"}


def test_reports_that_cannot_be_asked_for_now_are_asked_for_again(
    silent: AdyenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent.control.settle()

    with monkeypatch.context() as down:
        down.setattr(AdyenClient, "_report", lambda *_: Reply(status=503, body={}))
        assert find_missed(at=now()) == 0

    assert find_missed(at=now()) == 1
