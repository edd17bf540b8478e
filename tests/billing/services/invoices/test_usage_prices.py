"""Every way of charging and of counting, from the event to the line, by the real services."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.event_rating import limit_events
from billing.domain.price_terms import ChargeModel, PriceTerms
from billing.models import Invoice, InvoiceLine
from billing.queries.explanation import explain_line
from billing.services.invoices.invoicing import bill_start
from billing.services.invoices.renewal import run_billing
from subscriptions.domain.metering import (
    LevelChange,
    changes_of_held,
    changes_of_levels,
    levels_in_tiers,
    weighted_by_days,
    weighted_by_time,
)
from subscriptions.models import BillingPolicy, Customer, Meter, PlanVersion
from subscriptions.queries.measures import EventTerms, Part, TierBounds, measure_of
from subscriptions.queries.quantities import measure_parts, roll_ups
from subscriptions.services.catalog import draft_plan_version, publish_plan_version
from subscriptions.services.catalog_meters import MeterSpec, create_meter
from subscriptions.services.policies import assign_policy
from subscriptions.services.price_specs import PriceSpec, TierTerms
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_plan,
    published_version,
    recurring,
    subscription_since,
)
from tests.factories.usage import use
from tests.shared_world import undone
from tests.strategies import histories
from tiktoktoe.kernel.periods import Period
from tiktoktoe.kernel.rates import round_half_away

pytestmark = pytest.mark.django_db
D = Decimal
_numbers = count(1)
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)


def day(number: int, hour: int = 12, month: int = 1) -> datetime:
    return datetime(2026, month, number, hour, tzinfo=UTC)


def make(code: str, **terms: Any) -> Meter:
    return create_meter(spec=MeterSpec(code=code, name=code, unit="unit", **terms), at=JAN_1)


def priced(meter: Meter, model: str = "per_unit", amount: str = "1", **terms: Any) -> PriceSpec:
    fields: dict[str, Any] = {"unit_amount": D(amount), **terms}
    return PriceSpec(
        code=fields.pop("code", "usage"),
        name=fields.pop("name", "Usage"),
        kind="usage",
        charge_model=model,
        timing="arrears",
        meter=meter,
        **fields,
    )


def subscribed(*prices: PriceSpec, at: datetime = JAN_1, **customer: object) -> Customer:
    buyer = make_customer(**customer)
    subscription_since(at, customer=buyer, version=published_version(*prices))
    return buyer


def billed(at: datetime = FEB_1) -> list[InvoiceLine]:
    """The lines of the only invoice that a run makes."""
    run_billing(at=at)
    invoice = Invoice.objects.order_by("-period_start").first()
    assert invoice is not None
    return list(invoice.lines.order_by("position"))


def amounts(lines: list[InvoiceLine]) -> list[tuple[str, Decimal, Decimal]]:
    return [(line.description, line.quantity, line.amount.amount) for line in lines]


def agrees(line: InvoiceLine) -> bool:
    """Whether the page that explains the line counts the same."""
    return explain_line(line, line.invoice).agrees


# ── Charge models ─────────────────────────────────────────────────────────────


def test_a_percentage_takes_its_share_and_a_fee_above_what_is_included() -> None:
    turnover = make("turnover")
    terms = {"percentage": D("2.9"), "included_units": D(100), "included_events": 1}
    customer = subscribed(priced(turnover, "percentage", "0.30", **terms))
    for number, amount in enumerate(["100", "50.50", "20"], start=2):
        use(customer, amount, day(number), meter="turnover")

    (line,) = billed()

    assert line.amount.amount == D("2.64")  # 70.50 at 2.9 % is 2.0445, and two fees
    assert agrees(line)


def test_each_transaction_has_its_minimum_and_maximum() -> None:
    turnover = make("turnover")
    terms = {"percentage": D(1), "event_minimum": D("0.50"), "event_maximum": D(5)}
    customer = subscribed(priced(turnover, "percentage", "0", **terms))
    for number, amount in enumerate(["10", "100", "200", "1000"], start=2):
        use(customer, amount, day(number), meter="turnover")

    (line,) = billed()

    assert line.amount.amount == D("8.50")  # 0.50, 1, 2, 5
    steps = [(s["label"], s["formula"]) for s in line.derivation["steps"]]
    assert steps == [
        ("1 %", "300 × 0.01 = 3"),
        ("events at the minimum", "1 × 0.5 = 0.5"),
        ("events at the maximum", "1 × 5 = 5"),
    ]


def test_tiers_of_percentages_blocks_and_stairs_are_billed() -> None:
    volume = make("volume")
    shares = [
        TierTerms(up_to=D(100), percentage=D(1), flat_amount=D(2)),
        TierTerms(up_to=None, percentage=D("0.5")),
    ]
    blocks = [
        TierTerms(up_to=D(100), unit_amount=D(1), block_size=D(10)),
        TierTerms(up_to=None, unit_amount=D(2), block_size=D(100)),
    ]
    stairs = [
        TierTerms(up_to=D(100), flat_amount=D(10)),
        TierTerms(up_to=None, flat_amount=D(25)),
    ]
    customer = subscribed(
        priced(volume, "graduated_percentage", "0", tiers=shares, code="a", name="A"),
        priced(volume, "graduated", "0", tiers=blocks, code="b", name="B"),
        priced(volume, "stairstep", "0", tiers=stairs, code="c", name="C"),
    )
    use(customer, 111, day(5), meter="volume")

    lines = billed()

    # 2 + 1 + 0.055; ten blocks of 10 and a started one of 100; the second stair
    assert [line.amount.amount for line in lines] == [D("3.06"), D(12), D(25)]


def test_a_dynamic_price_charges_what_the_events_say() -> None:
    calls = make("calls", aggregation="count", amount_property="cost")
    customer = subscribed(priced(calls, "dynamic", "0"))
    use(customer, 1, day(3), meter="calls", properties={"cost": "1.005"})
    use(customer, 1, day(4), meter="calls", properties={"cost": "0.10"})

    (line,) = billed()

    assert (line.quantity, line.amount.amount) == (D(2), D("1.11"))


def test_an_event_without_its_amount_is_refused() -> None:
    make("calls", aggregation="count", amount_property="cost")

    result = use(make_customer(), 1, day(3), meter="calls", properties={"cost": "much"})

    assert [(r.field, r.code) for r in result.refused] == [("properties.cost", "invalid")]


@histories(12, thorough=40)
@given(
    quantities=st.lists(st.decimals("0", "500", places=2), min_size=1, max_size=6),
    terms=st.builds(
        PriceTerms,
        model=st.just(ChargeModel.PERCENTAGE),
        currency=st.just("USD"),
        percentage=st.decimals("0", "50", places=3),
        unit_amount=st.decimals("0", "3", places=2),
        included_units=st.decimals("0", "300", places=2),
        included_events=st.integers(0, 4),
        event_minimum=st.none() | st.decimals("0", "5", places=2),
        event_maximum=st.decimals("5", "20", places=2),
    ),
)
@undone()
def test_limits_of_events_are_the_same_in_sql_and_in_the_arithmetic(
    quantities: list[Decimal], terms: PriceTerms
) -> None:
    meter, customer = make(f"turnover{next(_numbers)}"), make_customer()
    for number, quantity in enumerate(quantities):
        use(customer, str(quantity), day(2 + number), meter=meter.code)
    january = Period(JAN_1, FEB_1)
    measure = measure_of(
        customer_id=customer.pk,
        meter=meter,
        stretch=january,
        whole=january,
        time_zone="UTC",
        is_prorated=False,
    )
    events = EventTerms(
        percentage=terms.percentage,
        fee=terms.unit_amount,
        included_units=terms.included_units,
        included_events=terms.included_events,
        minimum=terms.event_minimum,
        maximum=terms.event_maximum,
    )

    (groups,) = roll_ups([measure])
    (found,) = measure_parts([Part(measure=measure, groups=groups, events=events)])

    assert found.limited == limit_events(quantities, terms)


# ── Aggregations ──────────────────────────────────────────────────────────────


def test_unique_counts_each_value_once() -> None:
    seats = make("seats", aggregation="unique", unique_property="user")
    customer = subscribed(priced(seats))
    for number, user in enumerate(["ann", "bob", "ann"], start=2):
        use(customer, 1, day(number), meter="seats", properties={"user": user})

    (line,) = billed()

    assert line.quantity == 2
    assert agrees(line)


def test_latest_takes_the_last_event_of_the_period() -> None:
    size = make("size", aggregation="latest")
    customer = subscribed(priced(size))
    use(customer, 9, day(20), meter="size")
    use(customer, 4, day(21), meter="size")
    use(customer, 7, day(19), meter="size", received_at=day(22))

    (line,) = billed()

    assert line.quantity == 4


def test_a_latest_that_is_carried_over_still_counts_in_a_quiet_period() -> None:
    size = make("size", aggregation="latest", is_carried_over=True)
    customer = subscribed(priced(size))
    use(customer, 4, day(21), meter="size")

    assert [billed(at)[0].quantity for at in (FEB_1, day(1, month=3))] == [4, 4]


def test_a_level_is_weighted_by_the_time_that_it_stood() -> None:
    stored = make("stored", aggregation="weighted", is_carried_over=True)
    customer = subscribed(priced(stored))
    use(customer, 31, day(1, 0), meter="stored")
    use(customer, -31, day(11, 0), meter="stored")
    use(customer, 31, day(31, 12), meter="stored")

    first, second = billed()[0], billed(day(1, month=3))[0]

    assert (first.quantity, second.quantity) == (D("10.5"), D(31))
    assert agrees(first)
    assert agrees(second)


def test_only_a_level_may_go_down() -> None:
    make("plain")

    result = use(make_customer(), -1, day(3), meter="plain")

    assert [r.field for r in result.refused] == ["quantity"]


def test_seats_are_carried_over_and_prorated_by_day() -> None:
    seats = make("seats", aggregation="unique", unique_property="user", is_carried_over=True)
    customer = subscribed(priced(seats, amount="31", is_prorated=True))
    use(customer, 1, day(1), meter="seats", properties={"user": "ann"})
    use(customer, 1, day(22), meter="seats", properties={"user": "bob"})
    use(customer, 0, day(24), meter="seats", properties={"user": "bob"})
    use(customer, 1, day(24, 18), meter="seats", properties={"user": "bob"})
    use(customer, 0, day(25), meter="seats", properties={"user": "bob"})

    january, february = billed()[0], billed(day(1, month=3))[0]

    # ann 31 days, bob the 22nd to the 25th, the 24th once
    assert january.amount.amount == D(35)
    assert (february.quantity, february.amount.amount) == (D(1), D(31))
    assert agrees(january)


BY_DAY = [
    TierTerms(up_to=D(1), unit_amount=D(31)),
    TierTerms(up_to=None, unit_amount=D(62)),
]


@pytest.mark.parametrize(("model", "amount"), [("graduated", 20), ("volume", 15)])
def test_held_values_are_laid_into_tiers_day_by_day(model: str, amount: int) -> None:
    seats = make("seats", aggregation="unique", unique_property="user", is_carried_over=True)
    customer = subscribed(priced(seats, model, "0", tiers=BY_DAY, is_prorated=True))
    for quantity, at, user in ((1, 1, "ann"), (1, 6, "bob"), (0, 10, "ann"), (0, 10, "bob")):
        use(customer, quantity, day(at), meter="seats", properties={"user": user})

    line = billed()[0]

    # Ten days of one at 1 a day; five of the second at 2, where each is in its own tier.
    assert line.amount.amount == D(amount)
    assert agrees(line)


@pytest.mark.parametrize(("model", "amount"), [("per_unit", 140), ("graduated", 260)])
def test_a_latest_that_is_prorated_counts_each_day_by_what_it_was(model: str, amount: int) -> None:
    size = make("size", aggregation="latest", is_carried_over=True)
    tiers = BY_DAY if model == "graduated" else []
    customer = subscribed(priced(size, model, "31", tiers=tiers, is_prorated=True))
    for quantity, at in ((9, day(1)), (4, day(1, 18)), (10, day(11)), (0, day(21))):
        use(customer, quantity, at, meter="size")

    january, february = billed()[0], billed(day(1, month=3))[0]

    # Ten days of 4 and ten of 10: 140 at 1 a day, or 20 of them at 1 and 120 at 2.
    assert january.amount.amount == D(amount)
    assert february.amount.amount == 0
    assert agrees(january)


def test_golden_lago_33_a_recurring_sum_is_prorated_by_day() -> None:
    seats = make("seats", is_carried_over=True)
    customer = subscribed(priced(seats, amount="3", is_prorated=True))
    use(customer, 10, day(27), meter="seats")

    (line,) = billed()

    assert (line.quantity, line.amount.amount) == (D("1.6129032258"), D("4.84"))  # 10 × 5/31
    assert agrees(line)


def test_under_the_policy_lago_the_quantity_is_rounded_up_to_five_places() -> None:
    seats = make("seats", is_carried_over=True)
    customer = subscribed(priced(seats, amount="3", is_prorated=True))
    use(customer, 10, day(27), meter="seats")
    plan = PlanVersion.objects.get().plan
    policy = BillingPolicy.objects.get(code="lago")
    assign_policy(policy=policy, from_plan=plan, actor=TEST_ACTOR, at=JAN_1)

    (line,) = billed()

    assert (line.quantity, line.amount.amount) == (D("1.61291"), D("4.84"))
    assert agrees(line)


def test_golden_lago_19_a_level_goes_on_in_the_next_period() -> None:
    seats = make("seats", is_carried_over=True)
    customer = subscribed(priced(seats, is_prorated=True))
    use(customer, 5, day(2), meter="seats")

    january, february = billed()[0], billed(day(1, month=3))[0]

    assert january.amount.amount == D("4.84")  # 5 × 30/31
    assert (february.quantity, february.amount.amount) == (D(5), D(5))


@pytest.mark.parametrize(
    ("rounding", "places", "quantity"),
    [("up", 0, "3"), ("down", 1, "2.3"), ("half", 1, "2.4"), ("none", 0, "2.35")],
)
def test_a_meter_rounds_its_quantity_once(rounding: str, places: int, quantity: str) -> None:
    gigabytes = make("gb", rounding=rounding, rounding_places=places)
    customer = subscribed(priced(gigabytes))
    use(customer, "1.25", day(2), meter="gb")
    use(customer, "1.10", day(3), meter="gb")

    (line,) = billed()

    assert line.quantity == D(quantity)


CHANGES = st.lists(
    st.tuples(st.integers(-20, 27), st.integers(0, 23), st.integers(-9, 9)), max_size=5
)


@histories(12, thorough=40)
@given(changes=CHANGES, first=st.integers(1, 15), after=st.integers(16, 29))
@undone()
def test_levels_are_the_same_in_sql_and_in_the_arithmetic(
    changes: list[tuple[int, int, int]], first: int, after: int
) -> None:
    customer = make_customer()
    meters = [
        make(f"sum{next(_numbers)}", is_carried_over=True),
        make(f"weighted{next(_numbers)}", is_carried_over=True, aggregation="weighted"),
        make(f"latest{next(_numbers)}", is_carried_over=True, aggregation="latest"),
        make(
            f"held{next(_numbers)}",
            is_carried_over=True,
            aggregation="unique",
            unique_property="user",
        ),
    ]
    moments = [(FEB_1 + timedelta(days=d, hours=h), q) for d, h, q in changes]
    moments = sorted(dict(moments).items())  # one at an instant, so that their order is known
    for at, quantity in moments:
        for meter in meters[:2]:
            use(customer, quantity, at, meter=meter.code)
        use(customer, abs(quantity), at, meter=meters[2].code)
        user: dict[str, object] = {"user": f"user {quantity % 3}"}
        use(customer, max(quantity, 0), at, meter=meters[3].code, properties=user)
    stretch = Period(day(first, 0, 2), day(after, 0, 2) if after < 29 else day(1, 0, 3))
    measures = [
        measure_of(
            customer_id=customer.pk,
            meter=meter,
            stretch=stretch,
            whole=Period(FEB_1, day(1, 0, 3)),
            time_zone="UTC",
            is_prorated=meter.aggregation != "weighted",
        )
        for meter in meters
    ]

    counted = roll_ups(measures)
    tiers = TierBounds(bounds=(D(2), None), included=D(1))
    parts = [
        Part(measure=m, groups=g, tiers=tiers if number > 1 else None)
        for number, (m, g) in enumerate(zip(measures, counted, strict=True))
    ]
    by_days, by_time, latest, held = measure_parts(parts)

    days = [(at.date(), D(quantity)) for at, quantity in moments]
    expected = weighted_by_days(
        days, from_day=stretch.start.date(), to_day=stretch.end.date(), whole_days=28
    )
    assert by_days.quantity == max(round_half_away(expected, 10), D(0))
    levels = [LevelChange(at, D(quantity)) for at, quantity in moments]
    stood = weighted_by_time(
        levels, since=stretch.start, until=stretch.end, whole=timedelta(days=28)
    )
    assert by_time.quantity == max(round_half_away(stood, 10), D(0))

    span = {"from_day": stretch.start.date(), "to_day": stretch.end.date()}
    on_days = {max(at.date(), span["from_day"]): D(abs(q)) for at, q in moments}
    said = [(on, level) for on, level in on_days.items() if on < span["to_day"]]
    moves = [(at.date(), f"user {q % 3}", q > 0) for at, q in moments]
    moves = [move for move in moves if move[0] < span["to_day"]]
    for found, changes_by_day in (
        (latest, changes_of_levels(said)),
        (held, changes_of_held(moves, **span)),
    ):
        if not found.event_count and found.tiered is None:
            continue
        assert found.tiered == levels_in_tiers(
            changes_by_day, until=span["to_day"], whole_days=28, bounds=(D(2), None), included=D(1)
        )
        average = weighted_by_days(changes_by_day, **span, whole_days=28)
        assert found.quantity == round_half_away(average, 10)


# ── Variants ──────────────────────────────────────────────────────────────────


def by_model(meter: Meter, **terms: Any) -> PriceSpec:
    large = priced(meter, amount="3", code="large", name="Large", match={"model": ["large", "xl"]})
    europe = priced(
        meter, amount="2", code="eu", name="Europe", match={"region": ["eu"], "model": ["small"]}
    )
    return priced(meter, amount="1", name="Other", variants=[large, europe], **terms)


def test_events_are_charged_by_the_first_variant_that_matches() -> None:
    tokens = make("tokens", dimensions=["model", "region"])
    customer = subscribed(by_model(tokens))
    for number, properties in enumerate(
        [
            {"model": "large", "region": "eu"},
            {"model": "small", "region": "eu"},
            {"model": "small", "region": "us"},
            {"region": "eu"},
            {"model": "xl"},
        ]
    ):
        use(customer, 10 + number, day(2), meter="tokens", properties=dict(properties))

    lines = billed()

    assert amounts(lines) == [
        ("Team: Large", D(24), D(72)),
        ("Team: Europe", D(11), D(22)),
        ("Team: Other", D(25), D(25)),
    ]
    assert all(agrees(line) for line in lines)


def test_a_price_with_variants_has_one_line_when_nothing_was_used() -> None:
    subscribed(by_model(make("tokens", dimensions=["model", "region"])))

    assert amounts(billed()) == [("Team: Other", D(0), D(0))]


def test_unique_values_are_counted_by_variant() -> None:
    seats = make("seats", aggregation="unique", unique_property="user", dimensions=["role"])
    admin = priced(seats, amount="10", code="admin", name="Admins", match={"role": ["admin"]})
    customer = subscribed(priced(seats, amount="1", name="Others", variants=[admin]))
    for user, role in [("ann", "admin"), ("bob", "user"), ("cid", "user"), ("ann", "admin")]:
        use(customer, 1, day(2), meter="seats", properties={"user": user, "role": role})

    assert amounts(billed()) == [("Team: Admins", D(1), D(10)), ("Team: Others", D(2), D(2))]


def test_a_dimension_that_is_no_text_is_refused() -> None:
    make("tokens", dimensions=["model"])

    result = use(make_customer(), 1, day(3), meter="tokens", properties={"model": {"a": 1}})

    assert [r.field for r in result.refused] == ["properties.model"]


def test_the_number_of_queries_does_not_grow_with_subscriptions() -> None:
    seats = make("seats", aggregation="unique", unique_property="user", dimensions=["model"])
    big = priced(seats, amount="2", code="big", name="Big", match={"model": ["big"]})
    version = published_version(priced(seats, variants=[big]))

    def queries(count: int, at: datetime, month: int) -> int:
        for _ in range(count):
            customer = make_customer()
            subscription_since(day(1, 0, month), customer=customer, version=version)
            for model in ("big", "small"):
                properties: dict[str, object] = {"user": "ann", "model": model}
                use(customer, 1, day(2, 12, month), meter="seats", properties=properties)
        with CaptureQueriesContext(connection) as captured:
            run_billing(at=at)
        return len(captured)

    few = queries(1, FEB_1, 1)
    more = queries(8, day(1, 0, 3), 2)

    assert more == few


# ── Minimums and set-up ───────────────────────────────────────────────────────


def test_golden_lago_39_a_minimum_is_topped_up_by_the_share_of_the_period() -> None:
    calls = make("calls")
    spec = priced(calls, amount="8", minimum_amount=D(10))
    buyer = make_customer()
    version = published_version(spec)
    subscription_since(day(4, 0, 2), customer=buyer, version=version)
    use(buyer, 1, day(10, 12, 2), meter="calls")

    lines = billed(day(4, 0, 3))

    assert amounts(lines) == [("Team: Usage", D(1), D(8)), ("Team: Usage, minimum", D(1), D(2))]
    assert lines[1].kind == "true_up"


def test_a_minimum_counts_variants_together() -> None:
    regions = make("regions", dimensions=["region"])
    usa = priced(regions, amount="50", code="usa", name="USA", match={"region": ["usa"]})
    europe = priced(regions, amount="20", code="eu", name="Europe", match={"region": ["europe"]})
    spec = priced(regions, amount="0", minimum_amount=D(100), variants=[europe, usa])
    customer = subscribed(spec)
    for region in ("usa", "europe"):
        use(customer, 1, day(2), meter="regions", properties={"region": region})

    assert [line.amount.amount for line in billed()] == [D(20), D(50), D(30)]


def test_a_plan_minimum_counts_the_fee_that_was_paid_in_advance() -> None:
    calls = make("calls")
    version = draft_plan_version(
        plan=make_plan(),
        currency="USD",
        prices=[recurring("20.00"), priced(calls)],
        effective_from=JAN_1,
        minimum_amount=D(100),
    )
    version = publish_plan_version(version=version, at=JAN_1)
    buyer = make_customer()
    subscription_since(JAN_1, customer=buyer, version=version)
    use(buyer, 30, day(2), meter="calls")

    lines = billed()

    assert amounts(lines)[1] == ("Team: minimum", D(1), D(50))
    assert lines[1].derivation["steps"][0]["formula"] == "100 - 50 = 50"


def test_a_set_up_fee_is_billed_once_with_the_first_bill() -> None:
    setup = PriceSpec(
        code="setup",
        name="Set-up",
        kind="setup",
        charge_model="flat",
        timing="advance",
        unit_amount=D(250),
    )
    subscription = subscription_since(version=published_version(setup, recurring("20.00")))

    first = bill_start(subscription=subscription, at=JAN_1)
    second = billed()

    assert first is not None
    assert [(line.kind, line.amount.amount) for line in first.lines.order_by("position")] == [
        ("setup", D(250)),
        ("recurring", D(20)),
    ]
    assert [line.kind for line in second] == ["recurring"]
