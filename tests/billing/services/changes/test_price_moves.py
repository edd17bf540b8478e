"""Subscribers of one version of prices are moved to another: seen first, in batches, undone."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from billing.errors import PriceMoveInvalid, PriceMoveNotRunning
from billing.models import Invoice, PlanChange, PriceMove, PriceMoveRow
from billing.services.changes import price_moves
from billing.services.changes.cancelling import CancelWhen, cancel_subscription
from billing.services.changes.plan_changes import change_plan
from billing.services.changes.price_move_previews import MoveTerms, preview_price_move
from billing.services.changes.price_moves import (
    start_price_move,
    undo_price_move,
    work_on_price_moves,
)
from billing.services.invoices.invoicing import bill_start
from billing.services.invoices.renewal import run_billing
from subscriptions.models import Plan, PlanVersion, Subscription
from tests.factories.accounts import make_user
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_plan,
    per_call,
    published_version,
    recurring,
    subscription_since,
)
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db
JAN_17 = datetime(2026, 1, 17, 9, tzinfo=UTC)
JAN_20 = datetime(2026, 1, 20, 9, tzinfo=UTC)
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
MAR_1 = datetime(2026, 3, 1, tzinfo=UTC)
D = Decimal


def version(amount: str, plan: Plan) -> PlanVersion:
    return published_version(recurring(amount, charge_model="per_unit"), plan=plan)


@pytest.fixture
def prices() -> tuple[PlanVersion, PlanVersion]:
    """31.00 a month, and 62.00 by the next version of the same plan."""
    plan = make_plan()
    return version("31.00", plan), version("62.00", plan)


def subscriber(old: PlanVersion, *, quantity: int = 1, **customer: Any) -> Subscription:
    made = subscription_since(
        JAN_1, version=old, quantity=quantity, customer=make_customer(**customer)
    )
    bill_start(subscription=made, at=JAN_1)
    return made


def terms(prices: tuple[PlanVersion, PlanVersion], when: str = "now", **more: Any) -> MoveTerms:
    return MoveTerms(
        from_version=prices[0], to_version=prices[1], when=when, reason="Prices of 2026", **more
    )


def moved(subscription: Subscription) -> bool:
    subscription.refresh_from_db()
    return bool(subscription.plan_version.number == 2)


def later_totals(subscription: Subscription) -> list[Decimal]:
    """What was invoiced after the first invoice."""
    invoices = Invoice.objects.filter(subscription=subscription).order_by("created_at")
    return [invoice.total.amount for invoice in invoices][1:]


def states(move: PriceMove) -> list[str]:
    return [row.state for row in move.rows.order_by("pk")]


def test_the_preview_shows_each_one_and_the_sum_and_writes_nothing(
    prices: tuple[PlanVersion, PlanVersion],
) -> None:
    subscriber(prices[0], name="A")
    subscriber(prices[0], name="B", quantity=3)
    leaving = subscriber(prices[0], name="C")
    cancel_subscription(
        subscription=leaving, actor=TEST_ACTOR, at=JAN_17, when=CancelWhen.PERIOD_END
    )

    preview = preview_price_move(terms=terms(prices), at=JAN_17)

    assert [row.effect.delta.amount for row in preview.moved] == [D(31), D(93)]
    assert [(row.subscription.pk, row.why) for row in preview.refused] == [
        (leaving.pk, "its end is scheduled")
    ]
    assert (preview.effect.before.amount, preview.effect.after.amount) == (D(124), D(248))
    assert not PriceMove.objects.exists()


def test_the_preview_asks_a_fixed_number_of_queries(
    prices: tuple[PlanVersion, PlanVersion],
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(12):
        subscriber(prices[0])

    with django_assert_max_num_queries(8):
        assert len(preview_price_move(terms=terms(prices), at=JAN_17).moved) == 12


def test_now_credits_and_charges_the_rest_of_the_period(
    prices: tuple[PlanVersion, PlanVersion],
) -> None:
    subscription = subscriber(prices[0])
    move = start_price_move(terms=terms(prices), user=None, at=JAN_17)

    assert work_on_price_moves(at=JAN_17) == 1

    assert moved(subscription)
    assert later_totals(subscription) == [D("15.00")]
    move.refresh_from_db()
    assert (move.state, states(move)) == ("done", ["moved"])


def test_now_without_proration_charges_nothing_before_the_next_period(
    prices: tuple[PlanVersion, PlanVersion],
) -> None:
    subscription = subscriber(prices[0])
    start_price_move(terms=terms(prices, prorates=False), user=None, at=JAN_17)

    work_on_price_moves(at=JAN_17)

    assert (moved(subscription), later_totals(subscription)) == (True, [])
    run_billing(at=FEB_1)
    assert later_totals(subscription) == [D("62.00")]


def test_at_renewal_each_goes_with_its_next_period(
    prices: tuple[PlanVersion, PlanVersion],
) -> None:
    subscription = subscriber(prices[0])
    move = start_price_move(terms=terms(prices, "renewal"), user=None, at=JAN_17)

    work_on_price_moves(at=JAN_17)

    assert not moved(subscription)
    assert PlanChange.objects.get().state == "scheduled"
    run_billing(at=FEB_1)
    assert (moved(subscription), later_totals(subscription)) == (True, [D("62.00")])
    assert states(move) == ["moved"]


def test_on_a_day_it_waits_for_the_customers_midnight(
    prices: tuple[PlanVersion, PlanVersion],
) -> None:
    """January 17th begins in Berlin an hour before it does in UTC."""
    berlin = subscriber(prices[0], time_zone="Europe/Berlin")
    utc = subscriber(prices[0])
    start_price_move(terms=terms(prices, "on_day", on=date(2026, 1, 17)), user=None, at=JAN_1)

    work_on_price_moves(at=JAN_1)
    assert not moved(berlin)

    work_on_price_moves(at=datetime(2026, 1, 16, 23, 30, tzinfo=UTC))
    assert (moved(berlin), moved(utc)) == (True, False)

    work_on_price_moves(at=datetime(2026, 1, 17, 0, 1, tzinfo=UTC))
    assert moved(utc)


def subscriber_since(day: int, old: PlanVersion) -> Subscription:
    begun = JAN_1.replace(day=day)
    made = subscription_since(begun, version=old)
    bill_start(subscription=made, at=begun)
    return made


def test_from_a_day_on_each_is_moved_by_its_first_renewal_on_or_after_it(
    prices: tuple[PlanVersion, PlanVersion],
) -> None:
    """With notice until February 20th: renewed then, on March 1st and on March 19th."""
    on_the_day = subscriber_since(20, prices[0])
    first, day_before = subscriber_since(1, prices[0]), subscriber_since(19, prices[0])
    wanted = terms(prices, "from_day", on=date(2026, 2, 20))
    preview = preview_price_move(terms=wanted, at=JAN_20)
    start_price_move(terms=wanted, user=None, at=JAN_20)

    for day in (0, 1, 12, 13, 30, 31, 32, 40, 41, 58, 59):  # that of each renewal, and others
        at = JAN_20 + timedelta(days=day, hours=1)
        run_billing(at=at)
        work_on_price_moves(at=at)

    begun = {
        change.subscription_id: change.effective_at
        for change in PlanChange.objects.filter(state="applied")
    }
    assert begun == {
        on_the_day.pk: datetime(2026, 2, 20, tzinfo=UTC),
        first.pk: MAR_1,
        day_before.pk: datetime(2026, 3, 19, tzinfo=UTC),
    }
    assert begun == {row.subscription.pk: row.effective_at for row in preview.moved}
    assert later_totals(first) == [D("31.00"), D("62.00")]
    assert later_totals(on_the_day) == [D("62.00"), D("62.00")]
    assert PriceMove.objects.get().state == "done"


def test_from_a_day_on_it_can_be_taken_back_while_it_waits_and_once_it_is_scheduled(
    prices: tuple[PlanVersion, PlanVersion],
) -> None:
    waits, scheduled = subscriber_since(1, prices[0]), subscriber_since(20, prices[0])
    wanted = terms(prices, "from_day", on=date(2026, 2, 15))
    move = start_price_move(terms=wanted, user=None, at=JAN_20)
    work_on_price_moves(at=JAN_20)
    assert states(move) == ["waiting", "moved"]

    undo_price_move(move=move, at=JAN_20)
    work_on_price_moves(at=JAN_20)
    run_billing(at=MAR_1)

    assert states(move) == ["taken_back", "taken_back"]
    assert not moved(waits)
    assert not moved(scheduled)


def test_the_preview_says_what_it_comes_to_in_a_year_and_from_when(
    prices: tuple[PlanVersion, PlanVersion],
) -> None:
    subscriber(prices[0], quantity=2)
    subscriber_since(20, prices[0])
    year = published_version(recurring("300.00"), plan=make_plan(interval="year"))

    by_month = preview_price_move(terms=terms(prices, "renewal"), at=JAN_20)
    by_year = preview_price_move(terms=terms((prices[0], year), "renewal"), at=JAN_20)

    assert by_month.effect_in_a_year.amount == 3 * 12 * 31
    assert by_year.effect_in_a_year.amount == 2 * 300 - 3 * 12 * 31
    assert by_month.effective_days == (FEB_1, datetime(2026, 2, 20, tzinfo=UTC))


def test_only_those_that_are_asked_for_are_moved(prices: tuple[PlanVersion, PlanVersion]) -> None:
    wanted_one = subscriber(prices[0], country="CA", quantity=5)
    small = subscriber(prices[0], country="CA")
    american = subscriber(prices[0], quantity=5)
    wanted = terms(prices, countries=["CA"], quantity_min=2)

    rows = preview_price_move(terms=wanted, at=JAN_17).rows

    assert [row.subscription.pk for row in rows] == [wanted_one.pk]
    assert {small.pk, american.pk}.isdisjoint(row.subscription.pk for row in rows)


def test_undo_takes_back_what_is_scheduled_and_leaves_what_was_done(
    prices: tuple[PlanVersion, PlanVersion],
) -> None:
    first, second = subscriber(prices[0]), subscriber(prices[0])
    move = start_price_move(terms=terms(prices, "renewal"), user=None, at=JAN_17)
    work_on_price_moves(at=JAN_17, limit=1)

    undo_price_move(move=move, at=JAN_17)
    work_on_price_moves(at=JAN_17)

    assert states(move) == ["taken_back", "taken_back"]
    assert PlanChange.objects.get().state == "withdrawn"
    run_billing(at=FEB_1)
    assert not moved(first)
    assert not moved(second)
    with pytest.raises(PriceMoveNotRunning):
        undo_price_move(move=move, at=JAN_17)


def test_a_worker_that_dies_after_moving_one_is_followed_without_a_second_change(
    prices: tuple[PlanVersion, PlanVersion],
) -> None:
    subscription = subscriber(prices[0])
    move = start_price_move(terms=terms(prices), user=None, at=JAN_17)
    with (
        patch.object(price_moves, "_moved", side_effect=SystemExit),
        pytest.raises(SystemExit),
    ):
        work_on_price_moves(at=JAN_17)
    assert (moved(subscription), states(move)) == (True, ["waiting"])

    work_on_price_moves(at=JAN_17)
    assert states(move) == ["waiting"]  # the dead worker's lease
    work_on_price_moves(at=JAN_17 + timedelta(minutes=5))

    assert states(move) == ["moved"]
    assert later_totals(subscription) == [D("15.00")]
    assert PlanChange.objects.count() == 1


def test_who_left_the_prices_meanwhile_is_not_moved(
    prices: tuple[PlanVersion, PlanVersion],
) -> None:
    subscription = subscriber(prices[0])
    other = version("93.00", make_plan())
    move = start_price_move(
        terms=terms(prices, "on_day", on=date(2026, 1, 20)), user=None, at=JAN_17
    )
    change_plan(
        subscription=subscription, plan_version=other, quantity=1, actor=TEST_ACTOR, at=JAN_17
    )

    work_on_price_moves(at=datetime(2026, 1, 20, 1, tzinfo=UTC))

    row = move.rows.get()
    assert (row.state, row.why) == ("refused", "it is not on these prices any more")


def test_one_that_cannot_be_moved_now_is_tried_again_and_keeps_no_other(
    prices: tuple[PlanVersion, PlanVersion],
) -> None:
    """Its period is over and not billed yet: after the run it goes."""
    subscription = subscriber(prices[0])
    move = start_price_move(terms=terms(prices), user=None, at=JAN_17)

    work_on_price_moves(at=FEB_1 + timedelta(minutes=1))
    row = move.rows.get()
    assert (row.state, row.tries) == ("waiting", 1)
    assert "not billed yet" in row.why

    run_billing(at=FEB_1 + timedelta(minutes=2))
    work_on_price_moves(at=FEB_1 + timedelta(minutes=12))
    assert moved(subscription)


def test_a_meter_that_another_subscription_bills_stands_in_the_way() -> None:
    plan = make_plan()
    old = version("31.00", plan)
    new = published_version(recurring("62.00"), per_call(), plan=plan)
    customer = make_customer()
    subscription_since(JAN_1, customer=customer, version=old)
    subscription_since(JAN_1, customer=customer, version=published_version(per_call()))

    (row,) = preview_price_move(
        terms=MoveTerms(from_version=old, to_version=new, when="now", reason="x"), at=JAN_17
    ).rows

    assert row.why == "another live subscription bills API calls"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"when": "on_day"}, "on"),
        ({"when": "from_day"}, "on"),
        ({"on": date(2026, 2, 1)}, "on"),
        ({"when": "on_day", "on": date(2026, 1, 1)}, "on"),
        ({"when": "someday"}, "when"),
    ],
    ids=["no day", "no day either", "a day too many", "a day that is over", "no time"],
)
def test_a_move_that_makes_no_sense_is_refused_by_its_field(
    prices: tuple[PlanVersion, PlanVersion], change: dict[str, Any], field: str
) -> None:
    subscriber(prices[0])

    with pytest.raises(PriceMoveInvalid) as refused:
        start_price_move(terms=terms(prices, **{"when": "now", **change}), user=None, at=JAN_17)

    assert refused.value.field == field
    assert not PriceMove.objects.exists()


def test_prices_in_another_currency_are_refused(prices: tuple[PlanVersion, PlanVersion]) -> None:
    euros = published_version(recurring("10.00"), currency="EUR")

    with pytest.raises(PriceMoveInvalid, match="EUR"):
        preview_price_move(terms=terms((prices[0], euros)), at=JAN_17)


def test_postgresql_lets_one_move_of_a_version_run(prices: tuple[PlanVersion, PlanVersion]) -> None:
    subscriber(prices[0])
    move = start_price_move(terms=terms(prices, "renewal"), user=None, at=JAN_17)

    with pytest.raises(PriceMoveInvalid):
        start_price_move(terms=terms(prices), user=None, at=JAN_17)
    with pytest.raises(IntegrityError, match="moved_by_a_change"), transaction.atomic():
        PriceMoveRow.objects.filter(move=move).update(state="moved")


def test_the_pages_show_it_first_and_then_do_it(
    client: Client, prices: tuple[PlanVersion, PlanVersion]
) -> None:
    subscription = subscriber(prices[0], name="Seen First Ltd")
    client.force_login(make_user(Role.FINANCE))
    asked: dict[str, str | int] = {
        "from_version": prices[0].pk,
        "to_version": prices[1].pk,
        "when": "renewal",
        "notice_days": 0,
        "reason": "Prices of 2026",
    }

    seen = client.get(reverse("price_move_create"), asked).content.decode()
    assert "Seen First Ltd" in seen
    assert "+$31.00" in seen
    assert not PriceMove.objects.exists()

    with patch("billing.services.changes.price_moves.LEASE", timedelta(0)):
        done = client.post(reverse("price_move_create"), asked, follow=True).content.decode()
    assert subscription.reference in done
    listed = client.get(reverse("price_move_list")).content.decode()
    assert "Team" in listed


def test_support_may_look_and_not_move(client: Client) -> None:
    client.force_login(make_user(Role.SUPPORT))

    assert client.get(reverse("price_move_list")).status_code == 200
    assert client.get(reverse("price_move_create")).status_code == 403
