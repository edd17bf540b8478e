"""Every charge model, with the steps that explain it."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.event_rating import limit_events
from billing.domain.price_terms import ChargeModel, PriceTerms, Tier
from billing.domain.rating import Rated, rate
from billing.errors import QuantityInvalid
from tests.golden import scenario
from tests.strategies import currencies, quantities, unit_amounts
from tiktoktoe.kernel.money import Money, quantize_amount
from tiktoktoe.kernel.rates import exact_sum

D = Decimal
TIERS = (
    Tier(up_to=D(1000), unit_amount=D("0.01")),
    Tier(up_to=D(10000), unit_amount=D("0.008"), flat_amount=D(5)),
    Tier(up_to=None, unit_amount=D("0.005")),
)


def _terms(model: str, **fields: object) -> PriceTerms:
    return PriceTerms(model=ChargeModel(model), currency="EUR", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("terms", "quantity", "amount"),
    [
        (_terms("flat", unit_amount=D("49")), "0", "49"),
        (_terms("flat", unit_amount=D("49")), "7", "49"),
        (_terms("per_unit", unit_amount=D("0.0002")), "1000001", "200.0002"),
        (_terms("per_unit", unit_amount=D("2"), included_units=D(100)), "130", "60"),
        (_terms("per_unit", unit_amount=D("2"), included_units=D(100)), "30", "0"),
        (_terms("graduated", tiers=TIERS), "0", "0"),
        (_terms("graduated", tiers=TIERS), "1000", "10"),
        (_terms("graduated", tiers=TIERS), "1001", "15.008"),
        (_terms("graduated", tiers=TIERS), "12000", "97"),
        (_terms("graduated", tiers=TIERS, included_units=D(500)), "1500", "10"),
        (_terms("volume", tiers=TIERS), "0", "0"),
        (_terms("volume", tiers=TIERS), "1000", "10"),
        (_terms("volume", tiers=TIERS), "1001", "13.008"),
        (_terms("volume", tiers=TIERS), "12000", "60"),
        (_terms("stairstep", tiers=TIERS), "0", "0"),
        (_terms("stairstep", tiers=TIERS), "1001", "5"),
        (_terms("package", unit_amount=D("100"), package_size=D(10)), "121", "1300"),
        (_terms("package", unit_amount=D("100"), package_size=D(10)), "120", "1200"),
        (_terms("package", unit_amount=D("100"), package_size=D(10)), "0", "0"),
        (_terms("percentage", percentage=D("1.5"), included_units=D(100)), "1100", "15"),
    ],
)
def test_an_amount_by_model(terms: PriceTerms, quantity: str, amount: str) -> None:
    assert rate(D(quantity), terms).amount == D(amount)


def test_a_percentage_may_have_a_fee_for_each_event() -> None:
    terms = _terms("percentage", percentage=D("2.9"), unit_amount=D("0.30"))

    assert rate(D(1000), terms, event_count=10).amount == D("32")


def test_the_amount_is_rounded_once_half_away_from_zero() -> None:
    rated = rate(D(3), _terms("per_unit", unit_amount=D("0.335")))

    assert rated.amount == D("1.005")
    assert rated.rounded == Money("1.01", "EUR")


def test_yen_have_no_decimals() -> None:
    terms = PriceTerms(model=ChargeModel.PER_UNIT, currency="JPY", unit_amount=D("0.5"))

    assert rate(D(1), terms).rounded == Money("1", "JPY")


def test_the_steps_say_how_each_tier_was_counted() -> None:
    rated = rate(D(12500), _terms("graduated", tiers=TIERS, included_units=D(500)))

    assert (rated.included, rated.billable) == (D(500), D(12000))
    assert [(step.label, step.formula) for step in rated.steps] == [
        ("tier 1: above 0 up to 1000", _formula("1000 * 0.01 = 10")),
        ("tier 2: above 1000 up to 10000", _formula("9000 * 0.008 + 5 = 77")),
        ("tier 3: above 10000 and more", _formula("2000 * 0.005 = 10")),
    ]


def test_the_steps_of_packages_count_packages() -> None:
    rated = rate(D(121), _terms("package", unit_amount=D("100"), package_size=D(10)))

    assert [step.formula for step in rated.steps] == [_formula("13 * 100 = 1300")]
    assert rated.steps[0].label == "packages of 10"


def _formula(text: str) -> str:
    return text.replace("*", "\N{MULTIPLICATION SIGN}")


@pytest.mark.parametrize("quantity", ["-1", "NaN", "Infinity"])
def test_a_quantity_that_cannot_be_is_refused(quantity: str) -> None:
    with pytest.raises(QuantityInvalid) as refused:
        rate(D(quantity), _terms("flat"))

    assert refused.value.field == "quantity"


def test_golden_lago_43_graduated_with_flat_fees() -> None:
    for case in scenario("LAGO-CHARGE-43")["cases"]:
        terms = _terms("graduated", tiers=_golden_tiers(case["tiers"]))
        for quantity, amount in case["expected"].items():
            assert rate(D(quantity), terms).amount == D(amount)


def test_golden_lago_45_packages_after_free_units() -> None:
    golden = scenario("LAGO-CHARGE-45")
    for case in golden["cases"]:
        terms = _terms(
            "package",
            unit_amount=D(golden["package_price"]),
            package_size=D(golden["package_size"]),
            included_units=D(case["free_units"]),
        )
        assert rate(D(case["units"]), terms).amount == D(case["expected"])


def test_golden_lago_47_graduated_percentages_with_flat_fees() -> None:
    golden = scenario("LAGO-CHARGE-47")
    tiers = [
        Tier(
            up_to=None if tier["to"] is None else D(str(tier["to"])),
            percentage=D(tier["rate"]),
            flat_amount=D(tier["flat"]),
        )
        for tier in golden["tiers"]
    ]
    terms = _terms("graduated_percentage", tiers=tiers)

    for quantity, amount in golden["expected"].items():
        assert rate(D(quantity), terms).amount == D(amount)


def test_a_dynamic_price_is_what_the_events_say() -> None:
    rated = rate(D(3), _terms("dynamic"), event_count=3, event_amount=D("1.234"))

    assert (rated.amount, str(rated.rounded.amount)) == (D("1.234"), "1.23")


@pytest.mark.parametrize("case", [0, 1, 2, 3])
def test_golden_kb_49_tiers_of_blocks(case: int) -> None:
    golden = scenario("KB-CHARGE-49")["cases"][case]
    model = {"all_tiers": "graduated", "top_tier": "volume"}[golden["mode"]]
    terms = _terms(model, tiers=_block_tiers(golden["tiers"]))

    if "expected_by_units" in golden:
        for units, amount in golden["expected_by_units"].items():
            assert rate(D(units), terms).amount == D(amount)
    else:
        steps = rate(D(golden["units"]), terms).steps
        assert [step.amount for step in steps] == [D(amount) for amount in golden["expected"]]


def test_golden_lago_51_each_event_gets_its_own_marginal_price() -> None:
    golden = scenario("LAGO-CHARGE-51")
    terms = _terms("graduated", tiers=_golden_tiers(golden["tiers"]))
    through = [rate(D(n), terms).amount for n in range(4)]

    marginal = sorted(after - before for before, after in pairwise(through))

    assert [int(amount * 100) for amount in marginal] == golden["expected"][
        "fee_amounts_cents_sorted"
    ]


def _golden_tiers(rows: Sequence[dict[str, object]]) -> tuple[Tier, ...]:
    return tuple(
        Tier(
            up_to=None if row["to"] is None else D(str(row["to"])),
            unit_amount=D(str(row["unit"])),
            flat_amount=D(str(row["flat"])),
        )
        for row in rows
    )


def _block_tiers(rows: Sequence[dict[str, object]]) -> tuple[Tier, ...]:
    tiers, below = [], D(0)
    for number, row in enumerate(rows, start=1):
        size = D(str(row["block"]))
        below += size * D(str(row["blocks"]))
        up_to = None if number == len(rows) else below
        tiers.append(Tier(up_to=up_to, unit_amount=D(str(row["price"])), block_size=size))
    return tuple(tiers)


@st.composite
def _tiered(draw: st.DrawFn) -> tuple[Tier, ...]:
    steps = draw(st.lists(st.decimals(D("0.01"), D(10**6), places=2), max_size=4))
    bounds = [sum(steps[: n + 1], D(0)) for n in range(len(steps))]
    return tuple(
        Tier(up_to=bound, unit_amount=draw(unit_amounts), flat_amount=draw(unit_amounts))
        for bound in [*bounds, None]
    )


@st.composite
def _monotone_terms(draw: st.DrawFn) -> PriceTerms:
    model = draw(st.sampled_from(["flat", "per_unit", "graduated", "package", "percentage"]))
    return PriceTerms(
        model=ChargeModel(model),
        currency=draw(currencies),
        unit_amount=draw(unit_amounts),
        percentage=draw(unit_amounts),
        package_size=draw(st.decimals(D("0.01"), D(10**4), places=2)),
        included_units=draw(quantities),
        tiers=draw(_tiered()) if model == "graduated" else (),
    )


def _of_one_event(quantity: Decimal, terms: PriceTerms) -> Rated:
    limited = limit_events([quantity], terms) if terms.needs_each_event else None
    return rate(quantity, terms, event_count=1, limited=limited)


@given(_monotone_terms(), quantities, quantities)
def test_more_never_costs_less(terms: PriceTerms, one: Decimal, other: Decimal) -> None:
    less, more = (_of_one_event(quantity, terms) for quantity in sorted([one, other]))

    assert less.amount <= more.amount
    assert less.rounded <= more.rounded


@given(_monotone_terms(), quantities)
def test_the_steps_add_up_and_are_rounded_once(terms: PriceTerms, quantity: Decimal) -> None:
    rated = _of_one_event(quantity, terms)

    assert rated.included + rated.billable == quantity
    assert exact_sum(step.amount for step in rated.steps) == rated.amount
    assert rated.rounded == quantize_amount(rated.amount, terms.currency)


@given(_tiered(), quantities)
def test_graduated_is_the_sum_of_its_tiers_counted_one_by_one(
    tiers: tuple[Tier, ...], quantity: Decimal
) -> None:
    """Counted in another way than the code does: each tier's units by its own bounds."""
    expected, below = Fraction(0), D(0)
    for number, tier in enumerate(tiers):
        top = quantity if tier.up_to is None else tier.up_to
        units = max(min(quantity, top) - below, D(0))
        expected += Fraction(units) * Fraction(tier.unit_amount)
        expected += Fraction(tier.flat_amount) if quantity > below or number == 0 else 0
        below = top

    rated = rate(quantity, PriceTerms(model=ChargeModel.GRADUATED, currency="EUR", tiers=tiers))

    assert Fraction(rated.amount) == expected
    assert exact_sum(step.units for step in rated.steps) == quantity


@given(_tiered(), quantities)
def test_volume_charges_every_unit_by_one_tier(tiers: tuple[Tier, ...], quantity: Decimal) -> None:
    rated = rate(quantity, PriceTerms(model=ChargeModel.VOLUME, currency="EUR", tiers=tiers))

    tier = next(t for t in tiers if t.up_to is None or quantity <= t.up_to)
    expected = Fraction(quantity) * Fraction(tier.unit_amount) + Fraction(tier.flat_amount)
    assert Fraction(rated.amount) == expected
