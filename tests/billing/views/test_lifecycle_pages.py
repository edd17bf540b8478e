"""The staff pages of ending, pausing, resuming and trials: seen first, then done."""

from datetime import timedelta

import pytest
from django.test import Client

from billing.models import CreditNote
from subscriptions.models import Subscription
from tests.factories.accounts import make_user
from tests.factories.lifecycle import begin, fee_of
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.clock import now

pytestmark = pytest.mark.django_db
ACTS = ["ending", "pause", "resumption", "trial"]


def signed_in(role: Role = Role.FINANCE) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def running(**terms: int) -> Subscription:
    """A subscription since yesterday."""
    return begin(fee_of("31.00"), (now() - timedelta(days=1)).isoformat(), **terms)


def page_of(subscription: Subscription, act: str) -> str:
    return f"/subscriptions/{subscription.reference}/{act}/"


@pytest.mark.parametrize("act", ACTS)
def test_support_may_not_act(act: str) -> None:
    subscription = running()

    assert signed_in(Role.SUPPORT).get(page_of(subscription, act)).status_code == 403
    assert signed_in(Role.CUSTOMER).post(page_of(subscription, act)).status_code == 403


def test_support_sees_the_schedule_without_ways_back() -> None:
    answer = signed_in(Role.SUPPORT).get(page_of(running(), "schedule"))

    assert answer.status_code == 200
    assert b"It is billed" in answer.content
    assert b"Withdraw" not in answer.content


def test_ending_now_is_shown_first_and_then_done() -> None:
    subscription = running()
    client = signed_in()
    path = page_of(subscription, "ending")

    seen = client.get(path, {"shown": "1", "when": "now", "reason": "Moved away"})
    assert CreditNote.objects.count() == 0
    shown = seen.context["shown"]
    given = {"when": "now", "reason": "Moved away", "expected": shown.token}
    answer = client.post(path, given)

    subscription.refresh_from_db()
    assert (answer.status_code, subscription.state) == (302, "canceled")
    assert CreditNote.objects.get().total == shown.notes[0].total
    assert subscription.transitions.filter(reason="Moved away", actor__isnull=False).exists()


def test_what_somebody_else_changed_meanwhile_is_refused_on_the_page() -> None:
    subscription = running()
    client = signed_in()

    answer = client.post(page_of(subscription, "ending"), {"when": "now", "expected": "1-2"})

    subscription.refresh_from_db()
    assert (answer.status_code, subscription.state) == (200, "active")
    assert b"changed in the meantime" in answer.content


def test_a_pause_waits_on_the_schedule_and_is_withdrawn_there() -> None:
    subscription = running()
    client = signed_in()

    client.post(page_of(subscription, "pause"), {"when": "period_end"})
    schedule = client.get(page_of(subscription, "schedule"))
    assert b"It pauses" in schedule.content
    client.post(f"{page_of(subscription, 'pause')}withdrawal/")

    subscription.refresh_from_db()
    assert (subscription.state, subscription.pause_at) == ("active", None)


def test_paused_now_it_can_be_resumed_and_the_page_shows_what_it_costs() -> None:
    subscription = running()
    client = signed_in()
    client.post(page_of(subscription, "pause"), {"when": "now"})
    subscription.refresh_from_db()
    assert subscription.state == "paused"

    seen = client.get(page_of(subscription, "resumption"), {"shown": "1"})
    assert seen.context["shown"].draft is not None
    client.post(page_of(subscription, "resumption"), {"expected": seen.context["shown"].token})

    subscription.refresh_from_db()
    assert subscription.state == "active"
    assert client.get(f"/subscriptions/{subscription.reference}/").status_code == 200


def test_a_trial_is_ended_from_its_page() -> None:
    subscription = running(trial_days=14)
    client = signed_in()

    seen = client.get(page_of(subscription, "trial"), {"shown": "1"})
    client.post(page_of(subscription, "trial"), {"expected": seen.context["shown"].token})

    subscription.refresh_from_db()
    assert subscription.state == "active"


def test_a_day_that_is_missing_or_over_is_said_beside_its_field() -> None:
    subscription = running()
    client = signed_in()
    path = page_of(subscription, "ending")

    missing = client.get(path, {"shown": "1", "when": "on_day"})
    over = client.get(path, {"shown": "1", "when": "on_day", "on": "2020-01-01"})

    assert missing.context["form"].errors["on"] == ["Choose the day."]
    assert b"not to come" in over.content
