"""Moving in sees what is scheduled here, and brings along what was scheduled there."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from billing.domain.belongings import BelongingKind
from billing.models import DatedChange, Invoice, PlanChange, PriceMove
from billing.services.changes.dated_changes import schedule_dated_change
from billing.services.changes.dated_work import make_dated_changes
from billing.services.changes.plan_changes import change_plan
from billing.services.changes.price_move_previews import MoveTerms
from billing.services.changes.price_moves import start_price_move
from billing.services.changes.wanted import Wanted
from billing.services.invoices.renewal import run_billing
from billing.services.moving_in.belongings import move_belongings_in
from billing.services.moving_in.customers import move_customers_in
from subscriptions.domain.moving_in import FileKind
from subscriptions.domain.proration_policy import Timing
from subscriptions.models import Customer, PlanVersion, Subscription
from subscriptions.services.moving_in.files import MovedIn
from subscriptions.services.policies import ChangeOverride
from tests.factories.lifecycle import begin, fee_of
from tests.factories.subscriptions import TEST_ACTOR, make_customer, per_call

pytestmark = pytest.mark.django_db
JAN_10 = datetime(2026, 1, 10, 12, tzinfo=UTC)
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
RUNS = "reference,customer,plan,started_on,next_billing_on"
D = Decimal


@pytest.fixture
def acme() -> Customer:
    return make_customer(external_id="acme")


def arrive(*lines: str, header: str = RUNS) -> MovedIn:
    return move_customers_in(
        kind=FileKind.SUBSCRIPTIONS,
        text="\n".join([header, *lines]),
        actor=TEST_ACTOR,
        at=JAN_10,
        is_dry_run=False,
    )


def changes(*lines: str, header: str = "subscription,plan,quantity,on") -> MovedIn:
    return move_belongings_in(
        kind=BelongingKind.PLAN_CHANGES,
        text="\n".join([header, *lines]),
        actor=TEST_ACTOR,
        at=JAN_10,
        is_dry_run=False,
    )


def schedule(way: str, subscription: Subscription, version: PlanVersion) -> None:
    """Let it bill API calls later."""
    given: dict[str, Any] = {"subscription": subscription, "actor": TEST_ACTOR, "at": JAN_10}
    if way == "period end":
        override = ChangeOverride(timing=Timing.PERIOD_END)
        change_plan(**given, plan_version=version, quantity=1, override=override)
    elif way == "day":
        wanted = Wanted(on=date(2026, 3, 10), plan_version=version, quantity=1)
        schedule_dated_change(**given, wanted=wanted)
    else:
        terms = MoveTerms(
            from_version=subscription.plan_version,
            to_version=version,
            when=PriceMove.When.FROM_DAY,
            on=date(2026, 6, 1),
            reason="New prices",
        )
        start_price_move(terms=terms, user=None, at=JAN_10)


@pytest.mark.parametrize("way", ["period end", "day", "price move"])
def test_a_meter_that_is_scheduled_to_be_billed_here_is_taken(acme: Customer, way: str) -> None:
    here = begin(fee_of("31.00"), "2026-01-01", customer=acme)
    other = begin(fee_of("31.00"), "2026-01-01")
    schedule(way, here, fee_of("5.00", "own", per_call("1.00", included="0")))
    fee_of("9.00", "own", per_call("2.00", included="0"), code="metered")
    make_customer(external_id="beta")

    done = arrive(
        "old-1,acme,metered,2025-01-20,2026-01-20", "old-2,beta,metered,2025-01-20,2026-01-20"
    )

    assert [(e.line, e.field) for e in done.errors] == [(2, "plan")]
    assert "will bill API calls" in done.errors[0].message
    assert other.customer.subscriptions.count() == 1


def test_a_change_that_was_scheduled_there_counts_with_the_next_billing(acme: Customer) -> None:
    fee_of("31.00", code="small")
    fee_of("10.00", code="smaller")
    arrive("old-1,acme,small,2025-01-01,2026-02-01")
    line = "old-1,smaller,3,"

    first, again = changes(line), changes(line)
    run_billing(at=FEB_1)

    assert (first.made, again.made, again.known, again.errors) == (1, 0, 1, [])
    moved = Subscription.objects.get(reference="old-1")
    assert (moved.plan_version.plan.code, moved.quantity) == ("smaller", 3)
    assert PlanChange.objects.get().reason == "Moved in"
    assert Invoice.objects.get().total.amount == D("10.00")


def test_a_change_for_a_day_waits_for_it(acme: Customer) -> None:
    fee_of("31.00", code="small")
    arrive("old-1,acme,small,2025-01-01,2026-02-01")
    line = "old-1,small,3,2026-02-10"

    first, again = changes(line), changes(line)
    run_billing(at=FEB_1)
    make_dated_changes(at=datetime(2026, 2, 10, tzinfo=UTC))

    assert (first.made, again.known) == (1, 1)
    assert DatedChange.objects.get().state == "applied"
    assert Subscription.objects.get(reference="old-1").quantity == 3


def test_the_first_day_of_the_next_period_is_the_next_billing(acme: Customer) -> None:
    fee_of("31.00", code="small")
    arrive("old-1,acme,small,2025-01-01,2026-02-01")

    assert changes("old-1,small,3,2026-02-01").made == 1

    assert PlanChange.objects.get().state == "scheduled"


def test_what_cannot_be_scheduled_is_told_by_its_field(acme: Customer) -> None:
    fee_of("31.00", code="small")
    fee_of("31.00", code="trialed")
    arrive(
        "old-1,acme,small,2025-01-01,2026-02-01,",
        "old-2,acme,trialed,2026-01-05,2026-02-01,yes",
        header=f"{RUNS},trial",
    )
    assert changes("old-1,small,2,").made == 1

    done = changes(
        "old-1,small,5,",
        "old-2,trialed,2,",
        "old-1,small,7,2026-01-05",
        "old-1,gold,1,",
        "nobody,small,1,",
    )

    assert [(e.line, e.field) for e in done.errors] == [
        (2, "subscription"),
        (3, "subscription"),
        (4, "on"),
        (5, "plan"),
        (6, "subscription"),
    ]
    assert PlanChange.objects.get().quantity == 2
