"""What a file says must come out: parts of what is shown (tiktoktoe.simulator.seen), by key."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from tiktoktoe.kernel.money import Money
from tiktoktoe.simulator.errors import Place, ScenarioInvalid
from tiktoktoe.simulator.scenario import values
from tiktoktoe.simulator.scenario.nodes import Node, Row, Table, Text
from tiktoktoe.simulator.scenario.reading import MINOR_ENDINGS, read
from tiktoktoe.simulator.scenario.values import Amount, When
from tiktoktoe.simulator.seen import (
    BalanceSeen,
    CreditNoteSeen,
    InvoiceSeen,
    OverdueSeen,
    PaymentRequestSeen,
    PaymentSeen,
    RefundSeen,
    SubscriptionSeen,
    TransitionSeen,
)

SPELLINGS: Mapping[str, str] = {
    "from": "period_from",
    "start": "period_from",
    "period_start": "period_from",
    "to": "period_to",
    "until": "period_to",
    "period_end": "period_to",
    "through": "period_through",
    "credits": "credited",
    "days": "units",
    "fee": "amount",
    "price": "code",
    "charge": "code",
    "type": "kind",
    "status": "state",
    "issued_on": "date",
    "denominator_days": "denominator",
}
KINDS: Mapping[str, type] = {
    "invoices": InvoiceSeen,
    "credit_notes": CreditNoteSeen,
    "subscriptions": SubscriptionSeen,
    "transitions": TransitionSeen,
    "payments": PaymentSeen,
    "refunds": RefundSeen,
    "balances": BalanceSeen,
    "payment_requests": PaymentRequestSeen,
    "overdue_states": OverdueSeen,
}
SINGLE: Mapping[str, str] = {
    "invoice": "invoices",
    "credit_note": "credit_notes",
    "payment": "payments",
    "refund": "refunds",
    "balance": "balances",
}
HAS = "has_"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One value that is expected."""

    place: Place
    name: str
    value: object


@dataclass(frozen=True, slots=True)
class WantedRow:
    """One document, line or state: what of it is expected; the rest does not matter."""

    place: Place
    values: tuple[Wanted, ...]
    lines: "WantedRows | None" = None


@dataclass(frozen=True, slots=True)
class WantedRows:
    """Rows that are expected: these and no others, or (`is_part`) these among others."""

    place: Place
    rows: tuple[WantedRow, ...]
    is_part: bool = False


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What must be true: of a step, of a day, or at the end."""

    place: Place
    rows: Mapping[str, WantedRows]
    counts: Mapping[str, tuple[Place, int]]
    dates: tuple[Place, tuple[date, ...]] | None = None
    state: Wanted | None = None
    refused: Wanted | None = None
    nothing_billed: Place | None = None
    overdue: Wanted | None = None
    finished: Wanted | None = None
    attempts: Wanted | None = None
    since: When | None = None
    customer: str = ""
    subscription: str = ""

    def is_about(self) -> frozenset[str]:
        """What has to be looked at for it."""
        plain = {
            "invoices": self.dates or self.nothing_billed,
            "subscriptions": self.state,
            "overdue_states": self.overdue,
            "payment_requests": self.attempts,
            "finished": self.finished,
        }
        asked = (name for name, value in plain.items() if value is not None)
        return frozenset((*self.rows, *self.counts, *asked))


PLAIN = (
    "invoice_dates",
    "state",
    "refused",
    "nothing_billed",
    "overdue",
    "attempts",
    "finished",
    "since",
    "customer",
    "subscription",
)


def read_expectation(node: Node) -> Expectation:
    """What an `expect` says.

    Raises:
        ScenarioInvalid: With the line, the key, and what may be expected.
    """
    if not isinstance(node, Table):
        raise ScenarioInvalid("must be a table of key: value", node.place, allowed=_allowed())
    rows = dict[str, WantedRows]()
    counts = dict[str, tuple[Place, int]]()
    plain = dict[str, Any]()
    for key, value in node.entries.items():
        place = node.key_places[key]
        name = SINGLE.get(key, key.removeprefix(HAS))
        if name in KINDS and isinstance(value, Text) and not value.is_empty:
            counts[name] = (place, values.read_whole(value))
        elif key in SINGLE:
            rows[name] = WantedRows(place, (_row(KINDS[name], value),))
        elif name in KINDS:
            rows[name] = _rows(KINDS[name], value, is_part=key.startswith(HAS))
        elif key in PLAIN:
            plain[key] = _plain(key, value, place)
        else:
            raise ScenarioInvalid("cannot be expected", place, allowed=_allowed())
    dates = plain.pop("invoice_dates", None)
    return Expectation(place=node.place, rows=rows, counts=counts, dates=dates, **plain)


def _plain(key: str, value: Node, place: Place) -> object:
    if key == "invoice_dates":
        return place, read(tuple[date, ...], value)
    if key == "nothing_billed":
        return place if read(bool, value) else None
    if key == "since":
        return read(When, value)
    if key == "finished":
        return Wanted(place, key, read(int, value))
    if key == "attempts":
        return Wanted(place, key, read(dict[str, int], value))
    text = read(str, value)
    return Wanted(place, key, text) if key in {"state", "refused", "overdue"} else text


def _allowed() -> str:
    has = [f"{HAS}{name}" for name in KINDS]
    return ", ".join([*KINDS, *SINGLE, *has, *PLAIN])


def _rows(kind: type, node: Node, *, is_part: bool) -> WantedRows:
    if isinstance(node, Text) and node.is_empty:
        return WantedRows(node.place, ())
    items = node.items if isinstance(node, Row) else (node,)
    return WantedRows(node.place, tuple(_row(kind, item) for item in items), is_part)


def _row(kind: type, node: Node) -> WantedRow:
    if not isinstance(node, Table):
        raise ScenarioInvalid(
            "must be a table of key: value", node.place, allowed=", ".join(_types(kind))
        )
    found, lines = list[Wanted](), None
    for key, value in node.entries.items():
        place = node.key_places[key]
        if key in {"lines", "has_lines"} and "lines" in _types(kind):
            lines = _rows(_line_kind(kind), value, is_part=key.startswith(HAS))
        elif key == "period" and "period_from" in _types(kind):
            found += _period(value, place)
        else:
            found.append(_wanted(kind, key, value, place))
    return WantedRow(node.place, tuple(found), lines)


def _period(node: Node, place: Place) -> list[Wanted]:
    """`[from, to]`: whether the second day is in it is told by what comes out."""
    days = read(tuple[date, ...], node)
    if len(days) != 2:
        raise ScenarioInvalid("must be two days", place, allowed="[2026-01-01, 2026-02-01]")
    return [Wanted(place, "period_from", days[0]), Wanted(place, "period_end", days[1])]


def _wanted(kind: type, key: str, node: Node, place: Place) -> Wanted:
    types, is_minor = _types(kind), False
    name = SPELLINGS.get(key, key) if key not in types else key
    for ending in MINOR_ENDINGS:
        stem = key.removesuffix(ending)
        if name not in types and stem != key:
            name, is_minor = SPELLINGS.get(stem, stem), True
    wanted_type = types.get(name)
    if wanted_type is None or (is_minor and wanted_type is not Money):
        raise ScenarioInvalid("cannot be expected here", place, allowed=", ".join(types))
    if isinstance(node, Text) and node.is_empty:
        return Wanted(place, name, None)
    if not isinstance(node, Text):
        raise ScenarioInvalid("must be a single value", place)
    return Wanted(place, name, _value(wanted_type, node, is_minor=is_minor))


def _value(kind: Any, text: Text, *, is_minor: bool) -> object:
    choices = [choice for choice in get_args(kind) if choice is not type(None)] or [kind]
    if choices[0] is Money:
        return Amount(text.place, values.read_number(text), is_minor)
    if choices[0] in {int, Decimal}:
        return values.read_number(text)
    if choices[0] is date:
        return values.read_day(text)
    if choices[0] is datetime:
        return values.read_when(text)
    return text.value


@cache
def _types(kind: type) -> dict[str, Any]:
    """What may be expected of a kind, and the type of each; lists are handled apart."""
    hints = get_type_hints(kind)
    assert dataclasses.is_dataclass(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _line_kind(kind: type) -> type:
    hint = _types(kind)["lines"]
    assert get_origin(hint) is tuple
    line: type = get_args(hint)[0]
    return line
