"""CSV files that are safe to open in a spreadsheet."""

from decimal import Decimal

import pytest

from tiktoktoe.web.csv_export import csv_cell, csv_response


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("Acme = best", "Acme = best"),
        (Decimal("-23.10"), Decimal("-23.10")),
        (-5, -5),
        (None, ""),
    ],
)
def test_text_that_looks_like_a_formula_is_made_plain_and_numbers_keep_their_sign(
    value: object, cell: object
) -> None:
    assert csv_cell(value) == cell


def test_rows_are_streamed_with_their_header() -> None:
    rows = [("INV-1", Decimal("-23.10")), ('Say "hi", Ann', None)]

    response = csv_response('in"voices/../.csv', ["Number", "Total"], rows)

    body = b"".join(response.streaming_content).decode()  # type: ignore[arg-type]
    assert body == '\ufeffNumber,Total\r\nINV-1,-23.10\r\n"Say ""hi"", Ann",\r\n'
    assert response.headers["Content-Disposition"] == 'attachment; filename="invoices...csv"'
