"""Customers hear of a price move before it happens, each once, and in time."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from billing.domain.notice_words import CATALOGS
from billing.errors import PriceMoveInvalid
from billing.models import Announcement, Notice, PlanChange, PriceMove, PriceMoveRow
from billing.services.announcements.announcing import announce_new
from billing.services.announcements.notices import words_of
from billing.services.changes.cancelling import CancelWhen, cancel_subscription
from billing.services.changes.plan_changes import change_plan
from billing.services.changes.price_move_previews import MoveTerms
from billing.services.changes.price_moves import (
    start_price_move,
    undo_price_move,
    work_on_price_moves,
)
from billing.services.invoices.invoicing import bill_start
from billing.services.invoices.renewal import run_billing
from subscriptions.models import PlanVersion, Subscription
from tests.factories.accounts import make_user
from tests.factories.announcements import announce_from_january
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_member,
    make_plan,
    published_version,
    recurring,
    subscription_since,
)
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db
JAN_2 = datetime(2026, 1, 2, 9, tzinfo=UTC)
MAR_1 = datetime(2026, 3, 1, tzinfo=UTC)
UPCOMING, WITHDRAWN = "price.change_upcoming", "price.change_withdrawn"


@pytest.fixture
def prices() -> tuple[PlanVersion, PlanVersion]:
    """31.00 a month, and 62.00 by the next version of the same plan."""
    plan = make_plan()
    announce_from_january()
    old = published_version(recurring("31.00", charge_model="per_unit"), plan=plan)
    return old, published_version(recurring("62.00", charge_model="per_unit"), plan=plan)


def subscriber(old: PlanVersion, *, since: datetime = JAN_1, **customer: Any) -> Subscription:
    made = subscription_since(since, version=old, customer=make_customer(**customer))
    bill_start(subscription=made, at=since)
    return made


def terms(prices: tuple[PlanVersion, PlanVersion], **more: Any) -> MoveTerms:
    """From March 1st on, of which everybody hears thirty days before."""
    asked: dict[str, Any] = {"when": "from_day", "on": date(2026, 3, 1), "notice_days": 30, **more}
    return MoveTerms(from_version=prices[0], to_version=prices[1], reason="2026", **asked)


def started(prices: tuple[PlanVersion, PlanVersion], **more: Any) -> PriceMove:
    return start_price_move(terms=terms(prices, **more), user=None, at=JAN_2)


def live_on(*days: str) -> None:
    """Everything that the scheduler does, on these days of 2026."""
    for day in days:
        at = datetime.fromisoformat(f"2026-{day}T10:00:00+00:00")
        run_billing(at=at)
        work_on_price_moves(at=at)
        announce_new(at=at)
        work_on_price_moves(at=at + timedelta(minutes=5))


def told(kind: str = UPCOMING) -> list[tuple[int, date]]:
    found = Announcement.objects.filter(kind=kind).order_by("announced_at", "pk")
    return [(a.customer_id, a.announced_at.date()) for a in found]


def test_each_hears_once_in_time_and_is_then_moved(
    prices: tuple[PlanVersion, PlanVersion],
) -> None:
    """Renewed on March 1st and on March 20th: thirty days and one before each."""
    first = subscriber(prices[0])
    later = subscriber(prices[0], since=JAN_1.replace(day=20))
    move = start_price_move(terms=terms(prices), user=None, at=JAN_1.replace(day=20))

    live_on("01-28", "01-29", "02-01", "02-17", "02-20", "03-01", "03-20")

    assert told() == [
        (first.customer_id, date(2026, 1, 29)),
        (later.customer_id, date(2026, 2, 17)),
    ]
    begun = PlanChange.objects.filter(state="applied").values_list("subscription", "effective_at")
    assert dict(begun) == {first.pk: MAR_1, later.pk: datetime(2026, 3, 20, tzinfo=UTC)}
    move.refresh_from_db()
    assert move.state == "done"
    facts = Announcement.objects.filter(kind=UPCOMING).earliest("pk").facts
    assert facts["net_before"]["amount"] == "31"
    assert facts["net_after"]["amount"] == "62"


def test_a_day_that_leaves_less_time_is_refused_unless_staff_say_why(
    prices: tuple[PlanVersion, PlanVersion],
) -> None:
    subscriber(prices[0])

    with pytest.raises(PriceMoveInvalid, match="1 would hear of it less than 30") as refused:
        started(prices, on=date(2026, 1, 20))
    assert refused.value.field == "notice_days"
    assert not PriceMove.objects.exists()

    started(prices, on=date(2026, 1, 20), short_notice_reason="They asked for it")
    live_on("01-02", "01-20", "02-01")
    assert [day for _, day in told()] == [date(2026, 1, 2)]
    assert PlanChange.objects.get().state == "applied"


def test_now_is_too_short_for_any_notice(prices: tuple[PlanVersion, PlanVersion]) -> None:
    subscriber(prices[0])

    with pytest.raises(PriceMoveInvalid):
        started(prices, when="now", on=None)


def test_taking_it_back_after_the_notice_sends_a_correction_once(
    prices: tuple[PlanVersion, PlanVersion],
) -> None:
    heard = subscriber(prices[0])
    subscriber(prices[0], since=JAN_1.replace(day=20))
    move = start_price_move(terms=terms(prices), user=None, at=JAN_1.replace(day=20))
    live_on("01-29", "02-01")

    undo_price_move(move=move, at=datetime(2026, 2, 4, tzinfo=UTC))
    live_on("02-04", "02-05", "02-17", "03-01", "03-20")

    assert told(WITHDRAWN) == [(heard.customer_id, date(2026, 2, 4))]
    assert len(told()) == 1
    heard.refresh_from_db()
    assert heard.plan_version == prices[0]


def test_who_joins_the_prices_before_the_day_hears_with_all_the_time(
    prices: tuple[PlanVersion, PlanVersion],
) -> None:
    """They came on February 20th: not moved on March 20th, but on April 20th."""
    subscriber(prices[0])
    started(prices)
    live_on("01-29", "02-01")
    joined = subscriber(prices[0], since=datetime(2026, 2, 20, tzinfo=UTC))

    live_on("02-20", "03-01", "03-19", "03-20", "04-20")

    assert told()[1:] == [(joined.customer_id, date(2026, 3, 20))]
    change = PlanChange.objects.get(subscription=joined)
    assert (change.state, change.effective_at) == ("applied", datetime(2026, 4, 20, tzinfo=UTC))


def test_whom_nobody_told_in_time_gets_a_later_day(
    prices: tuple[PlanVersion, PlanVersion],
) -> None:
    """The search stood still for ten days: March 1st is too soon, April 1st is not."""
    kept = subscriber(prices[0])
    move = started(prices)
    work_on_price_moves(at=datetime(2026, 1, 29, 1, tzinfo=UTC))

    live_on("02-08", "03-01", "04-01")

    assert move.rows.get().effective_at == datetime(2026, 4, 1, tzinfo=UTC)
    assert told() == [(kept.customer_id, date(2026, 3, 1))]
    assert PlanChange.objects.get().effective_at == datetime(2026, 4, 1, tzinfo=UTC)


def test_another_quantity_of_the_old_prices_does_not_escape_the_move(
    prices: tuple[PlanVersion, PlanVersion],
) -> None:
    subscription = subscriber(prices[0])
    started(prices)
    at = datetime(2026, 2, 10, tzinfo=UTC)
    live_on("01-29", "02-01")
    assert PlanChange.objects.get().state == "scheduled"
    change_plan(
        subscription=subscription, plan_version=prices[0], quantity=3, actor=TEST_ACTOR, at=at
    )

    live_on("02-11", "03-01")

    subscription.refresh_from_db()
    assert (subscription.plan_version, subscription.quantity) == (prices[1], 3)
    assert len(told()) == 1


def test_who_leaves_before_the_notice_hears_nothing(
    prices: tuple[PlanVersion, PlanVersion],
) -> None:
    leaving = subscriber(prices[0])
    started(prices)
    cancel_subscription(
        subscription=leaving, actor=TEST_ACTOR, at=JAN_2, when=CancelWhen.PERIOD_END
    )

    live_on("01-29", "02-01")

    assert told() == []


def test_postgresql_moves_nobody_who_was_not_told_in_time(
    prices: tuple[PlanVersion, PlanVersion],
) -> None:
    subscription = subscriber(prices[0])
    move = started(prices)
    row = move.rows.get()
    change = PlanChange.objects.create(
        subscription=subscription,
        plan_version=prices[1],
        quantity=1,
        state="scheduled",
        effective_at=MAR_1,
        requested_at=JAN_2,
        source="price_move",
    )
    rows = PriceMoveRow.objects.filter(pk=row.pk)
    with pytest.raises(IntegrityError, match="not told"), transaction.atomic():
        rows.update(state="moved", change=change)

    late = Announcement.objects.create(
        kind=UPCOMING,
        object_key=row.told_as,
        customer=subscription.customer,
        happened_at=MAR_1,
        announced_at=MAR_1 - timedelta(days=29),
    )
    with pytest.raises(IntegrityError, match="not told"), transaction.atomic():
        rows.update(state="moved", change=change)
    with pytest.raises(IntegrityError, match="announced_once"), transaction.atomic():
        Announcement.objects.create(
            kind=UPCOMING,
            object_key=late.object_key,
            customer=late.customer,
            happened_at=MAR_1,
            announced_at=MAR_1,
        )
    with pytest.raises(IntegrityError, match="stays"), transaction.atomic():
        PriceMove.objects.filter(pk=move.pk).update(notice_days=0)


@pytest.mark.parametrize(
    ("locale", "sentence"),
    [
        ("en", "Its fees are then $62.00 for each period instead of $31.00, before tax."),
        ("de", "Die Gebühren betragen dann 62,00"),
        ("fr", "Son montant sera de 62,00"),
    ],
)
def test_the_notice_has_both_prices_and_what_they_can_do(
    prices: tuple[PlanVersion, PlanVersion], locale: str, sentence: str
) -> None:
    subscription = subscriber(prices[0], locale=locale)
    started(prices)
    live_on("01-29")

    text = words_of(Notice.objects.get(kind=UPCOMING))

    assert sentence in " ".join(text.text.split())
    assert reverse("portal_plan", args=[subscription.reference]) in text.text
    assert CATALOGS[locale].notices[UPCOMING].link in text.html


def test_the_form_says_who_would_hear_too_late_and_asks_why(
    client: Client, prices: tuple[PlanVersion, PlanVersion]
) -> None:
    subscriber(prices[0])
    client.force_login(make_user(Role.FINANCE))
    asked: dict[str, str | int] = {
        "from_version": prices[0].pk,
        "to_version": prices[1].pk,
        "when": "renewal",
        "notice_days": 30,
        "reason": "2026",
    }

    seen = client.get(reverse("price_move_create"), asked).content.decode()
    assert "1 of them would hear of it less than 30 days before" in seen
    assert "Move 1" not in seen
    client.post(reverse("price_move_create"), asked)
    assert not PriceMove.objects.exists()

    client.post(reverse("price_move_create"), {**asked, "short_notice_reason": "Cheaper"})
    move = PriceMove.objects.get()
    page = client.get(reverse("price_move", args=[move.pk])).content.decode()
    assert "or later: Cheaper" in page


def test_the_portal_shows_what_is_ahead_and_does_not_take_it_back(
    client: Client, prices: tuple[PlanVersion, PlanVersion]
) -> None:
    subscription = subscriber(prices[0])
    started(prices, on=date(2030, 1, 1), when="on_day")
    PriceMoveRow.objects.update(tell_at=JAN_2)
    client.force_login(make_member(subscription.customer).user)

    page = client.get(reverse("portal_plan", args=[subscription.reference])).content.decode()

    assert "Each period then costs $62.00 instead of $31.00" in page
    assert reverse("portal_cancellation", args=[subscription.reference]) in page
