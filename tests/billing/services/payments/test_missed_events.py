"""Events of PayPal's that never arrived by webhook are asked for, and none is taken in twice."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from billing.errors import GatewayUnavailable
from billing.gateways import paypal_events as asking
from billing.gateways.paypal import PayPalGateway
from billing.models import (
    Dispute,
    EventCursor,
    Invoice,
    Payment,
    PaymentEvent,
    Refund,
    WebhookEvent,
)
from billing.queries.webhook_events import inbox_health
from billing.services.payments.missed_events import find_missed
from billing.services.payments.refunds import refund_payment
from billing.services.payments.webhook_inbox import work_off_waiting
from tests.billing.gateways.test_paypal import open_page, paid_on_page, second_invoice
from tests.factories.subscriptions import make_customer
from tests.gateway_scenes import Kept, gateway_scene
from tests.paypal_world import PayPalWorld, account_of
from tests.stripe_world import NOW, PERSON, invoice_of
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.money import Money

db = pytest.mark.django_db
DAY = 86_400
LISTS = "GET /v1/notifications/webhooks-events"


@pytest.fixture
def outage(paypal: PayPalWorld, settings: Any) -> PayPalWorld:
    """PayPal alone, none of whose events arrives; the last one was seen just now."""
    settings.GATEWAYS = {"paypal": settings.GATEWAYS["paypal"]}
    find_missed(at=time_there(paypal))
    return paypal


def time_there(paypal: PayPalWorld) -> datetime:
    return datetime.fromtimestamp(paypal.control.stats()["now"], UTC)


def work_off(paypal: PayPalWorld) -> int:
    """A moment later, what has come in is looked into."""
    return work_off_waiting(at=time_there(paypal) + timedelta(minutes=1))


def approve_and_never_come_back(paypal: PayPalWorld) -> Invoice:
    paypal.control.advance_clock(60)
    invoice = invoice_of(make_customer())
    paypal.approve(open_page(invoice))
    return invoice


def missed(paypal: PayPalWorld) -> None:
    with override_settings(GATEWAYS={"paypal": settings.GATEWAYS["paypal"]}):
        find_missed(at=time_there(paypal))
        approve_and_never_come_back(paypal)


kept = gateway_scene(missed, "paypal")


@pytest.fixture
def left(kept: Kept, request: pytest.FixtureRequest, settings: Any) -> PayPalWorld:
    """PayPal alone; a buyer whose event never arrived has agreed to pay, and never came back."""
    world: PayPalWorld = kept.back(request)
    settings.GATEWAYS = {"paypal": settings.GATEWAYS["paypal"]}
    return world


@db
def test_days_without_an_endpoint_lose_nothing(left: PayPalWorld) -> None:
    for _ in range(2):
        approve_and_never_come_back(left)
    left.control.advance_clock(3600)

    found = find_missed(at=time_there(left))
    work_off(left)

    assert found == 3
    assert list(Invoice.objects.values_list("state", flat=True)) == ["paid"] * 3
    assert left.captured() == ["99.00", "99.00", "99.00"]
    assert list(WebhookEvent.objects.values_list("is_polled", "state")) == [(True, "done")] * 3


@db
def test_asking_again_finds_nothing_and_does_nothing(left: PayPalWorld) -> None:
    find_missed(at=time_there(left))
    work_off(left)
    find_missed(at=time_there(left))  # of the capture that was made then
    work_off(left)
    told = PaymentEvent.objects.count()

    assert find_missed(at=time_there(left)) == 0
    assert work_off(left) == 0

    assert PaymentEvent.objects.count() == told
    assert set(WebhookEvent.objects.values_list("copies", flat=True)) == {1}


@db
def test_an_event_that_arrives_after_all_is_one_and_the_same(left: PayPalWorld) -> None:
    found = find_missed(at=time_there(left))
    assert inbox_health(at=now() + timedelta(minutes=1)).missed == found == 1

    left.deliver()

    event = WebhookEvent.objects.get(name="CHECKOUT.ORDER.APPROVED")
    assert (event.is_polled, event.copies, event.is_signed) == (True, 2, True)
    assert inbox_health(at=now() + timedelta(minutes=1)).missed == 0


@db
def test_what_has_arrived_is_not_said_to_be_missed(left: PayPalWorld) -> None:
    for _ in range(2):  # it is captured then, of which another event tells
        left.deliver()

    assert find_missed(at=time_there(left)) == 0
    assert set(WebhookEvent.objects.values_list("is_polled", flat=True)) == {False}


@db
def test_every_page_is_read(left: PayPalWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "PAGE", 2)
    for _ in range(4):
        approve_and_never_come_back(left)

    assert find_missed(at=time_there(left)) == 5

    work_off(left)
    assert Payment.objects.filter(state="paid").count() == 5


@db
@pytest.mark.parametrize("mode", ["reset_before", "http_500_before", "http_429", "hang_after"])
def test_what_could_not_be_asked_is_asked_next_time_from_the_same_place(
    left: PayPalWorld, mode: str
) -> None:
    before = EventCursor.objects.get().seen_until
    left.control.add_fault(LISTS, mode, times=1, seconds=3)

    assert find_missed(at=time_there(left)) == 0
    assert EventCursor.objects.get().seen_until == before

    assert find_missed(at=time_there(left)) == 1
    assert EventCursor.objects.get().seen_until > before


@db
def test_whoever_dies_between_pages_takes_up_the_rest_next_time(
    left: PayPalWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "PAGE", 2)
    for _ in range(2):
        approve_and_never_come_back(left)
    pages = PayPalGateway.events_between
    before = EventCursor.objects.get().seen_until

    def dies(self: PayPalGateway, since: datetime, until: datetime) -> Any:
        yield next(pages(self, since, until))
        raise KeyboardInterrupt

    monkeypatch.setattr(PayPalGateway, "events_between", dies)
    with pytest.raises(KeyboardInterrupt):
        find_missed(at=time_there(left))
    assert EventCursor.objects.get().seen_until == before
    monkeypatch.setattr(PayPalGateway, "events_between", pages)

    assert find_missed(at=time_there(left)) == 1


@db
def test_an_event_of_the_list_that_makes_no_sense_is_kept_apart_and_holds_up_nothing(
    left: PayPalWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    senseless = b'{"id": "WH-1", "event_type": "PAYMENT.CAPTURE.COMPLETED", "resource": 7}'
    pages = PayPalGateway.events_between

    def more(self: PayPalGateway, since: datetime, until: datetime) -> Any:
        yield [senseless]
        yield from pages(self, since, until)

    monkeypatch.setattr(PayPalGateway, "events_between", more)

    assert find_missed(at=time_there(left)) == 1

    refused = WebhookEvent.objects.get(state="refused")
    assert (refused.is_signed, refused.result) == (False, "no event of a list")


@db
def test_refunds_and_disputes_are_heard_of_by_asking(outage: PayPalWorld) -> None:
    paid_on_page(outage)
    attempt = Payment.objects.get().attempts.get()
    outage.control.add_fault("POST .*/refund", "reset_after", times=1)
    refund_payment(
        payment=attempt.payment,
        amount=Money("30.00", "USD"),
        reason="goodwill",
        actor=PERSON,
        idempotency_key="r",
        at=NOW,
    )
    assert Refund.objects.get().state == "unknown"
    outage.control.dispute(attempt.gateway_reference, reason="UNAUTHORISED", is_external=True)

    find_missed(at=time_there(outage))
    work_off(outage)

    assert Refund.objects.get().state == "succeeded"
    assert Dispute.objects.get().held == Money("69.00", "USD")


@db
def test_each_account_is_asked_from_its_own_place(
    outage: PayPalWorld, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    second_invoice(outage)
    unreachable = account_of("http://127.0.0.1:9")
    settings.GATEWAYS = {"other": unreachable, **settings.GATEWAYS}

    found = find_missed(at=time_there(outage))

    assert found == WebhookEvent.objects.filter(gateway="paypal").count() == 2
    assert EventCursor.objects.get(gateway="other").asked_at is None
    assert EventCursor.objects.get(gateway="paypal").asked_at is not None


def test_a_list_that_leads_in_a_circle_is_left() -> None:
    link = {"rel": "next", "href": "https://elsewhere.example/?index_id=3&move_to=next"}
    asked = []

    def ask(method: str, path: str, *, params: dict[str, str]) -> dict[str, Any]:
        asked.append((method, path, params))
        return {"events": [], "links": [link]}

    with pytest.raises(GatewayUnavailable, match="circle"):
        list(asking.listed_events(ask, NOW, NOW + timedelta(hours=1)))

    assert asked[1] == ("GET", asking.LIST, {"index_id": "3", "move_to": "next"})
    assert len(asked) == 2


def test_an_answer_that_is_no_list_ends_it() -> None:
    with pytest.raises(GatewayUnavailable, match="no list"):
        list(asking.listed_events(lambda *_, **__: {}, NOW, NOW))
