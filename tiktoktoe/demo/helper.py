"""A second process that does its share of the demo's days, for a machine has two cores."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection

from tiktoktoe.demo.chores import CardForInvoice, CardOfCustomer

DONE = "done"


class Helper:
    """Does what it is told in that order; waited for with `finish`.

    It works as `manage.py demo_helper`, which ends when its input does: with us, however we end.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._open = 0

    def begin_chores(
        self,
        *,
        cards: Sequence[CardOfCustomer],
        pages: Sequence[CardForInvoice],
        share: tuple[int, int],
        at: datetime,
    ) -> None:
        """Let it do its share of the chores; see tiktoktoe.demo.chores."""
        self._begin("chores", at, cards=cards, pages=pages, share=share)

    def begin_posting(self, at: datetime) -> None:
        """Let it bring the books up to an instant."""
        self._begin("posting", at)

    def finish(self) -> None:
        """Wait until everything begun is done.

        Raises:
            CommandError: If it has failed; what it said is on the terminal.
        """
        assert self._process.stdout is not None
        while self._open:
            if self._process.stdout.readline().strip() != DONE:
                raise CommandError("the demo's second process failed")
            self._open -= 1

    def _begin(self, what: str, at: datetime, **terms: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, "at": at.isoformat(), **terms}) + "\n")
        self._process.stdin.flush()
        self._open += 1


@contextmanager
def helping(sandbox: str) -> Iterator[Helper]:
    """A helper on our database and sandbox, ended in the end."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "demo_helper"]
    command += ["--name", str(connection.settings_dict["NAME"]), "--sandbox", sandbox]
    with subprocess.Popen(  # noqa: S603 - our own program
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=settings.BASE_DIR
    ) as process:
        yield Helper(process)
