"""However often what comes late is settled, it costs what it would have cost in time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from billing.domain.derivation import rated_derivation
from billing.domain.event_rating import limit_events
from billing.domain.late_usage import Reckoned, late_derivation, settle
from billing.domain.minimums import left_of_minimum
from billing.domain.price_terms import ChargeModel, PriceTerms, Tier
from billing.domain.rating import rate
from subscriptions.domain.metering import Aggregation, MeteredEvent, quantity_of, total_of
from tiktoktoe.kernel.money import Money, total

D = Decimal
JAN_1 = datetime(2026, 1, 1, tzinfo=UTC)
Events = Sequence[MeteredEvent]
TIERS = [Tier(up_to=D(5), unit_amount=D("0.333")), Tier(up_to=None, unit_amount=D("0.10"))]


def terms(model: str, **fields: object) -> PriceTerms:
    return PriceTerms(model=ChargeModel(model), currency="USD", **fields)  # type: ignore[arg-type]


def by(aggregation: str, price: PriceTerms) -> Callable[[Events], Money]:
    """What a price charges of events, counted by an aggregation."""

    def charge(events: Events) -> Money:
        limited = None
        if price.needs_each_event:
            ordered = sorted(events, key=lambda e: (e.counted_at, e.event_id))
            limited = limit_events([e.quantity for e in ordered], price)
        return rate(
            quantity_of(Aggregation(aggregation), events),
            price,
            event_count=len(events),
            event_amount=total_of(events).quantity_sum,
            limited=limited,
        ).rounded

    return charge


# Every way to charge that depends on the single events, or falls.
PRICES = [
    by("sum", terms("graduated", tiers=TIERS)),
    by("sum", terms("volume", tiers=TIERS)),  # falls above the fifth
    by("unique", terms("per_unit", unit_amount=D("1.005"))),
    by("latest", terms("per_unit", unit_amount=D("0.333"))),
    by("max", terms("package", unit_amount=D(2), package_size=D(3))),
    by("sum", terms("dynamic")),
    by(
        "sum",
        terms(
            "percentage", percentage=D("2.9"), unit_amount=D("0.30"),
            included_events=2, event_minimum=D("0.40"),
        ),
    ),
]  # fmt: skip


@dataclass(frozen=True)
class Life:
    """What every price, and the minimum of them all, charges of the events that are there."""

    minimum: Decimal

    def comes_to(self, events: Events) -> list[Decimal]:
        prices = [price(events) for price in PRICES]
        top_up = left_of_minimum(self.minimum, Fraction(1), total(prices, "USD"))
        return [top_up.amount, *(price.amount for price in prices)]


@st.composite
def split_events(draw: st.DrawFn) -> tuple[list[MeteredEvent], list[int]]:
    """Events in any order of arrival, each with the click that bills it; 0 was in time."""
    drawn = draw(
        st.lists(
            st.tuples(st.integers(0, 40), st.integers(0, 12), st.integers(0, 3), st.integers(0, 3)),
            max_size=12,
        )
    )
    events = [
        MeteredEvent(
            event_id=f"e{number}",
            counted_at=JAN_1 + timedelta(hours=hour),
            quantity=D(quantity),
            subject=f"user {subject}",
        )
        for number, (hour, quantity, subject, _) in enumerate(drawn)
    ]
    return events, [click for *_, click in drawn]


@given(split_events(), st.sampled_from([D(0), D(5), D(40)]))
def test_billed_late_in_any_split_is_billed_at_once(
    split: tuple[list[MeteredEvent], list[int]], minimum: Decimal
) -> None:
    events, clicks = split
    life = Life(minimum)
    there = [e for e, click in zip(events, clicks, strict=True) if click == 0]
    charged = life.comes_to(there)
    in_all = sum(charged)

    for click in (1, 2, 3):
        there += [e for e, of in zip(events, clicks, strict=True) if of == click]
        settled = settle(
            [Reckoned(a, b) for a, b in zip(life.comes_to(there), charged, strict=True)]
        )
        assert min((*settled.due, settled.too_much)) >= 0
        assert not settled.too_much or not any(settled.due)
        in_all += sum(settled.due) - settled.too_much
        # What is billed is put down where it is billed, what is given back anywhere.
        rest = settled.too_much
        for place, due in enumerate(settled.due):
            back = min(charged[place], rest)
            charged[place] += due - back
            rest -= back

    assert in_all == sum(life.comes_to(events))


def test_what_a_minimum_had_charged_is_taken_off_in_order() -> None:
    settled = settle([Reckoned(D(0), D(8)), Reckoned(D(16), D(10)), Reckoned(D(9), D(4))])

    assert (settled.due, settled.taken_off, settled.too_much) == (
        (D(0), D(0), D(3)),
        (D(0), D(6), D(2)),
        D(0),
    )


def test_a_line_says_what_was_charged_before_and_what_was_taken_off() -> None:
    price = terms("per_unit", unit_amount=D("0.333"))
    whole = rated_derivation(rate(D(100), price), price, kind="usage", price={"name": "Calls"})

    made = late_derivation(
        whole, before=D(70), paid=D("23.31"), taken_off=D(5), left=Money("4.99", "USD"),
        event_count=3,
    )  # fmt: skip

    assert [step.amount for step in made.steps] == ["33.3", "-23.31", "-5"]
    assert (made.exact, made.amount) == ("4.99", "4.99")
    assert made.inputs["charged_before"] == "70"
