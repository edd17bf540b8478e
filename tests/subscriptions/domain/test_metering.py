"""Many events make one quantity, in whichever order and batches they came."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.domain.metering import (
    Aggregation,
    MeteredEvent,
    UsageTotal,
    add_up,
    counted_at,
    levels_in_tiers,
    quantity_of,
    total_of,
)
from subscriptions.errors import EventInFuture, EventTooLate
from tests.strategies import instants, quantities

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
# A weighted level also needs to know the time; see `weighted_by_time`.
OF_EVENTS = [a for a in Aggregation if a != Aggregation.WEIGHTED]


def _event(number: int, quantity: str, subject: str = "") -> MeteredEvent:
    return MeteredEvent(
        event_id=f"e{number}",
        counted_at=NOON + timedelta(seconds=number),
        quantity=Decimal(quantity),
        subject=subject,
    )


EVENTS = [_event(1, "5", "ann"), _event(2, "0.5", "bob"), _event(3, "2", "ann")]

events = st.lists(
    st.builds(
        MeteredEvent,
        event_id=st.uuids().map(str),
        counted_at=instants,
        quantity=quantities,
        subject=st.sampled_from(["ann", "bob", "cat"]),
    ),
    max_size=20,
)


@pytest.mark.parametrize(
    ("aggregation", "quantity"),
    [
        (Aggregation.SUM, "7.5"),
        (Aggregation.COUNT, "3"),
        (Aggregation.MAX, "5"),
        (Aggregation.UNIQUE, "2"),
        (Aggregation.LATEST, "2"),
    ],
)
def test_each_aggregation_of_three_events(aggregation: Aggregation, quantity: str) -> None:
    assert quantity_of(aggregation, EVENTS) == Decimal(quantity)


@pytest.mark.parametrize("aggregation", OF_EVENTS)
def test_no_events_are_a_quantity_of_zero(aggregation: Aggregation) -> None:
    assert quantity_of(aggregation, []) == 0


def test_a_largest_quantity_below_zero_is_kept() -> None:
    assert quantity_of(Aggregation.MAX, [_event(1, "-5"), _event(2, "-3")]) == -3


def test_of_events_at_one_instant_the_last_id_is_the_latest() -> None:
    tied = [
        MeteredEvent(event_id=name, counted_at=NOON, quantity=Decimal(n))
        for n, name in enumerate(["b", "c", "a"])
    ]

    assert quantity_of(Aggregation.LATEST, tied) == 1


@pytest.mark.parametrize(
    "aggregation", [Aggregation.UNIQUE, Aggregation.LATEST, Aggregation.WEIGHTED]
)
def test_totals_do_not_pretend_to_know_what_needs_events(aggregation: Aggregation) -> None:
    with pytest.raises(ValueError, match="only from events"):
        UsageTotal().quantity(aggregation)


def test_sums_keep_more_digits_than_the_default_context() -> None:
    total = UsageTotal(1, Decimal("9999999999999999999999.0000000001"), None)

    assert total.plus(total).quantity_sum == Decimal("19999999999999999999998.0000000002")


@given(events, st.integers(0, 20))
def test_totals_of_parts_are_the_total_of_the_whole(made: list[MeteredEvent], cut: int) -> None:
    shuffled = sorted(made, key=lambda event: event.event_id)

    parts = add_up([total_of(shuffled[:cut]), total_of(shuffled[cut:])])

    assert parts == total_of(made)


@given(events, st.sampled_from(OF_EVENTS))
def test_a_quantity_does_not_depend_on_the_order(
    made: list[MeteredEvent], aggregation: Aggregation
) -> None:
    assert quantity_of(aggregation, made) == quantity_of(aggregation, made[::-1])


def _counted(occurred_at: datetime, closed_through: datetime | None = None) -> datetime:
    return counted_at(
        occurred_at=occurred_at,
        received_at=NOON,
        closed_through=closed_through,
        late_days=35,
        future_seconds=300,
    )


def test_an_event_counts_when_it_occurred() -> None:
    assert _counted(NOON - timedelta(days=3)) == NOON - timedelta(days=3)


def test_an_event_of_a_billed_period_counts_in_the_open_one() -> None:
    closed = NOON - timedelta(days=1)

    assert _counted(NOON - timedelta(days=3), closed) == closed
    assert _counted(NOON, closed) == NOON


def test_an_event_of_35_days_ago_is_taken_and_a_second_more_is_too_late() -> None:
    assert _counted(NOON - timedelta(days=35)) == NOON - timedelta(days=35)

    with pytest.raises(EventTooLate) as refused:
        _counted(NOON - timedelta(days=35, seconds=1))

    assert refused.value.field == "occurred_at"


def test_an_event_five_minutes_ahead_is_taken_and_a_second_more_is_not() -> None:
    assert _counted(NOON + timedelta(seconds=300)) == NOON + timedelta(seconds=300)

    with pytest.raises(EventInFuture) as refused:
        _counted(NOON + timedelta(seconds=301))

    assert refused.value.field == "occurred_at"


# Lago's prorated_graduated_spec: five units at 10 and 100 flat, ten at 5 and 50, more at 2.
SEPTEMBER = [(10, 2), (16, 5), (20, -6), (25, 10), (26, 4), (30, 60)]


@pytest.mark.parametrize(
    ("known", "amount"),
    [(0, "100"), (1, "114"), (2, "184"), (3, "165.67"), (4, "179.67"), (5, "183"), (6, "187")],
)
def test_a_prorated_level_is_laid_into_tiers_by_its_days(known: int, amount: str) -> None:
    changes = [(date(2023, 9, day), Decimal(units)) for day, units in SEPTEMBER[:known]]

    levels = levels_in_tiers(
        changes,
        until=date(2023, 10, 1),
        whole_days=30,
        bounds=[Decimal(5), Decimal(15), None],
    )

    reached = 100 + 50 * (levels.highest > 5)
    first, second, third = levels.units
    assert round(reached + first * 10 + second * 5 + third * 2, 2) == Decimal(amount)


def test_what_is_included_is_taken_off_a_level_first() -> None:
    levels = levels_in_tiers(
        [(date(2026, 4, 1), Decimal(8)), (date(2026, 4, 16), Decimal(-6))],
        until=date(2026, 5, 1),
        whole_days=30,
        bounds=[Decimal(2), None],
        included=Decimal(3),
    )

    assert (levels.units, levels.highest, levels.last) == (
        (Decimal(1), Decimal("1.5")),
        Decimal(5),
        Decimal(0),
    )
