"""What came out is held against what was expected; every difference is told with its line."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tiktoktoe.kernel.clock import utc
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.rates import exact_text
from tiktoktoe.simulator.errors import Place
from tiktoktoe.simulator.scenario.expectations import Expectation, Wanted, WantedRow, WantedRows
from tiktoktoe.simulator.scenario.values import Amount, When
from tiktoktoe.simulator.seen import CreditNoteSeen, InvoiceSeen, LineSeen, Seen

ABOUT = frozenset({"amount", "total"})


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as expected."""

    place: Place
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.place}: expected {self.expected}, got {self.got}"


def differences(wanted: Expectation, seen: Seen, *, refused: str) -> list[Difference]:
    """How what is seen differs from what was expected; empty if it does not."""
    return [
        *_refusal(wanted, refused),
        *_plain(wanted, seen),
        *_counts(wanted, seen),
        *(
            difference
            for name, rows in wanted.rows.items()
            for difference in _rows(rows, _chosen(wanted, name, seen), name)
        ),
    ]


def _refusal(wanted: Expectation, refused: str) -> list[Difference]:
    if wanted.refused is None:
        return []
    text = str(wanted.refused.value)
    is_met = bool(refused) and (text.lower() in {"true", "yes", ""} or text in refused)
    if is_met:
        return []
    got = f"“{refused}”" if refused else "that it was done"
    return [Difference(wanted.refused.place, f"a refusal “{text}”", got)]


def _plain(wanted: Expectation, seen: Seen) -> list[Difference]:
    found = []
    invoices = [row for row in _chosen(wanted, "invoices", seen) if not is_empty(row)]
    if wanted.nothing_billed is not None and invoices:
        got = ", ".join(_name(row) for row in invoices)
        found.append(Difference(wanted.nothing_billed, "nothing billed", got))
    if wanted.dates is not None:
        place, days = wanted.dates
        got_days = tuple(row.date for row in invoices)
        if got_days != days:
            found.append(Difference(place, _listed(days), _listed(got_days)))
    if wanted.state is not None:
        states = [row.state for row in _chosen(wanted, "subscriptions", seen)]
        if states != [wanted.state.value]:
            got = ", ".join(states) or "no subscription"
            found.append(Difference(wanted.state.place, str(wanted.state.value), got))
    return [*found, *_dunning(wanted, seen)]


def _dunning(wanted: Expectation, seen: Seen) -> list[Difference]:
    """In which overdue state the customer is, and how often it was asked in each currency."""
    changes, asked = list(seen.overdue_states), list(seen.payment_requests)
    if wanted.customer:
        changes = [row for row in changes if row.customer == wanted.customer]
        asked = [row for row in asked if row.customer == wanted.customer]
    got: dict[str, object] = {
        "overdue": changes[-1].state if changes else "clear",
        "finished": seen.finished,
        "attempts": {row.currency: row.number for row in asked if not row.settled},
    }
    return [
        Difference(want.place, _text(str(want.value)), str(got[want.name]))
        for want in (wanted.overdue, wanted.finished, wanted.attempts)
        if want is not None and want.value != got[want.name]
    ]


def _counts(wanted: Expectation, seen: Seen) -> list[Difference]:
    found = []
    for name, (place, count) in wanted.counts.items():
        rows = [row for row in _chosen(wanted, name, seen) if not is_empty(row)]
        if len(rows) != count:
            got = f"{len(rows)}: {', '.join(map(_name, rows))}" if rows else "none"
            found.append(Difference(place, f"{count} {name}", got))
    return found


def _chosen(wanted: Expectation, name: str, seen: Seen) -> list[Any]:
    """The rows that an expectation is about: of its customer or subscription, if it names one."""
    rows: Sequence[Any] = getattr(seen, name)
    chosen = []
    for row in rows:
        subscription = getattr(row, "subscription", None) or getattr(row, "name", None)
        is_others = wanted.customer and getattr(row, "customer", None) not in {
            None,
            wanted.customer,
        }
        if is_others or (wanted.subscription and subscription not in {None, wanted.subscription}):
            continue
        chosen.append(row)
    return chosen


def is_empty(row: object) -> bool:
    """Whether a document or line is about nothing, so that nobody has to expect it."""
    if isinstance(row, InvoiceSeen):
        return not row.total.amount and all(is_empty(line) for line in row.lines)
    if isinstance(row, CreditNoteSeen):
        return not row.total.amount
    return isinstance(row, LineSeen) and not row.amount.amount


def _rows(wanted: WantedRows, rows: Sequence[object], name: str) -> list[Difference]:
    """Each expected row must be one of these; and, unless only a part is, these all of them."""
    left, found = list(rows), list[Difference]()
    for row in wanted.rows:
        match = next((other for other in left if not _row(row, other)), None)
        if match is not None:
            left.remove(match)
            continue
        if _is_of_nothing(row) and not any(_is_like(row, other) for other in left):
            continue
        nearest = min(left, key=lambda other: len(_row(row, other)), default=None)
        if nearest is None:
            found.append(Difference(row.place, f"one of {name}", _none_left(rows)))
            continue
        left.remove(nearest)
        found += _row(row, nearest)
    surplus = [row for row in left if not is_empty(row)]
    if surplus and not wanted.is_part:
        got = f"also {'; '.join(_name(row) for row in surplus)}"
        found.append(Difference(wanted.place, f"no more {name} than listed", got))
    return found


def _is_of_nothing(wanted: WantedRow) -> bool:
    """Whether a document or line with the amount 0 is expected; then there need not be one."""
    amounts = [value.value for value in wanted.values if value.name in ABOUT]
    return bool(amounts) and all(isinstance(a, Amount) and not a.number for a in amounts)


def _is_like(wanted: WantedRow, row: Any) -> bool:
    """Whether a row is what is expected but for what it is about, and is about something."""
    others = [value for value in wanted.values if value.name not in ABOUT]
    return bool(others) and not any(_value(value, row) for value in others)


def _none_left(rows: Sequence[object]) -> str:
    return f"no more than {'; '.join(map(_name, rows))}" if rows else "none"


def _row(wanted: WantedRow, row: Any) -> list[Difference]:
    found = [difference for value in wanted.values if (difference := _value(value, row))]
    if wanted.lines is not None:
        found += _rows(wanted.lines, row.lines, "lines")
    return found


def _value(wanted: Wanted, row: Any) -> Difference | None:
    if wanted.name == "period_end":  # `period: [a, b]`: b may be the last day or the one after
        if wanted.value in {row.period_to, row.period_through}:
            return None
        return Difference(wanted.place, _text(wanted.value), _text(row.period_to))
    got = getattr(row, wanted.name)
    if _is_equal(wanted.value, got):
        return None
    return Difference(wanted.place, _text(wanted.value, got), _text(got))


def _is_equal(wanted: object, got: object) -> bool:
    if isinstance(wanted, Amount):
        return isinstance(got, Money) and wanted.exact(got.currency.code) == got.amount
    if isinstance(wanted, When):
        if wanted.day is not None:
            return isinstance(got, datetime) and got.date() == wanted.day
        return isinstance(got, datetime) and wanted.at("UTC") == utc(got)
    if wanted is None:
        return got in {None, ""}
    return wanted == got


def _text(value: object, like: object = None) -> str:
    if isinstance(value, Amount):
        return exact_text(value.exact(like.currency.code)) if isinstance(like, Money) else "?"
    if isinstance(value, Money):
        return exact_text(value.amount)
    if isinstance(value, Decimal):
        return exact_text(value)
    if isinstance(value, When):
        return str(value.day or value.instant)
    return "nothing" if value in {None, ""} else str(value)


def _listed(days: Sequence[date]) -> str:
    return ", ".join(map(str, days)) or "none"


def _name(row: object) -> str:
    """A row in a few words."""
    if isinstance(row, InvoiceSeen):
        return f"{row.number or 'draft'} of {row.date} for {row.total}"
    if isinstance(row, CreditNoteSeen):
        return f"{row.number} of {row.date} for {row.total}"
    if isinstance(row, LineSeen):
        return f"{row.description} {row.period_from}–{row.period_to} for {row.amount}"
    assert dataclasses.is_dataclass(row)
    return str(row)
