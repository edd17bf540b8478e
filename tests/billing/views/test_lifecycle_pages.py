"""The staff pages of ending, pausing, resuming and trials: seen first, then done."""

from datetime import timedelta

import pytest
from django.test import Client

from billing.models import CreditNote, DatedChange
from billing.services.changes.cancelling import CancelWhen, cancel_subscription
from subscriptions.models import Customer, Subscription
from tests.factories.accounts import make_user
from tests.factories.lifecycle import at, begin, fee_of
from tests.factories.subscriptions import TEST_ACTOR, make_customer
from tests.shared_world import shared_world
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel import clock
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


subscription = shared_world(running)


def page_of(subscription: Subscription, act: str) -> str:
    return f"/subscriptions/{subscription.reference}/{act}/"


@pytest.mark.parametrize("act", ACTS)
def test_support_may_not_act(act: str, subscription: Subscription) -> None:
    assert signed_in(Role.SUPPORT).get(page_of(subscription, act)).status_code == 403
    assert signed_in(Role.CUSTOMER).post(page_of(subscription, act)).status_code == 403


def test_support_sees_the_schedule_without_ways_back() -> None:
    answer = signed_in(Role.SUPPORT).get(page_of(running(), "schedule"))

    assert answer.status_code == 200
    assert b"It is billed" in answer.content
    assert b"Withdraw" not in answer.content


def test_ending_now_is_shown_first_and_then_done(subscription: Subscription) -> None:
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


def test_what_somebody_else_changed_meanwhile_is_refused_on_the_page(
    subscription: Subscription,
) -> None:
    client = signed_in()

    answer = client.post(page_of(subscription, "ending"), {"when": "now", "expected": "1-2"})

    subscription.refresh_from_db()
    assert (answer.status_code, subscription.state) == (200, "active")
    assert b"changed in the meantime" in answer.content


def test_a_pause_waits_on_the_schedule_and_is_withdrawn_there(subscription: Subscription) -> None:
    client = signed_in()

    client.post(page_of(subscription, "pause"), {"when": "period_end"})
    schedule = client.get(page_of(subscription, "schedule"))
    assert b"It pauses" in schedule.content
    client.post(f"{page_of(subscription, 'pause')}withdrawal/")

    subscription.refresh_from_db()
    assert (subscription.state, subscription.pause_at) == ("active", None)


def test_paused_now_it_can_be_resumed_and_the_page_shows_what_it_costs(
    subscription: Subscription,
) -> None:
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


def test_a_day_that_is_missing_or_closed_is_said_on_the_page(subscription: Subscription) -> None:
    client = signed_in()
    path = page_of(subscription, "ending")

    missing = client.get(path, {"shown": "1", "when": "on_day"})
    over = client.get(path, {"shown": "1", "when": "on_day", "on": "2020-01-01"})

    assert missing.context["form"].errors["on"] == ["Choose the day."]
    assert b"is closed" in over.content


def test_the_next_invoices_are_shown_with_their_lines() -> None:
    subscription = begin(fee_of("31.00", name="Team"), "2026-01-01")
    client = signed_in(Role.SUPPORT)

    with clock.moved_to(at("2026-01-10")):
        page = client.get(f"/subscriptions/{subscription.reference}/schedule/").content.decode()
        part = client.get(f"/subscriptions/{subscription.reference}/next-invoices/")

    assert page.count("Net and tax</th>") == 3
    assert "$31.00" in part.content.decode()
    assert "1–28 Feb 2026" in part.content.decode()


def test_a_missing_tax_rate_is_said_instead_of_the_next_invoices() -> None:
    customer = make_customer(currency="USD")
    subscription = begin(fee_of("31.00"), "2026-01-01", customer=customer)
    Customer.objects.filter(pk=customer.pk).update(country="FR")

    part = signed_in(Role.SUPPORT).get(f"/subscriptions/{subscription.reference}/next-invoices/")

    assert "no tax rate is known for FR" in part.content.decode()


def test_the_history_says_who_when_and_why() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    cancel_subscription(
        subscription=subscription,
        actor=TEST_ACTOR,
        when=CancelWhen.PERIOD_END,
        reason="too dear",
        at=at("2026-01-10"),
    )

    page = signed_in(Role.SUPPORT).get(f"/subscriptions/{subscription.reference}/")

    text = page.content.decode()
    assert "Cancellation scheduled" in text
    assert "ends 1 Feb 2026" in text
    assert "too dear" in text


def test_a_change_for_a_day_is_shown_scheduled_and_withdrawn_on_the_pages(
    subscription: Subscription,
) -> None:
    client = signed_in()
    day = (now() + timedelta(days=12)).date()
    bigger = fee_of("62.00")
    given: dict[str, str | int] = {"plan_version": bigger.pk, "quantity": 1, "on": day.isoformat()}

    seen = client.get(page_of(subscription, "plan-change"), given)
    expected = seen.context["preview"].token
    answer = client.post(page_of(subscription, "plan-change"), {**given, "expected": expected})
    schedule = client.get(page_of(subscription, "schedule"))

    assert b"Takes effect on" in seen.content
    assert answer.status_code == 302
    waiting = DatedChange.objects.get()
    assert (waiting.on, waiting.state) == (day, "scheduled")
    assert f"It goes to {bigger.plan.name}" in schedule.content.decode()
    (draft,) = schedule.context["drafts"]
    assert draft.totals.subtotal.amount == 62
    client.post(f"/dated-changes/{waiting.pk}/withdrawal/")
    waiting.refresh_from_db()
    assert waiting.state == "withdrawn"


def test_a_pause_from_a_day_beyond_the_period_is_shown_and_scheduled(
    subscription: Subscription,
) -> None:
    client = signed_in()
    day = (now() + timedelta(days=50)).date()
    given = {"when": "on_day", "on": day.isoformat(), "reason": "Away"}

    seen = client.get(page_of(subscription, "pause"), {"shown": "1", **given})
    shown = seen.context["shown"]
    client.post(page_of(subscription, "pause"), {**given, "expected": shown.token})

    assert [label for label, _ in shown.amounts] == ["Due then, with tax", "Given back then"]
    assert shown.amounts[1][1].amount > 0
    waiting = DatedChange.objects.get()
    assert (waiting.kind, waiting.on, waiting.reason) == ("pause", day, "Away")
    assert b"It pauses" in client.get(page_of(subscription, "schedule")).content


def test_support_may_not_withdraw_what_waits_for_a_day() -> None:
    assert signed_in(Role.SUPPORT).post("/dated-changes/1/withdrawal/").status_code == 403


def test_a_day_that_is_closed_is_refused_on_the_page(subscription: Subscription) -> None:
    given: dict[str, str | int] = {
        "plan_version": subscription.plan_version_id,
        "quantity": 2,
        "on": "2020-01-01",
    }

    answer = signed_in().get(page_of(subscription, "plan-change"), given)

    assert answer.context["preview"] is None
    assert b"is closed" in answer.content
