"""Tax is rounded where the rule says, shared out without loss, and left off for a reason."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.tax import (
    TaxableLine,
    TaxRate,
    TaxRounding,
    TaxTreatment,
    tax_lines,
    tax_outcome,
)
from billing.domain.totals import creditable, totals
from billing.errors import TaxRateMissing
from tests.golden import cents, in_cents, scenario
from tests.strategies import currencies
from tiktoktoe.kernel.money import CurrencyMismatch, Money, from_minor, to_minor, total, zero

VAT = TaxRate(code="vat", name="VAT", percentage=Decimal(19))
REDUCED = TaxRate(code="vat-reduced", name="VAT", percentage=Decimal("5.5"))
NONE = TaxRate(code="exempt", name="Exempt", percentage=Decimal(19), treatment=TaxTreatment.EXEMPT)

rates = st.sampled_from([VAT, REDUCED, NONE, TaxRate(code="x", name="X", percentage=Decimal(100))])
roundings = st.sampled_from(list(TaxRounding))
line_rows = st.lists(st.tuples(st.integers(-(10**7), 10**7), rates), max_size=12)


def _lines(*rows: tuple[int, TaxRate], includes_tax: bool = False) -> list[TaxableLine]:
    return [
        TaxableLine(amount=cents(minor), rates=(rate,), includes_tax=includes_tax)
        for minor, rate in rows
    ]


def test_per_invoice_rounds_once_and_per_line_each() -> None:
    """Three lines of 0.13 at 19 %: 0.0247 each, 0.0741 together."""
    lines = _lines((13, VAT), (13, VAT), (13, VAT))

    once = tax_lines(lines, currency="EUR", rounding=TaxRounding.PER_INVOICE)
    each = tax_lines(lines, currency="EUR", rounding=TaxRounding.PER_LINE)

    assert once.by_rate[0].tax == Money("0.07", "EUR")
    assert [in_cents(line.tax) for line in once.lines] == [3, 2, 2]
    assert each.by_rate[0].tax == Money("0.06", "EUR")
    assert [in_cents(line.tax) for line in each.lines] == [2, 2, 2]


def test_each_rate_is_rounded_on_its_own_and_lines_keep_their_order() -> None:
    sums = totals(_lines((1000, VAT), (1000, REDUCED), (500, VAT)), currency="EUR")

    assert [(row.rate.code, in_cents(row.base), in_cents(row.tax)) for row in sums.by_rate] == [
        ("vat", 1500, 285),
        ("vat-reduced", 1000, 55),
    ]
    assert [in_cents(line.tax) for line in sums.lines] == [190, 55, 95]
    assert (in_cents(sums.subtotal), in_cents(sums.tax), in_cents(sums.total)) == (2500, 340, 2840)


def test_inclusive_tax_is_taken_out_of_the_amount() -> None:
    sums = totals(_lines((11900, VAT), includes_tax=True), currency="EUR")

    assert (in_cents(sums.subtotal), in_cents(sums.tax), in_cents(sums.total)) == (
        10000,
        1900,
        11900,
    )
    assert in_cents(sums.lines[0].gross) == 11900


def test_a_credit_line_lowers_the_tax() -> None:
    sums = totals(_lines((1000, VAT), (-400, VAT)), currency="EUR")

    assert (in_cents(sums.subtotal), in_cents(sums.tax)) == (600, 114)


def test_no_lines_are_nothing() -> None:
    sums = totals([], currency="JPY")

    assert (sums.subtotal, sums.tax, sums.total) == (zero("JPY"), zero("JPY"), zero("JPY"))


def test_an_exempt_line_bears_no_tax_whatever_its_percentage() -> None:
    sums = totals(_lines((1000, NONE), (1000, VAT)), currency="EUR")

    assert [in_cents(row.tax) for row in sums.by_rate] == [0, 190]


def test_lines_of_another_currency_are_refused() -> None:
    with pytest.raises(CurrencyMismatch):
        totals(_lines((1000, VAT)), currency="USD")


def test_the_tax_table_is_written_with_exact_strings() -> None:
    sums = totals(_lines((1000, REDUCED)), currency="EUR")

    assert sums.by_rate[0].to_json() == {
        "code": "vat-reduced",
        "name": "VAT",
        "percentage": "5.5",
        "treatment": "taxed",
        "jurisdiction": "",
        "base": "10.00",
        "tax": "0.55",
        "note": "",
    }


@pytest.mark.parametrize(
    ("customer", "has_number", "is_exempt", "treatment"),
    [
        ("DE", True, False, TaxTreatment.TAXED),
        ("FR", False, False, TaxTreatment.TAXED),
        ("FR", True, False, TaxTreatment.REVERSE_CHARGE),
        ("DE", False, True, TaxTreatment.EXEMPT),
        ("US", True, False, TaxTreatment.TAXED),
    ],
)
def test_who_is_charged_tax_by_a_seller_in_germany(
    customer: str, has_number: bool, is_exempt: bool, treatment: TaxTreatment
) -> None:
    (outcome,) = tax_outcome(
        seller_country="DE",
        customer_country=customer,
        rates=[VAT],
        has_tax_number=has_number,
        is_exempt=is_exempt,
    )

    assert outcome.treatment == treatment
    assert (outcome.multiplier == 0) == (treatment != TaxTreatment.TAXED)
    assert bool(outcome.note) == (treatment != TaxTreatment.TAXED)


def test_outside_the_eu_a_country_without_a_rate_is_out_of_scope() -> None:
    (outcome,) = tax_outcome(
        seller_country="DE",
        customer_country="US",
        rates=[],
        has_tax_number=False,
        is_exempt=False,
    )

    assert outcome.treatment == TaxTreatment.OUT_OF_SCOPE
    assert outcome.multiplier == 0


@pytest.mark.parametrize("customer", ["DE", "FR"])
def test_a_rate_that_must_exist_and_does_not_is_refused(customer: str) -> None:
    with pytest.raises(TaxRateMissing) as refused:
        tax_outcome(
            seller_country="DE",
            customer_country=customer,
            rates=[],
            has_tax_number=False,
            is_exempt=False,
        )

    assert refused.value.field == "country"


def test_no_more_than_the_invoice_can_be_taken_back() -> None:
    assert creditable(invoiced=cents(100), credited=cents(40)) == cents(60)
    assert creditable(invoiced=cents(100), credited=cents(100)) == cents(0)


@pytest.mark.parametrize("case", [0, 1, 2, 3, 4])
def test_golden_lago_37_credit_notes_round_subtotal_and_tax_apart(case: int) -> None:
    golden = scenario("LAGO-CN-37")["cases"][case]
    rate = TaxRate(code="t", name="T", percentage=Decimal(str(golden["tax_rate"])))

    sums = totals(_lines((golden["expected"]["subtotal_cents"], rate)), currency="EUR")

    assert in_cents(sums.tax) == golden["expected"]["tax_cents"]
    assert in_cents(sums.total) == golden["expected"]["total_cents"]


@given(line_rows, currencies, roundings, st.booleans())
def test_lines_rates_and_totals_always_add_up(
    rows: list[tuple[int, TaxRate]], currency: str, rounding: TaxRounding, is_inclusive: bool
) -> None:
    lines = [
        TaxableLine(amount=from_minor(minor, currency), rates=(rate,), includes_tax=is_inclusive)
        for minor, rate in rows
    ]

    sums = totals(lines, currency=currency, rounding=rounding)

    assert sums.tax == total((line.tax for line in sums.lines), currency)
    assert sums.subtotal == total((row.base for row in sums.by_rate), currency)
    assert sums.total == sums.subtotal + sums.tax
    billed = total((line.amount for line in lines), currency)
    assert (sums.total if is_inclusive else sums.subtotal) == billed


@given(line_rows, currencies)
def test_each_lines_tax_is_less_than_a_minor_unit_from_exact(
    rows: list[tuple[int, TaxRate]], currency: str
) -> None:
    lines = [TaxableLine(amount=from_minor(minor, currency), rates=(rate,)) for minor, rate in rows]

    taxed = tax_lines(lines, currency=currency)

    for line, (minor, rate) in zip(taxed.lines, rows, strict=True):
        assert abs(to_minor(line.tax) - minor * rate.multiplier) < 1
    for row in taxed.by_rate:
        exact = Fraction(to_minor(row.base)) * row.rate.multiplier
        assert abs(to_minor(row.tax) - exact) <= Fraction(1, 2)
