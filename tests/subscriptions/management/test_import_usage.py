import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from subscriptions.models import EventSource, RejectedEvent, UsageEvent
from subscriptions.services.event_sources import source_of_key
from tests.factories.subscriptions import make_customer, make_meter
from tiktoktoe.kernel import clock

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
CSV = """when,who,calls,region
2026-03-10T10:00:00Z,acme,3,eu
2026-03-10T11:00:00Z,acme,0.5,us
"""
MAPPED = ["--map=occurred_at=when", "--map=customer=who", "--map=quantity=calls"]


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with clock.moved_to(NOON):
        make_customer(external_id="acme")
        make_meter()
        call_command("create_event_source", "files", stdout=StringIO(), stderr=StringIO())
        yield


def imported(path: Path, *arguments: str) -> str:
    out = StringIO()
    fixed = ["--source=files", "--set=meter=api_calls", *MAPPED]
    call_command("import_usage", str(path), *fixed, *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def written(tmp_path: Path, content: str, name: str = "usage.csv") -> Path:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


def test_a_file_is_taken_in_once_however_often_it_is_imported(tmp_path: Path) -> None:
    path = written(tmp_path, CSV)

    first = imported(path, "--id-prefix=march-", "--property=region=region")
    again = imported(path, "--id-prefix=march-", "--property=region=region")

    assert first == "2 rows: 2 accepted, 0 duplicates, 0 rejected\n"
    assert again == "2 rows: 0 accepted, 2 duplicates, 0 rejected\n"
    kept = UsageEvent.objects.order_by("event_id")
    assert [(e.event_id, e.quantity, e.properties) for e in kept] == [
        ("march-1", Decimal(3), {"region": "eu"}),
        ("march-2", Decimal("0.5"), {"region": "us"}),
    ]
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_grew_adds_only_what_is_new(tmp_path: Path) -> None:
    imported(written(tmp_path, CSV), "--id-prefix=m-")

    out = imported(written(tmp_path, CSV + "2026-03-10T11:30:00Z,acme,1,eu\n"), "--id-prefix=m-")

    assert out == "3 rows: 1 accepted, 2 duplicates, 0 rejected\n"


def test_a_terminal_is_shown_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subscriptions.services.usage_import.BATCH", 1)
    monkeypatch.setattr("sys.stderr", Terminal())
    path, shown = written(tmp_path, CSV), StringIO()
    fixed = ["--source=files", "--set=meter=api_calls", "--id-prefix=m-", *MAPPED]

    call_command("import_usage", str(path), *fixed, stdout=StringIO(), stderr=shown)

    assert f"\r{'█' * 30} 100%  2 rows" in shown.getvalue()


class Terminal(StringIO):
    """Somebody who looks on."""

    def isatty(self) -> bool:
        return True


def test_bad_rows_are_written_to_a_file_and_the_good_ones_kept(tmp_path: Path) -> None:
    bad = [
        "2026-03-10T10:00:00Z,nobody,3,eu",
        "yesterday,acme,3,eu",
        "2026-03-10T10:00:00,acme,3,eu",
        "2026-03-10T10:00:00Z,acme,many,eu",
        "2026-03-10T10:00:00Z,acme,-1,eu",
        "2026-03-10T10:00:00Z,,1,eu",
        "2026-03-10T10:00:00Z,acme,1,eu,more",
        "2026-03-10T10:00:00Z",
    ]

    out = imported(written(tmp_path, CSV + "\n".join(bad) + "\n"), "--id-prefix=m-")

    assert out.startswith("10 rows: 2 accepted, 0 duplicates, 8 rejected\n")
    lines = (tmp_path / "usage.csv.rejected.ndjson").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    assert [(f["row"], f["field"]) for f in found] == [
        (3, "customer"),
        (4, "occurred_at"),
        (5, "occurred_at"),
        (6, "quantity"),
        (7, "quantity"),
        (8, "customer"),
        (9, "row"),
        (10, "customer"),
    ]
    assert found[0]["sent"]["who"] == "nobody"
    assert RejectedEvent.objects.count() == 8


def test_times_without_a_zone_need_one_to_be_named(tmp_path: Path) -> None:
    path = written(tmp_path, "when,who,calls\n2026-03-10 12:30:00.1234567,acme,1\n")

    imported(path, "--id-prefix=m-", "--time-zone=Europe/Berlin")

    expected = datetime(2026, 3, 10, 11, 30, 0, 123456, tzinfo=UTC)
    assert UsageEvent.objects.get().occurred_at == expected


def test_lines_of_json_are_read_exactly(tmp_path: Path) -> None:
    line = '{"key":"a","when":"2026-03-10T10:00:00Z","who":"acme","calls":0.1234567891}\n'
    path = written(tmp_path, line + "\n{oops\n[1]\n", "usage.ndjson")

    out = imported(path, "--map=id=key")

    assert out.startswith("3 rows: 1 accepted, 0 duplicates, 2 rejected\n")
    assert UsageEvent.objects.get().quantity == Decimal("0.1234567891")


@pytest.mark.parametrize(
    "value",
    ["1e999999999999", "1e9999999999999999999", "0e-99999", "1.%s" % ("0" * 20_000), "1e200000"],
)
@pytest.mark.parametrize("name", ["calls", "size"])
def test_a_number_that_cannot_be_kept_costs_only_its_line(
    tmp_path: Path, name: str, value: str
) -> None:
    good = '{"key":"a","when":"2026-03-10T10:00:00Z","who":"acme","calls":2,"size":0.5}'
    bad = f'{good[:-1]},"key":"b","{name}":{value}}}'
    path = written(tmp_path, f"{bad}\n{good}\n", "usage.ndjson")

    out = imported(path, "--map=id=key", "--property=size=size")

    assert out.startswith("2 rows: 1 accepted, 0 duplicates, 1 rejected\n")


def test_a_line_as_deep_as_can_be_read_is_refused_alone(tmp_path: Path) -> None:
    line = '{"key":"a","when":"2026-03-10T10:00:00Z","who":"acme","calls":2,"deep":DEEP}'
    lines = [line.replace("DEEP", "[" * depth + "]" * depth) for depth in range(800, 1000)]
    path = written(tmp_path, "\n".join(lines), "usage.ndjson")

    out = imported(path, "--map=id=key", "--property=deep=deep")

    assert out.startswith("200 rows: 0 accepted, 0 duplicates, 200 rejected\n")
    found = (tmp_path / "usage.ndjson.rejected.ndjson").read_text().splitlines()
    assert [json.loads(line)["row"] for line in found] == list(range(1, 201))


@pytest.mark.parametrize(
    ("content", "arguments", "sentence"),
    [
        (CSV, [], "an id column or an id prefix"),
        (CSV, ["--map=id=nothing"], "there is no column 'nothing'"),
        (CSV, ["--id-prefix=m-", "--map=colour=region"], "'colour' is no field"),
        ("", ["--id-prefix=m-"], "there are: none at all"),
        ('"a"b,' + CSV, ["--id-prefix=m-"], "the header cannot be read"),
        (CSV.replace("region", "calls"), ["--id-prefix=m-"], "several columns 'calls'"),
        (CSV, ["--id-prefix=m-", "--set=quantity=1"], "quantity: has a column and is set, too"),
        (CSV, ["--map=id=region", "--map=id=calls"], "--map gives 'id' twice; keep one"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_taken_in(
    tmp_path: Path, content: str, arguments: list[str], sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        imported(written(tmp_path, content), *arguments)

    assert not UsageEvent.objects.exists()


def test_a_file_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    path.write_bytes(CSV.encode() + b"2026-03-10T10:00:00Z,\xff,1,eu\n")

    with pytest.raises(CommandError, match="not UTF-8"):
        imported(path, "--id-prefix=m-")


def test_an_unknown_or_revoked_source_is_refused(tmp_path: Path) -> None:
    EventSource.objects.update(revoked_at=NOON)

    with pytest.raises(CommandError, match="create_event_source files"):
        imported(written(tmp_path, CSV), "--id-prefix=m-")


def test_bad_rows_are_never_written_over_the_file_itself(tmp_path: Path) -> None:
    path = written(tmp_path, CSV)

    with pytest.raises(CommandError, match="over the file itself"):
        imported(path, "--id-prefix=m-", f"--rejected={path}")

    assert path.read_text(encoding="utf-8") == CSV


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        imported(tmp_path / "none.csv", "--id-prefix=m-")


def test_a_new_source_prints_a_key_that_works() -> None:
    out = StringIO()

    call_command("create_event_source", "gateway", stdout=out, stderr=StringIO())

    found = source_of_key(out.getvalue().strip())
    assert found is not None
    assert found.name == "gateway"


def test_two_sources_may_not_have_one_name() -> None:
    with pytest.raises(CommandError, match="taken"):
        call_command("create_event_source", "files", stdout=StringIO(), stderr=StringIO())
