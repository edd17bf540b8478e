"""A meter that is scheduled to be billed is taken: whatever asks for it too is refused at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from billing.domain.belongings import BelongingKind
from billing.models import PlanChange, PriceMove, PriceMoveRow
from billing.queries.planned_prices import planned_versions
from billing.services.changes.add_ons import change_add_on
from billing.services.changes.cancelling import cancel_subscription
from billing.services.changes.first_add_ons import AddOnWanted
from billing.services.changes.plan_changes import change_plan, withdraw_plan_change
from billing.services.changes.price_move_previews import MoveTerms, preview_price_move
from billing.services.changes.price_moves import start_price_move
from billing.services.changes.returning import preview_return, start_again
from billing.services.changes.start_previews import preview_start
from billing.services.changes.subscribing import start_subscription
from billing.services.invoices.renewal import run_billing
from billing.services.moving_in.belongings import move_belongings_in
from subscriptions.domain.proration_policy import Timing
from subscriptions.models import Customer, PlanVersion, Subscription, SubscriptionAddOn
from subscriptions.services.meters import clashing_meter
from subscriptions.services.policies import ChangeOverride
from tests.factories.lifecycle import begin, fee_of
from tests.factories.subscriptions import (
    TEST_ACTOR,
    make_customer,
    make_plan,
    per_call,
    published_version,
)
from tiktoktoe.kernel.errors import InvalidInput

JAN_10 = datetime(2026, 1, 10, 12, tzinfo=UTC)
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
WILL = r"will (bill API calls|be billed by a plan)"
Act = Callable[[], object]


def calling(amount: str = "5.00") -> PlanVersion:
    """A plan that bills API calls."""
    return fee_of(amount, "own", per_call("1.00", included="0"))


def calls_beside() -> PlanVersion:
    """An add-on that bills them."""
    return published_version(per_call("0.10"), plan=make_plan(name="Calls", is_add_on=True))


def two(customer: Customer | None = None) -> tuple[Subscription, Subscription]:
    """Two subscriptions of one customer that bill no usage."""
    owner = customer or make_customer()
    first, second = (begin(fee_of("31.00"), "2026-01-01", customer=owner) for _ in range(2))
    return first, second


def to_plan(
    subscription: Subscription,
    version: PlanVersion,
    timing: Timing = Timing.PERIOD_END,
    at: datetime = JAN_10,
) -> PlanChange:
    return change_plan(
        subscription=subscription,
        plan_version=version,
        quantity=1,
        actor=TEST_ACTOR,
        at=at,
        override=ChangeOverride(timing=timing),
    )


def with_add_on(
    subscription: Subscription, version: PlanVersion, timing: Timing = Timing.PERIOD_END
) -> object:
    return change_add_on(
        subscription=subscription,
        plan_version=version,
        quantity=1,
        actor=TEST_ACTOR,
        at=JAN_10,
        override=ChangeOverride(timing=timing),
    )


def moving(old: PlanVersion, new: PlanVersion) -> MoveTerms:
    return MoveTerms(
        from_version=old,
        to_version=new,
        when=PriceMove.When.FROM_DAY,
        on=date(2026, 6, 1),
        reason="New prices",
    )


def others(subscription: Subscription) -> dict[str, Act]:
    """Every way in which another subscription of the customer may come to bill API calls."""
    customer = subscription.customer
    common: dict[str, Any] = {"customer": customer, "at": JAN_10}
    beside = [AddOnWanted(calls_beside(), 1)]
    return {
        "plan at once": lambda: to_plan(subscription, calling(), Timing.IMMEDIATE),
        "plan later": lambda: to_plan(subscription, calling()),
        "add-on at once": lambda: with_add_on(subscription, calls_beside(), Timing.IMMEDIATE),
        "add-on later": lambda: with_add_on(subscription, calls_beside()),
        "sign-up": lambda: start_subscription(**common, plan_version=calling(), actor=TEST_ACTOR),
        "sign-up with add-on": lambda: start_subscription(
            **common, plan_version=fee_of("9.00"), actor=TEST_ACTOR, add_ons=beside
        ),
        "preview": lambda: preview_start(**common, plan_version=calling()),
    }


WAYS = [
    "plan at once",
    "plan later",
    "add-on at once",
    "add-on later",
    "sign-up",
    "sign-up with add-on",
    "preview",
]


@pytest.mark.django_db
@pytest.mark.parametrize("way", WAYS)
def test_what_a_change_of_plan_will_bill_is_taken_until_it_is_taken_back(way: str) -> None:
    first, second = two()
    change = to_plan(first, calling())
    act = others(second)[way]

    with pytest.raises(InvalidInput, match=WILL):
        act()

    assert not second.plan_changes.exists()
    assert Subscription.objects.count() == 2
    assert not SubscriptionAddOn.objects.exists()
    withdraw_plan_change(change=change, at=JAN_10)
    act()


@pytest.mark.django_db
@pytest.mark.parametrize("way", WAYS)
def test_what_a_price_move_will_bill_is_taken(way: str) -> None:
    first, second = two()
    start_price_move(terms=moving(first.plan_version, calling()), user=None, at=JAN_10)

    with pytest.raises(InvalidInput, match=WILL):
        others(second)[way]()


@pytest.mark.django_db
def test_a_price_move_takes_nothing_for_one_that_has_left_its_prices() -> None:
    first, second = two()
    start_price_move(terms=moving(first.plan_version, calling()), user=None, at=JAN_10)
    to_plan(first, fee_of("99.00"), Timing.IMMEDIATE)

    assert to_plan(second, calling()).state == "scheduled"


@pytest.mark.django_db
@pytest.mark.parametrize("way", WAYS)
def test_what_an_add_on_will_bill_is_taken(way: str) -> None:
    first, second = two()
    with_add_on(first, calls_beside())
    assert SubscriptionAddOn.objects.get().starts_at == FEB_1

    with pytest.raises(InvalidInput, match=r"bills API calls already|billed already"):
        others(second)[way]()


@pytest.mark.django_db
def test_nobody_comes_back_to_a_meter_that_will_be_billed() -> None:
    first, _ = two()
    ended = begin(calling(), "2026-01-01", customer=first.customer)
    cancel_subscription(subscription=ended, actor=TEST_ACTOR, at=JAN_10)
    ended.refresh_from_db()
    change = to_plan(first, calling())

    for come_back in (preview_return, start_again):
        with pytest.raises(InvalidInput, match=WILL):
            come_back(subscription=ended, actor=TEST_ACTOR, at=JAN_10)

    withdraw_plan_change(change=change, at=JAN_10)
    assert start_again(subscription=ended, actor=TEST_ACTOR, at=JAN_10).subscription.pk


@pytest.mark.django_db
def test_no_add_on_moves_in_whose_meter_will_be_billed() -> None:
    first, second = two()
    to_plan(first, calling())
    beside = calls_beside()

    done = move_belongings_in(
        kind=BelongingKind.ADD_ONS,
        text=f"subscription,add_on,quantity\n{second.reference},{beside.plan.code},1",
        actor=TEST_ACTOR,
        at=JAN_10,
        is_dry_run=False,
    )

    assert [(error.line, error.field) for error in done.errors] == [(2, "plan_version")]
    assert "API calls will be billed by a plan" in done.errors[0].message


@pytest.mark.django_db
def test_a_scheduled_change_may_be_replaced_and_is_billed_at_renewal() -> None:
    first, second = two()
    to_plan(first, calling())

    to_plan(first, calling("6.00"))

    assert planned_versions(customer=second.customer_id).count() == 1
    run_billing(at=FEB_1)
    first.refresh_from_db()
    assert first.plan_version.prices.filter(meter__isnull=False).exists()
    with pytest.raises(InvalidInput, match="bills API calls already"):
        to_plan(second, calling(), at=FEB_1)


@pytest.mark.django_db
@pytest.mark.parametrize("taken_by", ["change", "move", "add-on"])
def test_a_price_move_leaves_those_whose_meter_will_be_billed_by_another(taken_by: str) -> None:
    first, second = two()
    if taken_by == "change":
        to_plan(first, calling())
    elif taken_by == "move":
        start_price_move(terms=moving(first.plan_version, calling()), user=None, at=JAN_10)
    else:
        with_add_on(first, calls_beside())

    seen = preview_price_move(terms=moving(second.plan_version, calling()), at=JAN_10)

    verb = "bills" if taken_by == "add-on" else "will bill"
    assert [row.why for row in seen.rows] == [f"another live subscription {verb} API calls"]


@pytest.mark.django_db
def test_of_two_of_one_customer_a_price_move_moves_one() -> None:
    customer, plan = make_customer(), fee_of("31.00")
    for owner in (customer, customer, make_customer()):
        begin(plan, "2026-01-01", customer=owner)

    start_price_move(terms=moving(plan, calling()), user=None, at=JAN_10)

    rows = PriceMoveRow.objects.order_by("state", "why").values_list("state", "why")
    assert list(rows) == [
        ("refused", "another live subscription will bill API calls"),
        ("waiting", ""),
        ("waiting", ""),
    ]


@pytest.mark.django_db
def test_a_meter_is_looked_for_in_one_query(django_assert_num_queries: Any) -> None:
    first, second = two()
    to_plan(first, calling())
    other, asked = calling(), second.customer_id

    with django_assert_num_queries(1):
        clash = clashing_meter(
            other, customer_id=asked, at=JAN_10, planned=planned_versions, changing=second
        )

    assert clash is not None
    assert (clash.meter.name, clash.is_to_come) == ("API calls", True)


def at_once(*acts: Act) -> list[str]:
    """Run acts in threads that start together; what each came to, in words."""
    gate = Barrier(len(acts))

    def run(act: Act) -> str:
        try:
            gate.wait()
            act()
        except InvalidInput as refusal:
            return str(refusal)
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("timing", [Timing.IMMEDIATE, Timing.PERIOD_END])
@pytest.mark.parametrize("way", ["plan", "add-on", "sign-up"])
def test_of_two_at_once_the_loser_is_told_so(way: str, timing: Timing) -> None:
    first, second = two()
    plan, beside = calling(), calls_beside()
    acts: dict[str, Act] = {
        "plan": lambda: to_plan(second, plan, timing),
        "add-on": lambda: with_add_on(second, beside, timing),
        "sign-up": lambda: start_subscription(
            customer=second.customer, plan_version=plan, actor=TEST_ACTOR, at=JAN_10
        ),
    }

    came_to = at_once(lambda: to_plan(first, plan, timing), acts[way])

    assert came_to.count("done") == 1
    (refusal,) = (words for words in came_to if words != "done")
    assert "API calls" in refusal
