"""Events of Stripe's that never arrived by webhook are asked for, and none is taken in twice."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from djstripe.models import Event

from billing.gateways import stripe_events as asking
from billing.gateways.stripe_mirror import mirror_account
from billing.models import EventCursor, Invoice, Payment, PaymentEvent, WebhookEvent
from billing.queries.webhook_events import inbox_health
from billing.services.payments import stripe_events
from billing.services.payments.checkout import open_payment_page
from billing.services.payments.stripe_events import find_missed_events, keep_event
from billing.services.payments.webhook_inbox import work_off_waiting
from tests.factories.subscriptions import make_customer
from tests.gateway_scenes import Kept, gateway_scene
from tests.stripe_world import PERSON, StripeWorld, invoice_of
from tiktoktoe.kernel.clock import now

pytestmark = pytest.mark.django_db
DAY = 86_400
LISTS = "GET /v1/events"


def time_there(stripe: StripeWorld) -> datetime:
    return datetime.fromtimestamp(stripe.control.stats()["now"], UTC)


def work_off(stripe: StripeWorld) -> int:
    """A moment later, what has come in is looked into."""
    return work_off_waiting(at=time_there(stripe) + timedelta(minutes=1))


def pay_and_never_come_back(stripe: StripeWorld) -> Invoice:
    stripe.control.advance_clock(60)
    invoice = invoice_of(make_customer())
    page = open_payment_page(invoice=invoice, actor=PERSON, at=time_there(stripe))
    stripe.pay_on_page(page)
    return invoice


def missed(stripe: StripeWorld) -> None:
    find_missed_events(at=time_there(stripe))
    pay_and_never_come_back(stripe)


kept = gateway_scene(missed, "stripe")


@pytest.fixture
def outage(kept: Kept, request: pytest.FixtureRequest) -> StripeWorld:
    """Stripe, of which no event arrived since an invoice was paid there, and who paid is gone."""
    world: StripeWorld = kept.back(request)
    return world


def test_days_without_an_endpoint_lose_nothing(outage: StripeWorld) -> None:
    for _ in range(2):
        outage.control.advance_clock(2 * DAY)
        pay_and_never_come_back(outage)
    outage.control.advance_clock(2 * DAY)

    found = find_missed_events(at=time_there(outage))
    work_off(outage)

    assert found >= 3
    assert list(Invoice.objects.values_list("state", flat=True)) == ["paid"] * 3
    assert {event.state for event in WebhookEvent.objects.all()} == {"done"}
    assert WebhookEvent.objects.filter(is_polled=True).count() == found


def test_asking_again_finds_nothing_and_does_nothing(outage: StripeWorld) -> None:
    find_missed_events(at=time_there(outage))
    work_off(outage)
    told = PaymentEvent.objects.count()

    assert find_missed_events(at=time_there(outage)) == 0
    assert work_off(outage) == 0

    assert PaymentEvent.objects.count() == told
    assert set(WebhookEvent.objects.values_list("copies", flat=True)) == {1}


def test_an_event_that_arrives_after_all_is_one_and_the_same(outage: StripeWorld) -> None:
    found = find_missed_events(at=time_there(outage))
    event = WebhookEvent.objects.filter(name="payment_intent.succeeded").get()
    assert inbox_health(at=now() + timedelta(minutes=1)).missed == found

    again = keep_event(
        event_id=event.event_id,
        name=event.name,
        named={"id": event.reference},
        happened_at=now(),
        at=now(),
    )

    assert again is None
    assert WebhookEvent.objects.filter(event_id=event.event_id).count() == 1
    assert inbox_health(at=now() + timedelta(minutes=1)).missed == found - 1


def test_every_page_is_read(outage: StripeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "PAGE", 3)
    for _ in range(2):
        pay_and_never_come_back(outage)

    find_missed_events(at=time_there(outage))

    work_off(outage)
    assert Payment.objects.filter(state="paid").count() == 3


@pytest.mark.parametrize("mode", ["reset_before", "http_500_before", "http_429"])
def test_what_could_not_be_asked_is_asked_next_time_from_the_same_place(
    outage: StripeWorld, mode: str
) -> None:
    before = EventCursor.objects.get().seen_until
    outage.control.add_fault(LISTS, mode, times=1)

    assert find_missed_events(at=time_there(outage)) == 0
    assert EventCursor.objects.get().seen_until == before

    assert find_missed_events(at=time_there(outage)) > 0
    assert EventCursor.objects.get().seen_until > before


def test_whoever_dies_between_pages_takes_up_the_rest_next_time(
    outage: StripeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "PAGE", 2)
    pages = asking.events_since
    before = EventCursor.objects.get().seen_until

    def dies(since: datetime) -> Any:
        yield next(pages(since))
        raise KeyboardInterrupt

    monkeypatch.setattr(stripe_events, "events_since", dies)
    with pytest.raises(KeyboardInterrupt):
        find_missed_events(at=time_there(outage))
    assert EventCursor.objects.get().seen_until == before
    monkeypatch.setattr(stripe_events, "events_since", pages)

    find_missed_events(at=time_there(outage))
    work_off(outage)

    assert Payment.objects.get().state == "paid"


def test_the_mirror_hears_of_it_too(outage: StripeWorld) -> None:
    mirror_account()

    find_missed_events(at=time_there(outage))

    kept = set(WebhookEvent.objects.values_list("event_id", flat=True))
    assert set(Event.objects.values_list("id", flat=True)) == kept


def test_a_mirror_that_stumbles_keeps_nothing_from_us(
    outage: StripeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbles(_event: object) -> None:
        raise ValueError("a field that nobody expected")

    monkeypatch.setattr(stripe_events, "mirror_event", stumbles)

    find_missed_events(at=time_there(outage))
    work_off(outage)

    assert Payment.objects.get().state == "paid"


def test_events_that_nobody_hears_stay_outside(outage: StripeWorld) -> None:
    outage.store_card(make_customer())

    find_missed_events(at=time_there(outage))

    names = set(WebhookEvent.objects.values_list("name", flat=True))
    assert "customer.created" not in names
    assert names <= set(asking.EVENTS)
