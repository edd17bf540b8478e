"""A third party's bank on the wire: mock-bank, with two folders between it and us."""

import contextlib
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from socket import socket
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from django.conf import settings as django_settings
from django.db import connection

from tests.stripe_world import ROOT

# Each of its accounts is also a debtor whose state it knows; the others are at other banks.
IBAN, BIC = "NL41MOCK0000000001", "MOCKNL2A"
POOR_IBAN, CLOSED_IBAN = "NL14MOCK0000000002", "NL84MOCK0000000003"
GOOD_IBAN = "DE89370400440532013000"
CREDITOR_ID = "DE98ZZZ09999999999"
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 3, 2, 9, tzinfo=BERLIN)


@dataclass(frozen=True, slots=True)
class _Kept:
    days: int
    database: sqlite3.Connection
    files: dict[Path, bytes]


class BankWorld:
    """The bank, and what a test wants to do or to know there."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self.http = httpx.Client(base_url=f"{address}/_mock/", timeout=60)
        self.outgoing, self.incoming = folder / "out", folder / "in"
        self.database = folder / "bank.sqlite"
        self._kept: _Kept | None = None

    def __deepcopy__(self, _memo: dict[int, Any]) -> "BankWorld":
        """There is one of it, whatever is copied: a scene that holds it, for each test."""
        return self

    def read_files(self) -> list[dict[str, Any]]:
        """Let the bank read what lies in its folder; gives what it made of each file."""
        answer = self.http.post("drop/scan").raise_for_status()
        files: list[dict[str, Any]] = answer.json().get("files", [])
        return files

    def advance(self, *, to: date) -> None:
        """Move the bank's clock to midnight of a day, with whatever happens until then."""
        self.http.post("advance", params={"to": to.isoformat()}).raise_for_status()

    def advance_days(self, days: int) -> None:
        """Move the bank's clock by whole days."""
        self.http.post("advance", params={"days": days}).raise_for_status()

    def collections(self) -> list[dict[str, Any]]:
        """The bank's truth about debits, the newest first."""
        answer = self.http.get("collections").raise_for_status()
        found = answer.json()
        rows: list[dict[str, Any]] = found["collections"] if isinstance(found, dict) else found
        return rows

    def payments(self) -> list[dict[str, Any]]:
        """The bank's truth about transfers, the newest first."""
        answer = self.http.get("payments").raise_for_status()
        found = answer.json()
        rows: list[dict[str, Any]] = found["payments"] if isinstance(found, dict) else found
        return rows

    def refuse(self, end_to_end_id: str, reason: str) -> None:
        """Let the debtor's bank say no, or send the money back."""
        url = f"collections/{end_to_end_id}/refuse"
        self.http.post(url, json={"reason": reason}).raise_for_status()

    def pay_in(self, amount_minor: int, **about: Any) -> None:
        """Let money arrive from a payer."""
        body = {"account": "ACME", "amount": amount_minor, **about}
        self.http.post("credits", json=body).raise_for_status()

    def behave(self, account: str, **terms: Any) -> None:
        """Let an account of the bank behave in a way."""
        self.http.patch(f"accounts/{account}", json=terms).raise_for_status()

    def answers(self) -> bool:
        """Whether it is up."""
        try:
            return self.http.get("health", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def clear(self) -> None:
        """A new bank, and empty folders."""
        self.http.post("reset").raise_for_status()
        self._empty_folders()

    def keep(self, *, days: int) -> None:
        """Remember how everything is here, so many days after the bank was new."""
        held = sqlite3.connect(":memory:")
        with contextlib.closing(sqlite3.connect(self.database)) as now:
            now.backup(held)
        paths = [*self.outgoing.rglob("*"), *self.incoming.rglob("*")]
        files = {path: path.read_bytes() for path in paths if path.is_file()}
        self._kept = _Kept(days, held, files)

    def back(self) -> None:
        """Everything as it was kept: the bank's clock and books, and what lies in the folders."""
        assert self._kept is not None
        self.http.post("reset").raise_for_status()
        self.advance_days(self._kept.days)
        with contextlib.closing(sqlite3.connect(self.database)) as now:
            self._kept.database.backup(now)
        self._empty_folders()
        for path, body in self._kept.files.items():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(body)

    def _empty_folders(self) -> None:
        for folder in (self.outgoing, self.incoming):
            for path in sorted(folder.rglob("*"), reverse=True):
                path.unlink() if path.is_file() else path.rmdir()


def account_of(world: BankWorld) -> dict[str, str]:
    """The account in the settings that stands for this bank."""
    return {
        "kind": "bank",
        "out_folder": str(world.outgoing),
        "in_folder": str(world.incoming),
        "holder": "ACME Corporation",
        "iban": IBAN,
        "bic": BIC,
        "creditor_id": CREDITOR_ID,
        "notice_days": "2",
    }


def gateways_with(world: BankWorld) -> dict[str, Any]:
    """The gateways of the settings, and this bank."""
    return {**django_settings.GATEWAYS, "bank": account_of(world)}


@contextlib.contextmanager
def running_bank(folder: Path) -> Iterator[BankWorld]:
    """A bank on a free port whose clock stands at MONDAY."""
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    world = BankWorld(f"http://127.0.0.1:{port}", folder)
    world.outgoing.mkdir()
    world.incoming.mkdir()
    command = [
        *(sys.executable, "-m", "mockbank", "--quiet", "--port", str(port)),
        *("--db", str(world.database)),
        *("--clock", f"{MONDAY:%Y-%m-%dT%H:%M}", "--timezone", "Europe/Berlin"),
        *("--drop-dir", str(world.outgoing), "--pickup-dir", str(world.incoming)),
        *("--drop-settle-ms", "0", "--drop-interval-ms", "3600000"),
    ]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        deadline = time.monotonic() + 60
        while not world.answers():
            assert process.poll() is None, "the bank has ended"
            assert time.monotonic() < deadline, "the bank does not answer"
            time.sleep(0.1)
        yield world
    finally:
        process.terminate()
        process.wait(10)
        world.http.close()


@pytest.fixture(scope="session")
def bank_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BankWorld]:
    """A bank of its own process, for the whole run."""
    with running_bank(tmp_path_factory.mktemp("bank")) as world:
        yield world


@pytest.fixture
def bank(bank_process: BankWorld, settings: Any) -> BankWorld:
    """The bank as new, as a gateway of this test."""
    settings.GATEWAYS = gateways_with(bank_process)
    bank_process.clear()
    return bank_process


def forget_that_files_were_sent() -> None:
    """As if we had died before we knew it; no service moves a file back, so the guard is lifted."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE billing_bankfile DISABLE TRIGGER bank_file_moves")
        cursor.execute("UPDATE billing_bankfile SET state = 'written' WHERE state = 'sent'")
        cursor.execute("ALTER TABLE billing_bankfile ENABLE TRIGGER bank_file_moves")
