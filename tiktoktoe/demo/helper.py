"""More processes that do their share of the demo's days, for a machine has two cores."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection

from tiktoktoe.demo.chores import CardOfCustomer
from tiktoktoe.kernel import clock

DONE = "done"
PageOfCustomer = tuple[str, str, int]
CARD, CHARGE, PAGE = 2, 3, 5  # what each takes, roughly


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
    """Several of them, who share a day's work by customer, each about as much."""

    def __init__(self, helpers: Sequence[Helper]) -> None:
        self._helpers = helpers

    def begin_chores(
        self,
        *,
        cards: Sequence[CardOfCustomer],
        pages: Sequence[PageOfCustomer],
        due: Collection[int],
        at: datetime,
    ) -> None:
        """Let them do a day's chores; see tiktoktoe.demo.chores.

        Args:
            due: Customers who will likely be charged. The first helper collects from everybody
                whom no other collects from, so that nobody is forgotten.
        """
        work = Counter(dict.fromkeys(due, CHARGE))
        work.update({customer: CARD for customer, *_ in cards})
        work.update({customer: PAGE for _, __, customer in pages})
        rest, *few = shared_out(work, len(self._helpers))
        taken = sorted(set[int]().union(*few))
        shares = [(rest, taken, True), *((mine, sorted(mine), False) for mine in few)]
        for helper, (mine, named, is_rest) in zip(self._helpers, shares, strict=True):
            if mine or is_rest:
                helper.begin(
                    "chores",
                    at,
                    cards=[card for card in cards if card[0] in mine],
                    pages=[page[:2] for page in pages if page[2] in mine],
                    share={"customers": named, "is_rest": is_rest},
                )

    def begin_posting(self, at: datetime) -> None:
        """Let one of them bring the books up to an instant, when the day's chores are done.

        Whether a payment is posted with its fee or before it must not be a matter of luck.
        """
        for helper in self._helpers[:-1]:
            helper.finish()
        self._helpers[-1].begin("posting", at)

    def finish(self) -> None:
        """Wait until everything begun is done."""
        for helper in self._helpers:
            helper.finish()


def shared_out(work: Mapping[int, int], count: int) -> list[set[int]]:
    """Customers in so many shares of about the same work: the most first, to who has least."""
    shares: list[set[int]] = [set() for _ in range(count)]
    loads = [0] * count
    for customer, effort in sorted(work.items(), key=lambda item: (-item[1], item[0])):
        lightest = loads.index(min(loads))
        shares[lightest].add(customer)
        loads[lightest] += effort
    return shares


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
        helpers = [Helper(process) for process in processes]
        for helper in helpers:
            # Theirs come from the environment; ours may have been set otherwise, as in a test.
            helper.begin("meet", clock.now(), gateways=settings.GATEWAYS)
        yield Helpers(helpers)
