"""docs/ledger.md says what the code does."""

import re
from pathlib import Path

from finance.domain.chart import ACCOUNTS, CHART
from finance.domain.routes import all_routes
from finance.queries import DOCUMENT_KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text(encoding="utf-8")


def table(name: str) -> list[list[str]]:
    """The cells of a table, by the name in the comment before it."""
    _, _, after = PAGE.partition(f"<!-- table: {name} -->\n")
    rows = after.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_page_lists_the_chart_as_it_is_seeded() -> None:
    assert table("chart") == [[a.code, a.name, a.type.value] for a in CHART]


def test_the_page_has_a_row_for_every_kind_that_is_posted() -> None:
    listed = {kind.strip("`") for kind, _, _ in table("events")}

    assert {document.kind for document in DOCUMENT_KINDS} <= listed
    assert listed <= {kind for kind, _, _ in all_routes()}


def test_the_rows_use_only_sides_that_the_ledger_allows() -> None:
    routes = {(kind, type_.value, side) for kind, type_, side in all_routes()}
    for kind, _, entry in table("events"):
        for side, code in re.findall(r"\b([DC]) (\d{4})", entry):
            account_type = ACCOUNTS[code].type.value
            word = "debit" if side == "D" else "credit"
            assert (kind.strip("`"), account_type, word) in routes, (kind, side, code)
