"""docs/money.md is recounted: every row of its tables is what the code does."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from analytics.domain.mrr import monthly
from billing.domain.credit_parts import Sources, credit_parts
from billing.domain.crediting import LineLeft, credit_line
from billing.domain.discounts import CouponTerms, DiscountableLine, discount
from billing.domain.event_rating import limit_events
from billing.domain.minimums import left_of_minimum
from billing.domain.price_terms import ChargeModel, PriceTerms, Tier
from billing.domain.rating import rate
from billing.domain.tax import TaxableLine, TaxRate, TaxRounding, tax_lines
from billing.domain.thresholds import Threshold, levels_reached
from finance.domain.recognition import Grain, straight_line
from subscriptions.domain.metering import (
    QuantityRounding,
    rounded_quantity,
    weighted_by_days,
)
from subscriptions.domain.proration import Billed, prorate
from subscriptions.domain.proration_policy import POLICIES
from tiktoktoe.kernel.money import Money, allocate, quantize
from tiktoktoe.kernel.periods import BillingPeriods, Interval, IntervalUnit, Period

PAGE = Path(__file__).resolve().parents[1] / "docs" / "money.md"
TABLE = re.compile(r"<!-- table: (\w+) -->\n\|[^\n]*\n\|[-|]+\n((?:\|[^\n]*\n?)+)")
APRIL = Period(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC))
D = Decimal
TERMS: dict[str, dict[str, object]] = {
    "per_unit": {"unit_amount": D(2)},
    "package": {"unit_amount": D(100), "package_size": D(10)},
    "percentage": {"percentage": D("2.9"), "unit_amount": D("0.30")},
}
TIERS = (
    Tier(up_to=D(1000), unit_amount=D("0.01")),
    Tier(up_to=D(10000), unit_amount=D("0.008"), flat_amount=D(5)),
    Tier(up_to=None, unit_amount=D("0.005")),
)

SHARES = tuple(replace(tier, percentage=tier.unit_amount, unit_amount=D(0)) for tier in TIERS)


def _rows(table: str) -> list[list[str]]:
    lines = dict(TABLE.findall(PAGE.read_text()))[table].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def _eur(text: str) -> Money:
    return Money(D(text), "EUR")


def _amounts(text: str) -> list[Money]:
    return [_eur(part) for part in text.split()]


def _interval(text: str) -> Interval:
    count, unit = text.split()
    return Interval(IntervalUnit(unit), int(count))


def test_every_table_of_the_page_is_recounted() -> None:
    tables = {name for name, _ in TABLE.findall(PAGE.read_text())}

    assert tables == {
        "rounding",
        "allocation",
        "boundaries",
        "rating",
        "levels",
        "minimums",
        "thresholds",
        "tax",
        "tax_in_prices",
        "proration",
        "recognition",
        "mrr",
        "credit_lines",
        "credit_parts",
        "credit_sources",
        "coupons",
    }


@pytest.mark.parametrize("row", _rows("rounding"), ids=" ".join)
def test_rounding(row: list[str]) -> None:
    amount, currency, payable = row

    assert str(quantize(Money(D(amount), currency)).amount) == payable


@pytest.mark.parametrize("row", _rows("allocation"), ids=" ".join)
def test_allocation(row: list[str]) -> None:
    amount, weights, shares = row

    assert list(allocate(_eur(amount), [int(w) for w in weights.split()])) == _amounts(shares)


@pytest.mark.parametrize("row", _rows("boundaries"), ids=" ".join)
def test_boundaries(row: list[str]) -> None:
    anchor, interval, following = row
    periods = BillingPeriods(date.fromisoformat(anchor), "UTC", _interval(interval))
    expected = following.split()

    found = [periods.boundary(n + 1).date().isoformat() for n in range(len(expected))]

    assert found == expected


@pytest.mark.parametrize("row", _rows("rating"), ids=" ".join)
def test_rating(row: list[str]) -> None:
    model, quantity, included, amount = row
    is_share = model == "graduated_percentage"
    fields = TERMS.get(model, {"tiers": SHARES if is_share else TIERS})
    terms = PriceTerms(
        model=ChargeModel(model),
        currency="EUR",
        included_units=D(included),
        **fields,  # type: ignore[arg-type]
    )

    limited = limit_events([D(quantity)], terms) if terms.needs_each_event else None
    rated = rate(D(quantity), terms, event_count=1, limited=limited)
    assert rated.amount == D(amount)


@pytest.mark.parametrize("row", _rows("levels"), ids=" ".join)
def test_levels(row: list[str]) -> None:
    changes, first, after, quantity = row
    start = date(2026, 1, 1)
    days = [
        (start + timedelta(days=int(day) - 1), D(change))
        for day, change in (part.split() for part in changes.split(","))
    ]

    found = weighted_by_days(
        days,
        from_day=start + timedelta(days=int(first) - 1),
        to_day=start + timedelta(days=int(after) - 1),
        whole_days=31,
    )

    assert rounded_quantity(found, QuantityRounding.NONE, 0) == D(quantity)


@pytest.mark.parametrize("row", _rows("minimums"), ids=" ".join)
def test_minimums(row: list[str]) -> None:
    minimum, days, of, charged, top_up = row

    found = left_of_minimum(D(minimum), Fraction(int(days), int(of)), _eur(charged))

    assert found == _eur(top_up)


@pytest.mark.parametrize("row", _rows("thresholds"), ids=" ".join)
def test_thresholds(row: list[str]) -> None:
    thresholds, usage, levels = row
    fixed, _, every = thresholds.partition("every")
    known = [
        *(Threshold(D(amount)) for amount in fixed.split()),
        *(Threshold(D(amount), is_repeating=True) for amount in every.split()),
    ]

    assert levels_reached(known, D(usage)) == [D(level) for level in levels.split()]


@pytest.mark.parametrize("row", _rows("tax"), ids=" ".join)
def test_tax(row: list[str]) -> None:
    lines, percentage, rule, taxes, tax = row
    vat = TaxRate(code="vat", name="VAT", percentage=D(percentage))

    taxed = tax_lines(
        [TaxableLine(amount=amount, rates=(vat,)) for amount in _amounts(lines)],
        currency="EUR",
        rounding=TaxRounding(rule),
    )

    assert [line.tax for line in taxed.lines] == _amounts(taxes)
    assert taxed.by_rate[0].tax == _eur(tax)


@pytest.mark.parametrize("row", _rows("tax_in_prices"), ids=" ".join)
def test_tax_in_prices(row: list[str]) -> None:
    price, includes_tax, taxes, net, each = row
    rates = tuple(
        TaxRate(
            code=f"tax-{n}",
            name="Tax",
            percentage=D(text.rstrip("c")),
            is_compound=text.endswith("c"),
        )
        for n, text in enumerate(taxes.split())
    )
    line = TaxableLine(amount=_eur(price), rates=rates, includes_tax=includes_tax == "yes")

    (taxed,) = tax_lines([line], currency="EUR").lines

    assert (taxed.net, list(taxed.taxes)) == (_eur(net), _amounts(each))


@pytest.mark.parametrize("row", _rows("proration"), ids=" ".join)
def test_proration(row: list[str]) -> None:
    policy, at, credit, charge, net = row

    change = prorate(
        new_price=_eur("20.00"),
        new_whole=APRIL,
        at=datetime.fromisoformat(at),
        time_zone="UTC",
        policy=POLICIES[policy],
        billed=Billed(amount=_eur("10.00"), period=APRIL, credited=_eur("0.00")),
    )

    assert change.credit is not None
    assert (change.credit.amount, change.charge.amount, change.net) == (
        _eur(credit),
        _eur(charge),
        _eur(net),
    )


@pytest.mark.parametrize("row", _rows("recognition"), ids=" ".join)
def test_recognition(row: list[str]) -> None:
    total, start, end, grain, months = row
    period = Period(datetime.fromisoformat(start), datetime.fromisoformat(end))

    schedule = straight_line(_eur(total), period, grain=Grain(grain))

    assert [part.amount for part in schedule] == _amounts(months)


@pytest.mark.parametrize("row", _rows("mrr"), ids=" ".join)
def test_mrr(row: list[str]) -> None:
    price, interval, quantity, mrr = row

    assert monthly(_eur(price), _interval(interval), int(quantity)) == _eur(mrr)


@pytest.mark.parametrize("row", _rows("credit_lines"), ids=" ".join)
def test_credit_lines(row: list[str]) -> None:
    left = LineLeft(net=_eur(row[0]), tax=_eur(row[1]))

    for net, with_tax in zip(_amounts(row[2]), _amounts(row[3]), strict=True):
        taken = credit_line(left, net)
        assert taken.net + taken.tax == with_tax
        left = LineLeft(net=left.net - taken.net, tax=left.tax - taken.tax)
    assert left.gross == _eur("0")


@pytest.mark.parametrize("row", _rows("credit_parts"), ids=" ".join)
def test_credit_parts(row: list[str]) -> None:
    amount, due, refundable, *parts = (_eur(cell) for cell in row)

    sources = Sources(due=due, prepaid=_eur("0"), others=amount - due)
    divided = credit_parts(amount=amount, sources=sources, refundable=refundable)

    assert [divided.to_invoice, divided.to_refund, divided.to_balance] == parts


@pytest.mark.parametrize("row", _rows("credit_sources"), ids=" ".join)
def test_credit_sources(row: list[str]) -> None:
    amount, due, prepaid, others, *parts = (_eur(cell) for cell in row)

    sources = Sources(due=due, prepaid=prepaid, others=others)
    divided = credit_parts(amount=amount, sources=sources, refundable=others)

    owed_less = divided.to_invoice - divided.to_wallets
    assert [owed_less, divided.to_wallets, divided.to_refund + divided.to_balance] == parts


@pytest.mark.parametrize("row", _rows("coupons"), ids=" ".join)
def test_coupons(row: list[str]) -> None:
    lines = [DiscountableLine(amount=amount) for amount in _amounts(row[0])]
    coupons = [
        CouponTerms(
            key=n,
            name=text,
            since=APRIL.start,
            percentage=D(text.rstrip("%")) if text.endswith("%") else None,
            amount=None if text.endswith("%") else _eur(text),
        )
        for n, text in enumerate(row[1].split())
    ]

    discounted = discount(lines, coupons, "EUR")

    assert [line.rounded for line in discounted.lines] == _amounts(row[2])
    left = sum((line.amount for line in lines), _eur("0")) - discounted.total
    assert left == _eur(row[3])
