"""What happens to a planned start is written down, told, and shown on the timeline."""

from datetime import date, timedelta

import pytest
from django.db import DatabaseError, transaction

from billing.models import Announcement, Notice, PlannedStart, PlannedStartEvent
from billing.queries.timeline import timeline_page
from billing.services.announcements.announcing import announce_new
from billing.services.changes.planned_starts import StartWanted, plan_start, withdraw_start
from billing.services.changes.planned_work import start_planned
from billing.views.timeline_words import happening
from subscriptions.models import Customer
from subscriptions.services.restrictions import restrict_service
from subscriptions.services.transitions import Actor
from tests.factories.accounts import make_user
from tests.factories.announcements import announce_from_january
from tests.factories.lifecycle import at, fee_of
from tests.factories.subscriptions import TEST_ACTOR, make_customer, published_version, recurring
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db
NOW = at("2026-01-05T09:00")
DAY = at("2026-02-10")


def ask(customer: Customer, actor: Actor = TEST_ACTOR, reason: str = "") -> PlannedStart:
    return plan_start(
        customer=customer,
        wanted=StartWanted(on=date(2026, 2, 10), plan_version=fee_of("31.00"), quantity=2),
        actor=actor,
        reason=reason,
        at=NOW,
    )


def kinds(customer: Customer) -> list[str]:
    """What was told of it, and whether by e-mail too."""
    told = Announcement.objects.filter(customer=customer).order_by("pk")
    mailed = set(Notice.objects.filter(customer=customer).values_list("kind", flat=True))
    return [f"{row.kind}{' +' if row.kind in mailed else ''}" for row in told]


def shown(customer: Customer) -> list[tuple[str, str, str]]:
    rows = timeline_page(customer.pk, kind="subscriptions").entries
    words = [happening(row) for row in rows if row.source.name == "planned_start"]
    return [(word.what, word.note, word.who) for word in words]


def test_planned_taken_back_started_and_refused_are_told_and_shown() -> None:
    announce_from_january()
    boss = make_user(Role.FINANCE)
    starts, leaves, cannot = make_customer(), make_customer(), make_customer(country="DE")
    ask(starts, Actor(source="finance", user=boss), reason="new contract")
    withdraw_start(start=ask(leaves), actor=Actor(source="portal"), at=NOW + timedelta(hours=1))
    ask(cannot)
    announce_new(at=NOW + timedelta(hours=2))
    start_planned(at=DAY + timedelta(hours=1))
    announce_new(at=DAY + timedelta(hours=2))

    assert kinds(starts) == [
        "start.planned +",
        "subscription.subscribed",
        "invoice.finalized +",
    ]
    assert kinds(leaves) == ["start.planned +", "start.withdrawn +"]
    assert kinds(cannot) == ["start.planned +", "start.refused +"]
    planned = Announcement.objects.get(kind="start.planned", customer=starts).facts
    begun = Announcement.objects.get(kind="subscription.subscribed").facts
    assert (planned["plan"], planned["quantity"]) == ("Team", 2)
    assert planned["start_at"] == "2026-02-10T00:00:00+00:00"
    assert planned["subscription"] == begun["subscription"]
    assert "DE" in Announcement.objects.get(kind="start.refused").facts["reason"]

    assert shown(starts) == [
        (
            "Planned start of Team, quantity 2: started",
            "effective 10 Feb 2026",
            boss.email,
        ),
        (
            "Planned start of Team, quantity 2: planned",
            "effective 10 Feb 2026 · new contract",
            boss.email,
        ),
    ]
    assert shown(leaves)[0][::2] == ("Planned start of Team, quantity 2: taken back", "portal")
    what, note, who = shown(cannot)[0]
    assert (what, who) == ("Planned start of Team, quantity 2: not started", "planned_start")
    assert "DE" in note


def test_what_is_written_down_stays_and_is_there_once() -> None:
    start = ask(make_customer())
    withdraw_start(start=start, actor=TEST_ACTOR, at=NOW)
    withdraw_start(start=start, actor=TEST_ACTOR, at=NOW)

    assert list(start.events.values_list("kind", flat=True)) == ["planned", "withdrawn"]
    second = PlannedStartEvent(
        start=start, kind="started", at=NOW, effective_at=start.due_at, source="x"
    )
    for attack in (
        lambda: start.events.update(reason="another"),
        lambda: start.events.all().delete(),
        second.save,
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            attack()


def test_until_its_day_newer_prices_and_a_block_change_nothing() -> None:
    """What it was planned with counts; a new subscription of who is blocked is blocked too."""
    customer = make_customer()
    start = ask(customer)
    plan = start.plan_version.plan
    published_version(recurring("99.00"), plan=plan, at=at("2026-02-01"))
    plan.is_public = False
    plan.save()
    Customer.objects.filter(pk=customer.pk).update(currency="JPY")
    restrict_service(customer=customer, reason="unpaid", source="test", at=NOW)

    start_planned(at=DAY)

    start.refresh_from_db()
    assert (start.state, start.why) == ("started", "")
    assert start.subscription is not None
    assert start.subscription.plan_version == start.plan_version
    assert start.subscription.invoices.get().total.amount == 31
