"""A file of what moves in: its rows, and what became of them."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from subscriptions.domain.moving_in import Fields, ReadRow, RowError, column_map, read_row
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.money import Money, zero

ROWS_MAX = 50_000
BATCH = 1000


@dataclass(slots=True)
class MovedIn:
    """What a file would make, or has made: rows to make, rows that are there, and errors.

    `remarks` are worth a look and keep nothing out.
    """

    kind: str
    made: int = 0
    known: int = 0
    errors: list[RowError] = field(default_factory=list)
    remarks: list[RowError] = field(default_factory=list)
    sums: dict[tuple[str, str], Money] = field(default_factory=dict)
    is_written: bool = False

    def add(self, name: str, amount: Money) -> None:
        """Count an amount that the file says, by what it is and by currency."""
        key = name, amount.currency.code
        self.sums[key] = self.sums.get(key, zero(key[1])) + amount


def read_file(
    fields: Fields, text: str, mapping: Mapping[str, str]
) -> tuple[list[ReadRow], list[RowError]]:
    """The rows of a CSV file, and what of it cannot be read.

    Raises:
        InvalidInput: If it is no such file at all.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    rows, errors = [], list[RowError]()
    try:
        columns = column_map(fields, reader.fieldnames or (), mapping)
        for number, row in enumerate(reader, start=1):
            if number > ROWS_MAX:
                raise InvalidInput(f"more than {ROWS_MAX} rows", remedy="divide the file")
            line = reader.line_num
            if None in row:
                errors.append(RowError(line, "", "has more cells than the header"))
                continue
            found, wrong = read_row(fields, line, row, columns)
            errors += wrong
            if found is not None:
                rows.append(found)
    except csv.Error as problem:
        raise InvalidInput(f"line {reader.line_num} is no CSV: {problem}") from None
    if not rows and not errors:
        raise InvalidInput("the file has no rows")
    return rows, errors


def once(rows: Iterable[ReadRow], name: str, result: MovedIn) -> list[ReadRow]:
    """The rows without those whose key is in the file before."""
    seen: dict[str, int] = {}
    kept = []
    for row in rows:
        key = str(row.values[name])
        if key in seen:
            result.errors.append(RowError(row.line, name, f"is on line {seen[key]} already"))
            continue
        seen[key] = row.line
        kept.append(row)
    return kept
