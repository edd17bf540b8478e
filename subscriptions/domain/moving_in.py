"""Rows of a file of customers or subscriptions that move in from elsewhere: what they say.

A row is read into values of the right kind; what cannot be read is an error by line and field.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, DecimalException
from enum import StrEnum
from typing import Any

from subscriptions.domain.schedule import anchored_on
from subscriptions.errors import SubscriptionInvalid
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.periods import BillingPeriods, Interval, Period, local_date, local_midnight

YEARS = range(1900, 2200)  # a day beyond is a slip of the pen, and no calendar goes on for ever
AMOUNT_MAX = Decimal(10) ** 12
TRUE, FALSE = {"true", "yes", "1", "y"}, {"", "false", "no", "0", "n"}


class FileKind(StrEnum):
    """What a file holds."""

    CUSTOMERS = "customers"
    SUBSCRIPTIONS = "subscriptions"


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with a line of a file; the header is line 1."""

    line: int
    field: str
    message: str


def text(value: str) -> str:
    """As it stands."""
    return value


def capitals(value: str) -> str:
    """In capitals."""
    return value.upper()


def day(value: str) -> date:
    """A day that somebody can mean."""
    found = date.fromisoformat(value)
    if found.year not in YEARS:
        raise ValueError(value)
    return found


def number(value: str) -> int:
    """A whole number."""
    if not value.isascii() or not value.isdecimal():
        raise ValueError(value)
    return int(value[:12])


def amount(value: str) -> Decimal:
    """An amount of money, above zero."""
    try:
        found = Decimal(value)
    except DecimalException:
        raise ValueError(value) from None
    if not found.is_finite() or not 0 < found < AMOUNT_MAX:
        raise ValueError(value)
    return found


def amount_or_none(value: str) -> Decimal:
    """An amount of money that may be nothing."""
    return Decimal(0) if value.strip("0.") == "" and value != "." else amount(value)


def flag(value: str) -> bool:
    """Yes or no."""
    if value.lower() in TRUE:
        return True
    if value.lower() in FALSE:
        return False
    raise ValueError(value)


@dataclass(frozen=True, slots=True)
class Field:
    """A field: how it is read, what it is when left empty (`...`: it may not be), what it is."""

    read: Callable[[str], Any]
    otherwise: Any
    says: str


Fields = Mapping[str, Field]
FIELDS: Mapping[FileKind, Fields] = {
    FileKind.CUSTOMERS: {
        "external_id": Field(text, ..., "its name in your systems; known once"),
        "name": Field(text, ..., "the company"),
        "email": Field(text, ..., "where invoices go"),
        "country": Field(capitals, ..., "two letters"),
        "currency": Field(capitals, ..., "three letters"),
        "time_zone": Field(text, "UTC", "as Europe/Berlin"),
        "locale": Field(text, "en", "en, de, fr"),
        "address_line1": Field(text, "", "street and number"),
        "address_line2": Field(text, "", "what else is in the address"),
        "postal_code": Field(text, "", "as it is written in the country"),
        "city": Field(text, "", "the town"),
        "region": Field(text, "", "where it counts for tax: a state or province"),
        "tax_number": Field(text, "", "VAT number with its country, as DE136695976"),
        "is_tax_exempt": Field(flag, otherwise=False, says="yes or no"),
    },
    FileKind.SUBSCRIPTIONS: {
        "reference": Field(text, ..., "its name; letters, digits, - and _; known once"),
        "customer": Field(text, ..., "the customer's external id"),
        "plan": Field(text, ..., "the plan's code"),
        "version": Field(number, None, "of its prices; the newest on sale if empty"),
        "currency": Field(capitals, None, "of its prices; the customer's own if empty"),
        "quantity": Field(number, 1, "1 if empty"),
        "started_on": Field(day, ..., "the day on which it began, as 2024-03-31"),
        "next_billing_on": Field(day, ..., "the first day that is billed here; not over"),
        "anchor_day": Field(number, None, "31 where periods begin on last days of months"),
        "trial": Field(flag, otherwise=False, says="yes where it is free until the next billing"),
        "usage_from": Field(day, None, "from when usage counts here; today if empty"),
        "ends_with_period": Field(flag, otherwise=False, says="yes where it is canceled already"),
        "paused_on": Field(day, None, "where it rests: since which day"),
        "resumes_on": Field(day, None, "the day on which it goes on by itself, if one is set"),
    },
}


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A line whose fields could all be read."""

    line: int
    values: Mapping[str, Any]


def column_map(fields: Fields, header: Iterable[str], given: Mapping[str, str]) -> dict[str, str]:
    """Which column holds which field: as said, else the one of the field's own name.

    Raises:
        InvalidInput: If a field or column is unknown, or nothing says what a needed field is.
    """
    columns = list(header)
    twice = next((column for column in columns if columns.count(column) > 1), None)
    if twice is not None:
        raise InvalidInput(f"two columns are called {twice!r}", field="mapping")
    for name, column in given.items():
        if name not in fields:
            raise InvalidInput(f"{name!r} is no field", field="mapping", remedy=", ".join(fields))
        if column not in columns:
            raise InvalidInput(f"the file has no column {column!r}", field="mapping")
    chosen = {name: given.get(name, name) for name in fields}
    found = {name: column for name, column in chosen.items() if column in columns}
    for name, field in fields.items():
        if field.otherwise is ... and name not in found:
            raise InvalidInput(
                f"nothing says what the {name} is",
                field="mapping",
                remedy=f"name a column {name}, or map one to it",
            )
    return found


def read_row(
    fields: Fields, line: int, row: Mapping[str, str | None], columns: Mapping[str, str]
) -> tuple[ReadRow | None, list[RowError]]:
    """The values of a line, or everything that is wrong with it."""
    values, errors = {}, []
    for name, field in fields.items():
        said = (row.get(columns[name]) or "").strip() if name in columns else ""
        if not said:
            values[name] = field.otherwise
            if field.otherwise is ...:
                errors.append(RowError(line, name, "is missing"))
            continue
        if "\x00" in said:
            errors.append(RowError(line, name, "has a NUL character"))
            continue
        try:
            values[name] = field.read(said)
        except ValueError:
            errors.append(RowError(line, name, f"{said[:40]!r} cannot be read; {_kind_of(field)}"))
    return (None if errors else ReadRow(line, values)), errors


def _kind_of(field: Field) -> str:
    words: Mapping[Callable[[str], Any], str] = {
        day: "write a day as 2026-01-31",
        number: "write a number",
        amount: "write an amount like 12.50",
        amount_or_none: "write an amount like 12.50, or 0",
        flag: "write yes or no",
    }
    return words.get(field.read, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A subscription as it runs elsewhere: its anchor, and the period that it is in."""

    anchor_on: date
    period: Period


def running_period(
    *,
    started_on: date,
    next_billing_on: date,
    anchor_day: int | None,
    is_trial: bool,
    interval: Interval,
    time_zone: str,
) -> Running:
    """The period that a subscription is in which is billed next on a day, and its anchor.

    Its periods are counted from the day that it began, if that leads to the next billing; else
    from the anchor day, or the day of the next billing itself. A first period may be shorter.

    Raises:
        SubscriptionInvalid: If the days do not fit each other; names the field.
    """
    if next_billing_on <= started_on:
        raise SubscriptionInvalid("is not after the start", field="next_billing_on")
    boundary = local_midnight(next_billing_on, time_zone)
    began = local_midnight(started_on, time_zone)
    if is_trial:
        return Running(anchor_on=next_billing_on, period=Period(began, boundary))
    anchor_on = _anchor(started_on, next_billing_on, anchor_day, interval, time_zone)
    periods = BillingPeriods(anchor_on, time_zone, interval)
    if periods.period_at(boundary).start != boundary:
        raise SubscriptionInvalid(
            f"no period of {interval.count} {interval.unit} begins then",
            field="next_billing_on",
            remedy="correct it, or the anchor_day",
        )
    start = periods.period_at(boundary - timedelta(seconds=1)).start
    return Running(anchor_on=anchor_on, period=Period(max(start, began), boundary))


def _anchor(
    started_on: date,
    next_billing_on: date,
    anchor_day: int | None,
    interval: Interval,
    time_zone: str,
) -> date:
    if anchor_day is not None:
        return anchored_on(anchor_day, next_billing_on, interval)
    boundary = local_midnight(next_billing_on, time_zone)
    from_start = BillingPeriods(started_on, time_zone, interval)
    leads_there = local_date(from_start.period_at(boundary).start, time_zone) == next_billing_on
    return started_on if leads_there else next_billing_on
