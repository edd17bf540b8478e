"""Usage from files: read row by row, taken in in batches, safe to do again."""

import csv
import io
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, DecimalException
from enum import StrEnum
from itertools import islice
from typing import BinaryIO, TextIO

import msgspec

from subscriptions.domain.columns import EventColumns
from subscriptions.domain.events import EventBody
from subscriptions.domain.wire import UNREADABLE
from subscriptions.errors import EventInvalid
from subscriptions.models import EventSource
from subscriptions.services.usage import BatchResult, Incoming, record_events
from subscriptions.services.usage_writing import Refused
from tiktoktoe.kernel.errors import InvalidInput

logger = logging.getLogger(__name__)
BATCH = 5000
EXTRA = "more cells than the header has"
DIGITS_MAX = 300
Row = dict[str, object]


def _exact(written: str) -> Decimal:
    """A number of a line as it is written, if PostgreSQL can keep it."""
    try:
        number = Decimal(written)
    except DecimalException:
        raise ValueError("a number is out of range") from None
    if len(written) > DIGITS_MAX or abs(number.adjusted()) > DIGITS_MAX:
        raise ValueError("a number is out of range")
    return number


_line = msgspec.json.Decoder(dict[str, object], float_hook=_exact)


class FileFormat(StrEnum):
    """What a file of usage may be."""

    CSV = "csv"
    NDJSON = "ndjson"


@dataclass(slots=True)
class ImportSummary:
    """What became of a file; the three numbers add up to its rows."""

    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, rows: int, result: BatchResult) -> None:
        """Count a batch."""
        self.rows += rows
        self.accepted += result.accepted
        self.duplicates += result.duplicates
        self.refused += len(result.refused)
        self.reasons.update(refused.reason for refused in result.refused)


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the file: its number, from 1, and its cells, or why it has none."""

    number: int
    cells: Row
    problem: str = ""


def import_usage(
    *,
    source: EventSource,
    file: BinaryIO,
    file_format: FileFormat,
    columns: EventColumns,
    at: datetime,
    rejected: TextIO | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> ImportSummary:
    """Take in every row of a file; bad rows are written to `rejected`, one JSON a line.

    Each batch is a transaction of its own, so that a file that was broken off is simply
    imported again: what is known counts as a duplicate. `on_progress` is told the rows read.

    Raises:
        InvalidInput: If the file has no such column, or is no UTF-8.
    """
    summary = ImportSummary()
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    rows = _csv_rows(text, columns) if file_format == FileFormat.CSV else _lines(text)
    try:
        while batch := list(islice(rows, BATCH)):
            summary.add(len(batch), _take(source, batch, columns, at, rejected))
            if on_progress is not None:
                on_progress(summary.rows)
    except UnicodeDecodeError:
        reason = f"it is not UTF-8 somewhere after row {summary.rows}"
        raise InvalidInput(reason, field="file") from None
    finally:
        text.detach()
    logger.info("usage imported", extra={"source": source.pk, "rows": summary.rows})
    return summary


def _take(
    source: EventSource,
    batch: Sequence[_Row],
    columns: EventColumns,
    at: datetime,
    rejected: TextIO | None,
) -> BatchResult:
    events: list[Incoming] = []
    refused: list[Refused] = []
    for row in batch:
        try:
            events.append(Incoming(row.number, _event(row, columns)))
        except EventInvalid as problem:
            sent = _written(row.cells)
            event_id = str(row.cells.get(columns.columns.get("id", ""), ""))
            refused.append(
                Refused(row.number, event_id, problem.field, "unreadable", str(problem), sent)
            )
    result = record_events(source=source, events=events, refused=refused, at=at)
    if rejected is not None:
        _write_rejected(rejected, result, {row.number: row.cells for row in batch})
    return result


def _event(row: _Row, columns: EventColumns) -> EventBody:
    if row.problem:
        raise EventInvalid(row.problem, field="row")
    return columns.event(row.cells, row.number)


def _write_rejected(rejected: TextIO, result: BatchResult, cells: dict[int, Row]) -> None:
    for refused in result.refused:
        found = {
            "row": refused.index,
            "field": refused.field,
            "code": refused.code,
            "reason": refused.reason,
        }
        sent = _written(cells[refused.index])
        rejected.write(f'{_written(found)[:-1]}, "sent": {sent}}}\n')


def _written(found: Row) -> str:
    """JSON for people to look at; of what nests too deeply to be written, that it does."""
    try:
        return json.dumps(found, default=str, ensure_ascii=False)
    except RecursionError:
        return json.dumps({"row": "nests too deeply to be shown"})


def _csv_rows(text: TextIO, columns: EventColumns) -> Iterator[_Row]:
    reader = csv.DictReader(text, strict=True)
    header = _header(reader)
    missing = sorted(columns.names - set(header))
    if missing:
        known = ", ".join(header) or "none at all"
        raise InvalidInput(f"there is no column {missing[0]!r}", remedy=f"there are: {known}")
    doubled = sorted(name for name in columns.names if header.count(name) > 1)
    if doubled:
        raise InvalidInput(f"there are several columns {doubled[0]!r}", remedy="rename one")
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as problem:
            yield _Row(number, {}, str(problem))
            continue
        problem_text = EXTRA if cells.pop(None, None) is not None else ""
        yield _Row(number, dict(cells), problem_text)


def _header(reader: "csv.DictReader[str]") -> Sequence[str]:
    try:
        return reader.fieldnames or ()
    except csv.Error as problem:
        raise InvalidInput(f"the header cannot be read: {problem}", field="file") from None


def _lines(text: TextIO) -> Iterator[_Row]:
    number = 0
    for line in text:
        if not line.strip():
            continue
        number += 1
        try:
            yield _Row(number, _line.decode(line))
        except UNREADABLE as problem:
            yield _Row(number, {"line": line[:2000]}, f"is no JSON object: {problem}")
