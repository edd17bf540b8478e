"""The day on which what is paused goes on is chosen, moved and taken back."""

from datetime import date, datetime
from decimal import Decimal

import pytest
from django.test import Client

from billing.errors import DatedChangeInvalid
from billing.models import Invoice
from billing.services.changes.dated_changes import schedule_dated_change
from billing.services.changes.pausing import pause
from billing.services.changes.resumption_days import resume_on_day
from billing.services.changes.wanted import Wanted
from billing.services.invoices.renewal import run_billing
from subscriptions.errors import SubscriptionInvalid, TransitionNotAllowed
from subscriptions.models import Subscription
from tests.factories.accounts import make_user
from tests.factories.lifecycle import at, begin, fee_of
from tests.factories.subscriptions import TEST_ACTOR
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.clock import moved_to

pytestmark = pytest.mark.django_db
JAN_10 = at("2026-01-10T09:00")
JAN_12 = at("2026-01-12T09:00")


def paused(until: date | None = None) -> Subscription:
    """Paused on the 10th of January, whose days from the 11th on were given back."""
    subscription = begin(fee_of("31.00"), "2026-01-01")
    pause(subscription=subscription, actor=TEST_ACTOR, at=JAN_10, resume_on=until)
    return subscription


def go_on(subscription: Subscription, on: date | None) -> Subscription:
    return resume_on_day(subscription=subscription, resume_on=on, actor=TEST_ACTOR, at=JAN_12)


def newest() -> tuple[Decimal, datetime]:
    invoice = Invoice.objects.latest("created_at")
    return invoice.total.amount, invoice.created_at


def test_on_its_day_it_goes_on_by_itself_and_the_rest_of_the_period_is_charged() -> None:
    subscription = paused()

    go_on(subscription, date(2026, 1, 22))
    run_billing(at=at("2026-01-21"))
    assert Invoice.objects.count() == 1
    run_billing(at=at("2026-01-22"))

    subscription.refresh_from_db()
    assert (subscription.state, newest()) == ("active", (Decimal("10.0000"), at("2026-01-22")))


def test_the_day_is_moved_and_taken_back() -> None:
    subscription = paused(until=date(2026, 1, 15))

    go_on(subscription, date(2026, 1, 22))
    run_billing(at=at("2026-01-21"))
    assert Invoice.objects.count() == 1
    go_on(subscription, None)
    run_billing(at=at("2026-03-01"))

    subscription.refresh_from_db()
    assert (subscription.state, subscription.resume_at) == ("paused", None)
    events = subscription.transitions.order_by("pk").values_list("event", flat=True)
    assert list(events)[-3:] == ["paused", "resumption_scheduled", "resumption_withdrawn"]


def test_a_day_that_has_begun_and_what_is_not_paused_are_refused() -> None:
    with pytest.raises(SubscriptionInvalid, match="has begun"):
        go_on(paused(), date(2026, 1, 12))

    with pytest.raises(TransitionNotAllowed):
        go_on(begin(fee_of("31.00"), "2026-01-01"), date(2026, 1, 22))


def test_what_is_scheduled_for_a_day_after_it_goes_on_is_not_left_in_the_pause() -> None:
    subscription = paused(until=date(2026, 1, 15))
    schedule_dated_change(
        subscription=subscription,
        wanted=Wanted(on=date(2026, 1, 20), quantity=2),
        actor=TEST_ACTOR,
        at=JAN_12,
    )

    with pytest.raises(DatedChangeInvalid, match="something is scheduled for 2026-01-20"):
        go_on(subscription, date(2026, 1, 22))
    with pytest.raises(DatedChangeInvalid):
        go_on(subscription, None)

    assert go_on(subscription, date(2026, 1, 18)).resume_at == at("2026-01-18")


def test_staff_choose_the_day_see_what_is_billed_then_and_take_it_back(client: Client) -> None:
    subscription = paused()
    client.force_login(make_user(Role.FINANCE))
    address = f"/subscriptions/{subscription.reference}/resumption/"

    with moved_to(JAN_12):
        page = client.get(address, {"shown": "1", "on": "2026-01-22"}).content.decode()
        client.post(address, {"on": "2026-01-22"})
        subscription.refresh_from_db()
        scheduled = subscription.resume_at
        schedule = client.get(f"/subscriptions/{subscription.reference}/schedule/").content.decode()
        client.post(f"{address}withdrawal/")

    assert "It goes on when 22 Jan 2026 begins" in page
    assert "$10.00" in page
    assert scheduled == at("2026-01-22")
    assert "Another day, or now" in schedule
    subscription.refresh_from_db()
    assert subscription.resume_at is None
