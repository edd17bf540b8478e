"""A trace counted and priced a second time, in plain Python and with the price list alone."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from math import floor
from pathlib import Path

from tiktoktoe.demo import price_list

EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")


class TraceUnusable(Exception):
    """The file is no such trace."""


@dataclass
class Recount:
    """What a trace must come to; money is in cents."""

    first: datetime = LATEST
    last: datetime = EARLIEST
    requests: int = 0
    context: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    generated: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def events(self) -> int:
        """Two of each request: one per meter."""
        return 2 * self.requests

    @property
    def context_tokens(self) -> int:
        """Of all customers."""
        return sum(self.context.values())

    @property
    def generated_tokens(self) -> int:
        """Of all customers."""
        return sum(self.generated.values())

    @property
    def invoices(self) -> int:
        """Two a customer: the first fee; then the usage with the next fee."""
        return 2 * price_list.CUSTOMERS

    @property
    def billed_cents(self) -> int:
        """Of all invoices, tax included."""
        fees = _with_tax([_cents(Fraction(price_list.FEE))])
        return sum(
            fees + self._second_invoice(customer) for customer in range(price_list.CUSTOMERS)
        )

    @property
    def tax_cents(self) -> int:
        """The tax in what is billed."""
        fee = _cents(Fraction(price_list.FEE))
        customers = range(price_list.CUSTOMERS)
        return sum(_tax([fee]) + _tax(self._second_lines(customer)) for customer in customers)

    def _second_invoice(self, customer: int) -> int:
        return _with_tax(self._second_lines(customer))

    def _second_lines(self, customer: int) -> list[int]:
        beyond = max(self.context[customer] - price_list.CONTEXT_INCLUDED, 0)
        return [
            _cents(beyond * Fraction(price_list.CONTEXT_PRICE)),
            _cents(_graduated(self.generated[customer])),
            _cents(Fraction(price_list.FEE)),
        ]


def recount(path: Path) -> Recount:
    """Count a trace.

    Raises:
        TraceUnusable: If it lacks a column, a number or a time, or is not within one month.
    """
    found = Recount()
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise TraceUnusable(f"{path.name} has no column {missing[0]}")
        for number, row in enumerate(rows, start=1):
            try:
                _count(found, number, row)
            except (TypeError, ValueError) as problem:
                raise TraceUnusable(f"row {number} of {path.name}: {problem}") from None
    if not found.requests:
        raise TraceUnusable(f"{path.name} has no rows")
    if (found.first.year, found.first.month) != (found.last.year, found.last.month):
        raise TraceUnusable(f"{path.name} goes over the end of a month")
    return found


def _count(found: Recount, number: int, row: dict[str, str]) -> None:
    at = datetime.fromisoformat(row["TIMESTAMP"])
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    customer = number % price_list.CUSTOMERS
    found.requests += 1
    found.context[customer] += int(row["ContextTokens"])
    found.generated[customer] += int(row["GeneratedTokens"])
    found.first, found.last = min(found.first, at), max(found.last, at)


def _graduated(tokens: int) -> Fraction:
    amount, below = Fraction(0), 0
    for up_to, price in price_list.GENERATED_TIERS:
        end = tokens if up_to is None else min(tokens, up_to)
        amount += max(end - below, 0) * Fraction(price)
        below = end
    return amount


def _with_tax(lines: Sequence[int]) -> int:
    return sum(lines) + _tax(lines)


def _tax(lines: Sequence[int]) -> int:
    return _half_up(sum(lines) * Fraction(price_list.TAX_PERCENT) / 100)


def _cents(amount: Fraction) -> int:
    return _half_up(amount * 100)


def _half_up(amount: Fraction) -> int:
    """To the nearest whole; halves go up. No amount here is negative."""
    return floor(amount + Fraction(1, 2))
