"""Coupons take off what they say, in order, and no cent is lost or made."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.domain.discounts import CouponTerms, DiscountableLine, discount
from billing.domain.tax import TaxableLine, TaxRate, TaxRounding, tax_lines
from tests.golden import cents, in_cents, scenario
from tiktoktoe.kernel.money import Money, total
from tiktoktoe.kernel.rates import round_half_away

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def coupon(key: int, amount: int | None = None, **terms: object) -> CouponTerms:
    off = None if amount is None else cents(amount)
    return CouponTerms(key=key, name=f"c{key}", since=SINCE, amount=off, **terms)  # type: ignore[arg-type]


def test_three_stacked_coupons_over_two_tax_rates() -> None:
    """LAGO-COUPON-53, with its display figures."""
    facts = scenario("LAGO-COUPON-53")
    fees = [
        (fee, str(subscription["id"]))
        for subscription in facts["subscriptions"]
        for fee in subscription["fees"]
    ]
    lines = [
        DiscountableLine(amount=cents(fee["amount_cents"]), plan=plan, meter=fee["metric"])
        for fee, plan in fees
    ]
    first, second, third = facts["coupons_in_order"]
    coupons = [
        coupon(1, third["amount_cents"]),  # the order is the rule's, not the list's
        coupon(
            2,
            second["amount_cents"],
            plans=frozenset({str(second["limited_to_subscription"])}),
        ),
        coupon(3, first["amount_cents"], meters=frozenset(first["limited_to_metrics"])),
    ]
    expected = facts["expected"]

    discounted = discount(lines, coupons, "EUR")

    # Lago shows each coupon's share to five places of a cent, and their sum.
    shown_shares = [
        sum(round_half_away(share * 100, 5) for share in line.shares) for line in discounted.lines
    ]
    assert [str(share) for share in shown_shares] == expected["coupon_per_fee_cents"]
    assert in_cents(discounted.total) == expected["coupons_cents"]
    taxable = [
        TaxableLine(
            amount=line.amount - off.rounded,
            exact=Fraction(line.amount.amount) - off.exact,
            rates=(TaxRate(code=str(r), name="VAT", percentage=Decimal(r)),),
        )
        for line, off, r in zip(
            lines, discounted.lines, [fee["tax_rate"] for fee, _ in fees], strict=True
        )
    ]
    once = tax_lines(taxable, currency="EUR", rounding=TaxRounding.PER_DOCUMENT)
    net = total((line.net for line in once.lines), "EUR")
    tax = total((line.tax for line in once.lines), "EUR")
    assert [in_cents(m) for m in (net, tax, net + tax)] == [
        expected["subtotal_cents"],
        expected["tax_cents"],
        expected["total_cents"],
    ]
    shown = tax_lines(taxable, currency="EUR", rounding=TaxRounding.PER_LINE)
    assert [in_cents(line.tax) for line in shown.lines] == expected["tax_per_fee_cents"]


def test_a_coupon_takes_no_more_than_there_is_and_nothing_off_a_credit() -> None:
    lines = [DiscountableLine(amount=cents(1000)), DiscountableLine(amount=cents(-400))]

    discounted = discount(lines, [coupon(1, 5000)], "EUR")

    assert [in_cents(line.rounded) for line in discounted.lines] == [600, 0]
    assert discounted.taken == ((1, cents(600)),)


def test_the_older_of_two_comes_first_and_a_percentage_is_of_what_is_left() -> None:
    lines = [DiscountableLine(amount=cents(10000))]

    discounted = discount(lines, [coupon(2, percentage=Decimal(10)), coupon(1, 2000)], "EUR")

    assert discounted.taken == ((1, cents(2000)), (2, cents(800)))
    assert [step.formula for step in discounted.lines[0].steps] == [
        "20 × 100 ÷ 100",
        "8 × 80 ÷ 80",
    ]


def test_a_coupon_of_another_meter_takes_nothing() -> None:
    lines = [DiscountableLine(amount=cents(1000), meter="calls")]

    discounted = discount(lines, [coupon(1, 500, meters=frozenset({"storage"}))], "EUR")

    assert discounted.taken == ()


amounts = st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=8)
terms = st.lists(
    st.one_of(
        st.integers(1, 10**6).map(lambda n: {"amount": n}),
        st.integers(1, 100).map(lambda n: {"percentage": Decimal(n)}),
    ),
    max_size=4,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(amounts, terms)
def test_no_cent_is_lost_and_no_line_falls_below_zero(
    minors: list[int], given_terms: list[dict[str, object]]
) -> None:
    lines = [DiscountableLine(amount=cents(minor)) for minor in minors]
    coupons = [coupon(n, **row) for n, row in enumerate(given_terms)]  # type: ignore[arg-type]

    discounted = discount(lines, coupons, "EUR")

    off = [line.rounded for line in discounted.lines]
    assert total(off, "EUR") == total((money for _, money in discounted.taken), "EUR")
    before = total((line.amount for line in lines), "EUR")
    assert before - total(off, "EUR") >= min(before, Money(0, "EUR"))
    for line, money in zip(lines, off, strict=True):
        assert Money(0, "EUR") <= money <= max(line.amount, Money(0, "EUR"))


def test_what_is_left_of_a_cap_bounds_a_percentage_and_an_amount() -> None:
    lines = [DiscountableLine(amount=cents(10_000)), DiscountableLine(amount=cents(5_000))]
    coupons = [coupon(1, percentage=Decimal(20), at_most=cents(1_500)), coupon(2, 900)]

    discounted = discount(lines, coupons, "EUR")

    assert [(key, in_cents(amount)) for key, amount in discounted.taken] == [(1, 1500), (2, 900)]
    assert [in_cents(line.rounded) for line in discounted.lines] == [1600, 800]
