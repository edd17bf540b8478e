"""How much of an invoice may be paid at once."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.part_amounts import Part, as_typed, least_part, part_of
from billing.errors import PartInvalid
from tiktoktoe.kernel.money import Money, from_minor

DUE = Money("99.00", "USD")


def typed(text: str, due: Money = DUE) -> Part | None:
    return part_of(due, text, shown=as_typed(due))


@pytest.mark.parametrize("text", ["", "  ", "99", "99.00", "99,00"])
def test_nothing_or_all_that_is_due_is_no_part(text: str) -> None:
    assert typed(text) is None


@pytest.mark.parametrize(
    ("text", "amount"), [("40", "40.00"), (" 40,5 ", "40.50"), ("0.50", "0.50")]
)
def test_a_part_is_read_as_people_type_it(text: str, amount: str) -> None:
    assert typed(text) == Part(amount=Money(amount, "USD"), of=DUE)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("99.01", r"amount: 99\.01 USD is more than is due \(at most 99\.00\)"),
        ("0.49", r"amount: 0\.49 USD is too little \(at least 0\.50\)"),
        ("0", r"too little"),
        ("98.51", r"it leaves 0\.49 USD, which is too little to be charged"),
        ("40.005", r"USD has 2 decimals"),
        ("-5", r"that is no amount \(type it like 99\.00\)"),
        ("1e1", r"that is no amount"),
        ("NaN", r"that is no amount"),
        ("1.000,00", r"that is no amount"),
        ("٤٠", r"that is no amount"),
    ],
)
def test_what_cannot_be_paid_is_refused_with_the_way_out(text: str, why: str) -> None:
    with pytest.raises(PartInvalid, match=why):
        typed(text)


def test_what_is_due_must_be_what_the_page_had_shown() -> None:
    with pytest.raises(PartInvalid, match=r"changed meanwhile \(59\.00 USD are due now\)"):
        part_of(Money("59.00", "USD"), "40", shown="99.00")


@pytest.mark.parametrize(
    ("due", "least"),
    [
        (Money(3000, "JPY"), Money(50, "JPY")),
        (Money("9.000", "KWD"), Money("0.001", "KWD")),
        (Money("0.20", "EUR"), Money("0.20", "EUR")),
    ],
)
def test_the_least_is_the_gateways_or_the_minor_unit_and_never_more_than_is_due(
    due: Money, least: Money
) -> None:
    assert least_part(due) == least


@given(st.integers(1, 10**9), st.integers(0, 10**9), st.sampled_from(["USD", "JPY", "KWD", "GBP"]))
def test_a_part_and_its_rest_are_chargeable_and_make_up_what_is_due(
    due_minor: int, part_minor: int, code: str
) -> None:
    due, wish = from_minor(due_minor, code), from_minor(part_minor, code)
    try:
        part = typed(as_typed(wish), due)
    except PartInvalid:
        return
    if part is None:
        assert wish == due
        return
    rest = due - part.amount
    assert part.amount == wish
    assert min(part.amount, rest) >= least_part(due)
    assert rest.amount > Decimal(0)
