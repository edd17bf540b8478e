"""Rows as JSON, one object a line, for programs."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

from django.http import StreamingHttpResponse


def json_lines_response(
    filename: str, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> StreamingHttpResponse:
    """Stream rows as JSON lines in UTF-8, one at a time; amounts are strings, exact."""
    response = StreamingHttpResponse(_lines(header, rows), content_type="application/x-ndjson")
    safe_name = "".join(c for c in filename if c.isalnum() or c in "-_.")
    response["Content-Disposition"] = f'attachment; filename="{safe_name}"'
    return response


def _lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    for row in rows:
        body = {name: json_value(value) for name, value in zip(header, row, strict=True)}
        yield json.dumps(body, ensure_ascii=False) + "\n"


def json_value(value: object) -> object:
    """A value as it may stand in JSON without losing a digit."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)
