"""More processes that do their share of the demo's days, for a machine has two cores."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection

from tiktoktoe.demo.chores import CardOfCustomer

DONE = "done"
PageOfCustomer = tuple[str, str, int]


class Helper:
    """Does what it is told in that order; waited for with `finish`.

    It works as `manage.py demo_helper`, which ends when its input does: with us, however we end.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._open = 0

    def begin(self, what: str, at: datetime, **terms: object) -> None:
        """Let it do something, after what it has begun."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, "at": at.isoformat(), **terms}) + "\n")
        self._process.stdin.flush()
        self._open += 1

    def finish(self) -> None:
        """Wait until everything begun is done.

        Raises:
            CommandError: If it has failed; what it said is on the terminal.
        """
        assert self._process.stdout is not None
        while self._open:
            if self._process.stdout.readline().strip() != DONE:
                raise CommandError("a helping process of the demo failed")
            self._open -= 1


class Helpers:
    """Several of them, each with the customers of its share, by id."""

    def __init__(self, helpers: Sequence[Helper]) -> None:
        self._helpers = helpers

    def begin_chores(
        self,
        *,
        cards: Sequence[CardOfCustomer],
        pages: Sequence[PageOfCustomer],
        at: datetime,
    ) -> None:
        """Let them do a day's chores; see tiktoktoe.demo.chores."""
        of = len(self._helpers)
        for number, helper in enumerate(self._helpers):
            helper.begin(
                "chores",
                at,
                cards=[card for card in cards if card[0] % of == number],
                pages=[page[:2] for page in pages if page[2] % of == number],
                share=(number, of),
            )

    def begin_posting(self, at: datetime) -> None:
        """Let one of them bring the books up to an instant."""
        self._helpers[0].begin("posting", at)

    def finish(self) -> None:
        """Wait until everything begun is done."""
        for helper in self._helpers:
            helper.finish()


@contextmanager
def helping(sandbox: str, count: int) -> Iterator[Helpers]:
    """Helpers on our database and sandbox, ended in the end."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "demo_helper"]
    command += [
        "--skip-checks",
        "--name",
        str(connection.settings_dict["NAME"]),
        "--sandbox",
        sandbox,
    ]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(  # noqa: S603 - our own program
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=settings.BASE_DIR,
                )
            )
            for _ in range(count)
        ]
        yield Helpers([Helper(process) for process in processes])
