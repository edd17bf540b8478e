"""Each thing that happens to a subscription reaches whoever has to hear of it, with its facts."""

from datetime import timedelta
from typing import Any

import pytest

from billing.domain.announcements import EVENT_KINDS
from billing.models import Announcement, Dispute, Notice
from billing.services.announcements.announcing import announce_new
from billing.services.announcements.notice_text import render_notice
from billing.services.invoices.invoicing import mark_uncollectible
from subscriptions.domain.lifecycle import EVENTS
from subscriptions.models import Subscription
from subscriptions.services.transitions import Actor, record_transition
from tests.factories.announcements import announce_from_january
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import (
    JAN_1,
    make_plan,
    published_version,
    recurring,
    subscription_since,
)
from tests.finance.services.test_posting import pay
from tests.shared_world import shared_world
from tiktoktoe.kernel.ids import uuid7

pytestmark = pytest.mark.django_db
NOON = JAN_1 + timedelta(hours=12)
FEB_1, MAY_1 = "2026-02-01T00:00:00+00:00", "2026-05-01T00:00:00+00:00"


def arrange() -> Subscription:
    announce_from_january()
    made = subscription_since()
    announce_new(at=JAN_1)
    return made


subscription = shared_world(arrange)


def happen(
    subscription: Subscription, event: str, source: str = "finance", **details: object
) -> None:
    record_transition(
        subscription=subscription,
        from_state=subscription.state,
        event=event,
        effective_at=NOON,
        actor=Actor(source=source),
        at=NOON,
        reason="among ourselves",
        details=details,
    )


def told(event: str) -> list[str]:
    """The notice of an event: its subject and its sentences."""
    found = Announcement.objects.get(kind=f"subscription.{event}")
    notice = render_notice(
        kind=found.kind,
        facts=found.facts,
        locale="en",
        time_zone="UTC",
        customer_id=found.customer_id,
        customer_name="Acme",
    )
    assert "among ourselves" not in notice.text
    lines = [line for line in notice.text.splitlines() if line.strip()]
    return [notice.subject, *lines[1:]]


TOLD: list[tuple[str, dict[str, Any], str, str]] = [
    ("pause_scheduled", {"pause_at": FEB_1}, "Team pauses on February 1, 2026", "and you can"),
    ("pause_withdrawn", {}, "Team does not pause", "Team goes on as before."),
    ("paused", {"resume_at": MAY_1}, "Team pauses", "It goes on by itself on May 1, 2026."),
    ("resumption_scheduled", {"resume_at": MAY_1}, "Team goes on from May 1, 2026", "charged"),
    ("resumption_withdrawn", {}, "Team stays paused", "until you let it go on"),
    ("resumed", {}, "Team goes on", "goes on since January 1, 2026"),
    ("cancellation_withdrawn", {}, "Team goes on", "does not end"),
    ("expired", {}, "Your subscription to Team did not begin", "You can subscribe again"),
]


def test_a_pause_or_an_end_is_told_with_its_days(subscription: Subscription) -> None:
    for event, details, _, _ in TOLD:
        happen(subscription, event, **details)

    announce_new(at=NOON)

    for event, _, subject, sentence in TOLD:
        assert Notice.objects.filter(kind=f"subscription.{event}").count() == 1, event
        words = told(event)
        assert words[0] == subject
        assert sentence in " ".join(words)


@pytest.mark.parametrize("event", ["trial_extended", "trial_shortened"])
def test_the_end_of_a_trial_that_was_moved_is_told(subscription: Subscription, event: str) -> None:
    Subscription.objects.update(trial_ends_at=FEB_1)
    happen(subscription, event)

    announce_new(at=NOON)

    assert "February 1, 2026" in told(event)[0]


def test_a_change_of_plan_for_a_day_names_the_plan_and_one_taken_back_what_stays(
    subscription: Subscription,
) -> None:
    scale = published_version(recurring("249"), plan=make_plan(code="scale", name="Scale"))
    coming: dict[str, Any] = {"to_plan_version": scale.pk, "to_quantity": 3, "change_at": FEB_1}
    happen(subscription, "plan_change_scheduled", **coming)
    happen(subscription, "plan_change_withdrawn", **coming)

    announce_new(at=NOON)

    assert told("plan_change_scheduled")[0] == "Your plan changes on February 1, 2026"
    assert "on Scale from February 1, 2026 on, quantity 3" in told("plan_change_scheduled")[1]
    assert told("plan_change_withdrawn")[0] == "Your plan stays Team"


def test_of_a_price_move_there_are_notices_of_its_own(subscription: Subscription) -> None:
    for event in ("plan_change_scheduled", "plan_change_withdrawn"):
        happen(subscription, event, source="price_move", change_at=FEB_1)

    announce_new(at=NOON)

    assert Announcement.objects.filter(kind__startswith="subscription.plan_change_").count() == 2
    assert not Notice.objects.filter(kind__startswith="subscription.plan_change_").exists()


def test_an_add_on_is_told_beside_its_plan_when_it_comes_and_when_it_goes(
    subscription: Subscription,
) -> None:
    version = published_version(recurring("9"), plan=make_plan(code="help", name="Support"))
    change: dict[str, Any] = {"from_plan_version": version.pk, "to_plan_version": version.pk}
    happen(subscription, "add_on_changed", **change, from_quantity=0, to_quantity=2)
    happen(
        subscription, "add_on_scheduled", **change, from_quantity=2, to_quantity=0, change_at=FEB_1
    )

    announce_new(at=NOON)

    happen(subscription, "add_on_withdrawn", to_plan_version=version.pk, to_quantity=0)
    announce_new(at=NOON)

    assert told("add_on_withdrawn")[0] == "Your add-on Support stays as it is"
    came = Announcement.objects.get(kind="subscription.add_on_changed").facts
    assert (came["plan"], came["quantity"], came["add_on_name"]) == ("Team", 1, "Support")
    assert (came["add_on_quantity_before"], came["add_on_quantity"]) == (0, 2)
    assert "As of January 1, 2026 you have Support 2 times, beside Team." in told("add_on_changed")
    gone = " ".join(told("add_on_scheduled"))
    assert "From February 1, 2026 on you no longer have Support beside Team." in gone
    assert "times" not in gone


def test_a_dispute_and_an_invoice_written_off_are_told_to_systems_only() -> None:
    announce_from_january()
    invoice = open_invoice()
    attempt = pay(invoice, at=NOON)
    Dispute.objects.create(
        id=uuid7(),
        payment=attempt.payment,
        attempt=attempt,
        gateway="stripe",
        gateway_reference="dp_1",
        state="lost",
        reason_class="fraud",
        currency="USD",
        amount=99,
        opened_at=NOON,
        reported_at=NOON,
        created_at=NOON,
        closed_at=NOON + timedelta(days=1),
    )
    other = open_invoice()
    mark_uncollectible(invoice=other, at=NOON)

    announce_new(at=NOON + timedelta(days=2))

    for kind in ("dispute.opened", "dispute.closed"):
        found = Announcement.objects.get(kind=kind).facts
        assert (found["dispute"], found["state"]) == ("dp_1", "lost")
        assert found["amount"] == {"amount": "99", "currency": "USD"}
    off = Announcement.objects.get(kind="invoice.written_off").facts
    assert off["invoice"] == other.number
    told_to_customers = set(Notice.objects.values_list("kind", flat=True))
    assert told_to_customers <= {"invoice.finalized", "payment.succeeded"}


def test_whatever_can_happen_can_be_subscribed_to_and_nothing_else_happens(
    subscription: Subscription,
) -> None:
    assert {f"subscription.{event}" for event in EVENTS} <= set(EVENT_KINDS)
    with pytest.raises(AssertionError, match="not among the events"):
        happen(subscription, "evaporated")
