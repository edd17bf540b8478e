"""The door for gateways' events: forged, repeated, enormous; kept once, and worked off."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.test import Client

from billing.models import (
    Invoice,
    Payment,
    PaymentAttempt,
    PaymentEvent,
    PaymentMethod,
    WebhookEvent,
)
from billing.services.payments.charging import charge_invoice
from billing.services.payments.checkout import open_payment_page
from billing.services.payments.refunds import refund_payment
from billing.services.payments.webhook_inbox import (
    REFUSED_MAX_PER_HOUR,
    TRIES_MAX,
    replay_event,
    work_off,
    work_off_waiting,
)
from tests.adyen_world import AdyenWorld, post
from tests.factories.subscriptions import make_customer
from tests.gateway_world import customer_with
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db


def lost_charge(adyen: AdyenWorld, card: str = "good") -> PaymentAttempt:
    """A charge whose answer was lost; it stays a 500 however often it is sent again."""
    invoice = invoice_of(customer_with(adyen, card))
    adyen.deliver()
    adyen.control.add_fault(adyen.charges, "http_500_after", times=1)
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    assert attempt.state == "unknown"
    return attempt


def latest(adyen: AdyenWorld) -> dict[str, Any]:
    return adyen.control.notifications()[-1]


def test_a_signed_event_settles_what_cannot_be_asked_about(adyen: AdyenWorld) -> None:
    attempt = lost_charge(adyen)

    answer = post(latest(adyen))

    attempt.refresh_from_db()
    event = WebhookEvent.objects.latest("pk")
    assert (answer.status_code, answer.content) == (200, b"[accepted]")
    assert (attempt.state, attempt.payment.state) == ("succeeded", "paid")
    assert attempt.gateway_reference
    assert (event.state, event.result, event.is_signed) == ("done", "attempt succeeded", True)


def test_a_signed_decline_ends_an_attempt_whose_answer_was_lost(adyen: AdyenWorld) -> None:
    attempt = lost_charge(adyen, "funds")

    post(latest(adyen))

    attempt.refresh_from_db()
    assert (attempt.state, attempt.decline_class) == ("declined", "unclassified")


def test_the_same_event_is_kept_once_and_counted(adyen: AdyenWorld) -> None:
    lost_charge(adyen)
    before = WebhookEvent.objects.count()

    answers = [post(latest(adyen)) for _ in range(3)]

    assert {answer.status_code for answer in answers} == {200}
    assert WebhookEvent.objects.count() == before + 1
    assert WebhookEvent.objects.latest("pk").copies == 3
    assert Payment.objects.get().state == "paid"


def test_a_forged_event_changes_nothing_and_is_kept_apart(adyen: AdyenWorld) -> None:
    attempt = lost_charge(adyen)
    forged = latest(adyen)
    forged["notificationItems"][0]["NotificationRequestItem"]["amount"]["value"] = 1

    answers = [post(forged) for _ in range(2)]

    attempt.refresh_from_db()
    event = WebhookEvent.objects.latest("pk")
    assert {answer.status_code for answer in answers} == {401}
    assert attempt.state == "unknown"
    assert (event.state, event.is_signed, event.proof, event.copies) == ("refused", False, {}, 2)
    assert "signature" in event.result


def test_a_forged_copy_does_not_keep_the_real_event_out(adyen: AdyenWorld) -> None:
    attempt = lost_charge(adyen)
    forged = latest(adyen)
    forged["notificationItems"][0]["NotificationRequestItem"]["additionalData"] = {}
    post(forged)

    assert post(latest(adyen)).status_code == 200

    attempt.refresh_from_db()
    assert attempt.state == "succeeded"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"live": "false", "notificationItems"', 400),
        (b"x" * 10, 400),
        (b"[" * 2_000, 400),
        (b'{"type": "recurring.token.\xff"}', 400),
    ],
)
def test_what_cannot_be_read_is_refused_and_kept(
    adyen: AdyenWorld, body: bytes, status: int
) -> None:
    answer = post(body)

    event = WebhookEvent.objects.get()
    assert answer.status_code == status
    assert (event.state, event.is_signed) == ("refused", False)
    assert event.payload == body.decode(errors="replace")


def test_a_signature_in_other_letters_is_a_forged_one(adyen: AdyenWorld) -> None:
    lost_charge(adyen)
    forged = latest(adyen)
    item = forged["notificationItems"][0]["NotificationRequestItem"]
    item["additionalData"] = {"hmacSignature": "é"}

    assert post(forged).status_code == 401


def test_of_a_gateway_that_there_is_not_nothing_is_kept(adyen: AdyenWorld) -> None:
    answers = [post(b"x" * 300_000, gateway=name) for name in ("nobody", "n" * 60, "stripe")]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert not WebhookEvent.objects.exists()


def test_what_is_enormous_is_refused_unread(adyen: AdyenWorld) -> None:
    answer = post(b"x" * 300_000)

    event = WebhookEvent.objects.get()
    assert answer.status_code == 413
    assert (event.result, event.payload) == ("the request is too large", "")


def test_whoever_knocks_on_and_on_fills_no_table(adyen: AdyenWorld) -> None:
    for number in range(REFUSED_MAX_PER_HOUR + 5):
        post(f"{number}".encode())

    assert WebhookEvent.objects.count() == REFUSED_MAX_PER_HOUR


@pytest.mark.parametrize("name", ["stripe", "nobody"])
def test_there_is_a_door_only_for_gateways_that_use_it(adyen: AdyenWorld, name: str) -> None:
    assert post({"live": "false"}, gateway=name).status_code == 404
    assert Client().get("/gateways/adyen/events/").status_code == 405
    assert not WebhookEvent.objects.exists()


def test_a_decline_on_an_open_page_leaves_the_page_open(adyen: AdyenWorld) -> None:
    invoice = invoice_of(make_customer())
    address = open_payment_page(invoice=invoice, actor=PERSON, at=now(), gateway="adyen")
    link = address.rpartition("/")[2]
    with pytest.raises(Exception, match="402"):
        adyen.control.complete_checkout(link, card="4111111111111111", holder="DECLINED")

    adyen.deliver()
    assert PaymentAttempt.objects.get().state == "requires_action"

    adyen.pay_on_page(address)
    adyen.deliver()
    assert PaymentAttempt.objects.get().state == "succeeded"
    assert adyen.charged(invoice) == [9900]


def test_a_page_that_nobody_came_back_from_is_settled_by_its_event(adyen: AdyenWorld) -> None:
    invoice = invoice_of(make_customer())
    adyen.pay_on_page(
        open_payment_page(
            invoice=invoice, actor=PERSON, at=now(), gateway="adyen", saves_method=True
        )
    )

    adyen.deliver()

    invoice.refresh_from_db()
    method = PaymentMethod.objects.get()
    assert invoice.state == "paid"
    assert (method.gateway, method.last4, method.is_default) == ("adyen", "1111", True)


def test_events_in_any_order_come_to_the_same_end(adyen: AdyenWorld) -> None:
    invoice = invoice_of(customer_with(adyen))
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    refund = refund_payment(
        payment=attempt.payment,
        amount=Money("30.00", "USD"),
        reason="goodwill",
        actor=PERSON,
        idempotency_key="k",
        at=NOW,
    )

    for notification in reversed(adyen.control.notifications()):
        post(notification)

    refund.refresh_from_db()
    assert refund.state == "succeeded"
    # The charge's own event came after that: what was given back stays so, and is owed again.
    owed = Invoice.objects.get()
    assert Payment.objects.get().amount_refunded == Money("30.00", "USD")
    assert (owed.state, owed.amount_due) == ("open", Money("30.00", "USD"))
    assert PaymentEvent.objects.filter(event="payment_paid").count() == 1
    assert not WebhookEvent.objects.exclude(state="done").exists()


def test_an_event_of_another_amount_is_not_taken_for_paid(adyen: AdyenWorld) -> None:
    attempt = lost_charge(adyen)
    event = WebhookEvent.objects.create(
        gateway="adyen",
        event_id="wrong",
        about="payment",
        our_reference=str(attempt.pk),
        proof={"answer": "succeeded", "reference": "P", "amount": "1.00", "currency": "USD"},
        is_signed=True,
        payload="{}",
        next_try_at=NOW,
    )

    work_off(event=event, at=NOW)

    attempt.refresh_from_db()
    assert attempt.state == "unknown"
    assert attempt.events.filter(event="gateway_contradicts").count() == 1


def test_an_event_that_fails_is_tried_again_and_then_left_to_a_person(
    adyen: AdyenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(**_: object) -> str:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("billing.services.payments.webhook_inbox.handle_event", breaks)
    event = _waiting()

    for day in range(TRIES_MAX + 3):
        work_off_waiting(at=later(days=day))

    event.refresh_from_db()
    assert (event.state, event.tries, event.result) == ("failed", TRIES_MAX, "RuntimeError")
    monkeypatch.undo()
    assert replay_event(event=event, at=later(days=30)).state == "done"


def test_an_event_whose_worker_died_is_found_by_the_schedule(adyen: AdyenWorld) -> None:
    event = _waiting()
    WebhookEvent.objects.filter(pk=event.pk).update(tries=1, next_try_at=later(minutes=5))

    assert work_off_waiting(at=later(minutes=4)) == 0
    assert work_off_waiting(at=later(minutes=5)) == 1
    assert WebhookEvent.objects.get().state == "done"


def test_what_was_refused_cannot_be_replayed(adyen: AdyenWorld) -> None:
    post(b"forged")

    with pytest.raises(Conflict):
        replay_event(event=WebhookEvent.objects.get(), at=NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"proof": {"answer": "succeeded"}},
        {"state": "waiting", "next_try_at": NOW},
        {"state": "done"},
    ],
)
def test_the_database_keeps_the_unsigned_from_proving_anything(
    adyen: AdyenWorld, change: dict[str, Any]
) -> None:
    post(b"forged")

    with pytest.raises(IntegrityError, match="unsigned_proves_nothing"):
        WebhookEvent.objects.update(**change)


def _waiting() -> WebhookEvent:
    return WebhookEvent.objects.create(
        gateway="adyen",
        event_id="e",
        about="other",
        is_signed=True,
        payload="{}",
        next_try_at=NOW - timedelta(seconds=1),
    )
