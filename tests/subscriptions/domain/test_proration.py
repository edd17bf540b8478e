"""Parts of a price add up to the whole, and credits never exceed what was billed."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.domain.proration import (
    Billed,
    cancel_boundary,
    change_boundary,
    charge_part,
    credit_unused,
    prorate,
)
from subscriptions.domain.proration_policy import (
    KILLBILL,
    LAGO,
    OWN,
    POLICIES,
    STRIPE,
    ProrationPolicy,
)
from subscriptions.errors import ChangeOutsidePeriod
from tests.strategies import days, intervals, time_zones
from tiktoktoe.kernel.money import CurrencyMismatch, Money, from_minor, zero
from tiktoktoe.kernel.periods import BillingPeriods, Interval, IntervalUnit, Period

APRIL = Period(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC))
NOON_16 = datetime(2026, 4, 16, 12, tzinfo=UTC)
policies = st.sampled_from(list(POLICIES.values()))
minor_amounts = st.integers(0, 10**9)


def _eur(text: str) -> Money:
    return Money(text, "EUR")


def _billed(text: str, credited: str = "0.00") -> Billed:
    return Billed(amount=_eur(text), period=APRIL, credited=_eur(credited))


@pytest.mark.parametrize(
    ("policy", "credit", "charge", "net"),
    [
        (OWN, "5.00", "10.00", "5.00"),
        (LAGO, "5.00", "10.00", "5.00"),
        (KILLBILL, "5.00", "10.00", "5.00"),
        (STRIPE, "4.83", "9.67", "4.84"),
    ],
)
def test_from_10_to_20_at_noon_of_the_16th_of_30_days(
    policy: ProrationPolicy, credit: str, charge: str, net: str
) -> None:
    change = prorate(
        new_price=_eur("20.00"),
        new_whole=APRIL,
        at=NOON_16,
        time_zone="UTC",
        policy=policy,
        billed=_billed("10.00"),
    )

    assert change.credit is not None
    assert change.credit.amount == _eur(credit)
    assert change.charge.amount == _eur(charge)
    assert change.net == _eur(net)


def test_stripes_own_example_from_10_to_20_at_half_time() -> None:
    change = prorate(
        new_price=_eur("20.00"),
        new_whole=APRIL,
        at=datetime(2026, 4, 16, tzinfo=UTC),
        time_zone="UTC",
        policy=STRIPE,
        billed=_billed("10.00"),
    )

    assert change.credit is not None
    assert (change.credit.amount, change.charge.amount) == (_eur("5.00"), _eur("10.00"))


def test_the_change_day_goes_to_the_new_plan_and_the_cancel_day_is_billed() -> None:
    change_from = change_boundary(at=NOON_16, time_zone="UTC", policy=OWN)
    cancel_from = cancel_boundary(at=NOON_16, time_zone="UTC", policy=OWN)

    assert change_from == datetime(2026, 4, 16, tzinfo=UTC)
    assert cancel_from == datetime(2026, 4, 17, tzinfo=UTC)


def test_the_day_is_the_customers_day() -> None:
    at = datetime(2026, 4, 15, 23, tzinfo=UTC)

    assert change_boundary(at=at, time_zone="Europe/Berlin", policy=OWN) == datetime(
        2026, 4, 15, 22, tzinfo=UTC
    )


def test_the_formula_can_be_recounted_by_hand() -> None:
    part = charge_part(
        price=_eur("10.00"),
        whole=APRIL,
        start=NOON_16,
        end=APRIL.end,
        time_zone="UTC",
        policy=OWN,
    )

    assert part.formula == "10 \N{MULTIPLICATION SIGN} 15/30 days = 5"
    assert (part.units, part.whole_units) == (15, 30)


def test_a_day_that_has_started_counts_whole() -> None:
    part = charge_part(
        price=_eur("30.00"),
        whole=APRIL,
        start=APRIL.start,
        end=NOON_16,
        time_zone="UTC",
        policy=OWN,
    )

    assert (part.units, part.amount) == (16, _eur("16.00"))


def test_a_credit_is_capped_by_what_is_left_to_give_back() -> None:
    part = credit_unused(
        price=_eur("10.00"),
        whole=APRIL,
        billed=_billed("10.00", credited="6.00"),
        unused_from=datetime(2026, 4, 16, tzinfo=UTC),
        time_zone="UTC",
        policy=OWN,
    )

    assert part.amount == _eur("4.00")
    assert part.limit == _eur("4.00")
    assert part.formula == "10 \N{MULTIPLICATION SIGN} 15/30 days, at most 4 = 4"


def test_a_discounted_line_is_credited_from_what_it_billed() -> None:
    part = credit_unused(
        price=_eur("10.00"),
        whole=APRIL,
        billed=_billed("8.00"),
        unused_from=datetime(2026, 4, 16, tzinfo=UTC),
        time_zone="UTC",
        policy=OWN,
    )

    assert part.amount == _eur("4.00")


def test_from_a_free_plan_there_is_nothing_to_credit() -> None:
    change = prorate(
        new_price=_eur("20.00"),
        new_whole=APRIL,
        at=NOON_16,
        time_zone="UTC",
        policy=OWN,
        billed=_billed("0.00"),
    )

    assert change.credit is None
    assert change.net == _eur("10.00")


def test_a_change_outside_the_period_is_refused() -> None:
    with pytest.raises(ChangeOutsidePeriod, match="bill up to it first"):
        prorate(new_price=_eur("20.00"), new_whole=APRIL, at=APRIL.end, time_zone="UTC", policy=OWN)


def test_a_change_of_currency_is_refused() -> None:
    with pytest.raises(CurrencyMismatch):
        prorate(
            new_price=Money("20.00", "USD"),
            new_whole=APRIL,
            at=NOON_16,
            time_zone="UTC",
            policy=OWN,
            billed=_billed("10.00"),
        )


def test_a_change_just_after_the_start_credits_everything() -> None:
    change = prorate(
        new_price=_eur("20.00"),
        new_whole=APRIL,
        at=APRIL.start,
        time_zone="UTC",
        policy=OWN,
        billed=_billed("10.00"),
    )

    assert change.net == _eur("10.00")


@given(
    anchor=days,
    time_zone=time_zones,
    interval=intervals,
    policy=policies,
    minor=minor_amounts,
    where=st.lists(st.fractions(0, 1), max_size=5),
)
def test_segments_of_a_period_add_up_to_the_whole_price(
    *,
    anchor: date,
    time_zone: str,
    interval: Interval,
    policy: ProrationPolicy,
    minor: int,
    where: list[Fraction],
) -> None:
    whole = BillingPeriods(anchor, time_zone, interval).period(0)
    price = from_minor(minor, "EUR")
    cuts = _cuts(whole, where, time_zone, policy)

    parts = [
        charge_part(
            price=price, whole=whole, start=start, end=end, time_zone=time_zone, policy=policy
        )
        for start, end in pairwise(cuts)
    ]

    assert sum(part.units for part in parts) == parts[0].whole_units
    if policy.share_places is None:
        assert sum(part.exact for part in parts) == Fraction(price.amount)
    rounded = sum((part.amount for part in parts), zero("EUR"))
    assert abs((rounded - price).amount) * 100 <= len(parts) * (1 + minor // 10**8)


@given(
    anchor=days,
    time_zone=time_zones,
    interval=intervals,
    policy=policies,
    billed_minor=minor_amounts,
    credited_minor=minor_amounts,
    where=st.fractions(0, 1),
)
def test_no_credit_is_ever_more_than_what_was_billed_and_not_given_back(
    *,
    anchor: date,
    time_zone: str,
    interval: Interval,
    policy: ProrationPolicy,
    billed_minor: int,
    credited_minor: int,
    where: Fraction,
) -> None:
    whole = BillingPeriods(anchor, time_zone, interval).period(0)
    at = whole.start + timedelta(seconds=int(whole.duration.total_seconds() * where))
    billed = Billed(
        amount=from_minor(billed_minor, "EUR"),
        period=whole,
        credited=from_minor(credited_minor, "EUR"),
    )

    part = credit_unused(
        price=from_minor(2 * billed_minor, "EUR"),
        whole=whole,
        billed=billed,
        unused_from=cancel_boundary(at=at, time_zone=time_zone, policy=policy),
        time_zone=time_zone,
        policy=policy,
    )

    assert zero("EUR") <= part.amount <= billed.left


@given(days, time_zones, policies, minor_amounts, st.fractions(0, 1))
def test_changing_to_the_same_price_costs_nothing(
    anchor: date, time_zone: str, policy: ProrationPolicy, minor: int, where: Fraction
) -> None:
    whole = BillingPeriods(anchor, time_zone, Interval(IntervalUnit.MONTH)).period(0)
    seconds = int((whole.duration.total_seconds() - 1) * where)
    price = from_minor(minor, "EUR")

    change = prorate(
        new_price=price,
        new_whole=whole,
        at=whole.start + timedelta(seconds=seconds),
        time_zone=time_zone,
        policy=policy,
        billed=Billed(amount=price, period=whole, credited=zero("EUR")),
    )

    assert change.net == zero("EUR")


def _cuts(
    whole: Period, where: list[Fraction], time_zone: str, policy: ProrationPolicy
) -> list[datetime]:
    seconds = int(whole.duration.total_seconds())
    instants = [whole.start + timedelta(seconds=int(share * seconds)) for share in where]
    inner = {change_boundary(at=at, time_zone=time_zone, policy=policy) for at in instants}
    return sorted({whole.start, whole.end, *(at for at in inner if whole.contains(at))})
