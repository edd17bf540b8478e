"""Entries balance once made, are taken back exactly, and hash the same for the same facts."""

from dataclasses import replace
from datetime import date
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tests.strategies  # noqa: F401 -- loads the profile
from finance.domain import chart
from finance.domain.journal import Entry, Posting, account_balances, balance, credit, debit
from finance.errors import EmptyEntry, UnbalancedEntry, UnknownAccount
from tiktoktoe.kernel.errors import InvariantViolation
from tiktoktoe.kernel.money import Money

ON = date(2026, 5, 1)


def _posting(account: str, minor: int, currency: str = "EUR") -> Posting:
    return Posting(
        account_code=account, amount_minor=minor, currency=currency, customer="7", document="inv"
    )


def _entry(*postings: Posting) -> Entry:
    return Entry(kind="test", key="k:v1", effective_on=ON, postings=postings)


BALANCED = _entry(_posting(chart.RECEIVABLE, 11900), _posting(chart.USAGE_REVENUE, -11900))

amounts = st.lists(
    st.tuples(
        st.sampled_from([account.code for account in chart.CHART]),
        st.integers(-(10**9), 10**9).filter(bool),
        st.sampled_from(["EUR", "JPY"]),
    ),
    min_size=1,
    max_size=8,
)


def test_an_entry_that_does_not_balance_cannot_be_made() -> None:
    with pytest.raises(UnbalancedEntry, match="by 1 minor units of EUR"):
        _entry(_posting(chart.RECEIVABLE, 101), _posting(chart.USAGE_REVENUE, -100))


def test_each_currency_must_balance_by_itself() -> None:
    with pytest.raises(UnbalancedEntry):
        _entry(_posting(chart.RECEIVABLE, 100, "EUR"), _posting(chart.USAGE_REVENUE, -100, "USD"))


def test_an_entry_without_movement_cannot_be_made() -> None:
    with pytest.raises(EmptyEntry):
        _entry()
    with pytest.raises(EmptyEntry):
        _entry(_posting(chart.RECEIVABLE, 0))


def test_an_account_outside_the_chart_is_refused() -> None:
    with pytest.raises(UnknownAccount, match="9999"):
        _entry(_posting("9999", 100), _posting(chart.USAGE_REVENUE, -100))


def test_a_debit_is_positive_a_credit_negative_in_minor_units() -> None:
    left = debit(chart.RECEIVABLE, Money("119.00", "EUR"), customer="7", document="inv")
    right = credit(chart.RECEIVABLE, Money("500", "JPY"), customer="7", document="inv")

    assert (left.amount_minor, left.is_debit) == (11900, True)
    assert (right.amount_minor, right.is_debit) == (-500, False)


def test_an_amount_that_nobody_can_pay_is_not_posted() -> None:
    with pytest.raises(InvariantViolation, match="not a payable amount"):
        debit(chart.RECEIVABLE, Money("0.001", "EUR"), customer="7", document="inv")


def test_a_reversal_takes_everything_back_and_names_what_it_reverses() -> None:
    reversal = BALANCED.reversed(effective_on=date(2026, 6, 1))

    assert set(account_balances([BALANCED, reversal]).values()) == {0}
    assert (reversal.reverses, reversal.key) == ("k:v1", "k:v1:reversal")
    assert reversal.effective_on == date(2026, 6, 1)


def test_the_hash_does_not_depend_on_the_order_or_the_words() -> None:
    turned = replace(BALANCED, postings=BALANCED.postings[::-1], description="Better words")

    assert turned.body_hash == BALANCED.body_hash
    assert len(BALANCED.body_hash) == 32


@pytest.mark.parametrize(
    "other",
    [
        replace(BALANCED, key="k:v2"),
        replace(BALANCED, kind="other"),
        replace(BALANCED, effective_on=date(2026, 5, 2)),
        replace(BALANCED, reverses="another"),
        _entry(_posting(chart.RECEIVABLE, 11901), _posting(chart.USAGE_REVENUE, -11901)),
        _entry(_posting(chart.BANK, 11900), _posting(chart.USAGE_REVENUE, -11900)),
        _entry(
            _posting(chart.RECEIVABLE, 11900, "USD"), _posting(chart.USAGE_REVENUE, -11900, "USD")
        ),
    ],
)
def test_the_hash_depends_on_every_fact(other: Entry) -> None:
    assert other.body_hash != BALANCED.body_hash


def test_the_hash_is_the_same_for_ever() -> None:
    """Another value would mean that entries posted before no longer match their replay."""
    canonical = (
        '{"effective_on":"2026-05-01","key":"k:v1","kind":"test","postings":'
        '[["1200","EUR",11900,"7","inv"],["4010","EUR",-11900,"7","inv"]],"reverses":""}'
    )

    assert BALANCED.body_hash == sha256(canonical.encode()).digest()


def test_the_chart_has_each_code_once_in_order() -> None:
    codes = [account.code for account in chart.CHART]

    assert codes == sorted(set(codes))


@given(amounts)
def test_an_entry_is_made_if_and_only_if_it_balances(rows: list[tuple[str, int, str]]) -> None:
    postings = tuple(_posting(*row) for row in rows)
    is_balanced = not any(balance(postings).values())

    if is_balanced:
        assert _entry(*postings).postings == postings
    else:
        with pytest.raises(UnbalancedEntry):
            _entry(*postings)


@given(amounts)
def test_any_postings_balance_with_their_reverse(rows: list[tuple[str, int, str]]) -> None:
    postings = tuple(_posting(*row) for row in rows)

    entry = _entry(*postings, *(posting.reversed() for posting in postings))

    assert set(balance(entry.postings).values()) == {0}
