"""Payments under faults, from the first attempt until nothing is left to be done."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Min

from billing.models import (
    GatewayCall,
    Payment,
    PaymentAttempt,
    PaymentOperation,
    Refund,
    WebhookEvent,
)
from tiktoktoe.drill.banks import Banks
from tiktoktoe.drill.checks import Check, check
from tiktoktoe.drill.company import found
from tiktoktoe.drill.gateways import KeepsCards, Sandbox
from tiktoktoe.drill.people import People
from tiktoktoe.drill.post import Mailbag
from tiktoktoe.drill.rounds import Tally, prepare, run_round
from tiktoktoe.drill.stories import Story
from tiktoktoe.drill.truth import Contest, Moved
from tiktoktoe.drill.verdict import judge
from tiktoktoe.drill.wallets import PayPal
from tiktoktoe.drill.worker import Delivery, hear, work
from tiktoktoe.kernel.clock import freeze

START = datetime(2026, 1, 1, tzinfo=UTC)
# Beyond the day for which a gateway remembers keys; our clock alone goes on, and stays ahead, so
# that what is on its way looks old to us, and what is made then has been made long before.
WRONG_BY = timedelta(hours=30)
# How far the clock goes on before each round; once it goes back, as when a server is corrected.
JUMPS = (
    timedelta(),
    timedelta(seconds=20),
    timedelta(minutes=2),
    timedelta(minutes=-10),
    timedelta(minutes=45),
    timedelta(hours=5),
    WRONG_BY,
)
EAGERNESS = 0.4
PAYMENTS_PER_KILL = 20
QUIET_ROUNDS_MAX = 120
SHORTEST_STEP, STEPS_GROWN = timedelta(minutes=2), 6  # fourfold each, up to five days and a half
FEWER_JUMPS = (JUMPS[0], JUMPS[2], JUMPS[3], JUMPS[6])  # where each fault strikes once only
MORE_ROUNDS = 3  # at most
SURE_FROM_ROUND = 1  # what has not struck until then strikes the first request that it can
Say = Callable[[str], object]


@dataclass
class Drill:
    """A seeded drill on two local gateways of cards, perhaps one of wallets, and an empty database.

    Attributes:
        is_calm: Nothing goes wrong: how fast payments are then.
        is_by_chance: Faults strike by chance, too; else each only once.
        is_dated: Gateways date their answers by clocks of their own, and ours may be wrong by
            them: nothing leaves while they are known to differ by too much.
    """

    payments: int
    seed: int
    cards: Sequence[KeepsCards]
    say: Say
    wallets: PayPal | None = None
    is_calm: bool = False
    is_by_chance: bool = True
    is_dated: bool = False
    at: datetime = START
    tally: Tally = field(default_factory=Tally)
    collecting_seconds: float = 0.0
    round_trips: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self) -> list[Check]:
        """Found, break, kill, storm, jump; then let everything settle, and judge."""
        self.gateways: Sequence[Sandbox] = [*self.cards, *([self.wallets] if self.wallets else [])]
        self._people = People(self.wallets) if self.wallets else None
        self._dice = random.Random(self.seed)
        self._mailbag = Mailbag(random.Random(f"{self.seed}:mail"))
        self._banks = Banks(self.gateways)
        self._before = {_mark(row) for row in self._all_moved()}
        self._before |= {_mark(row) for row in self._all_contests()}
        self._set_clocks(START)
        if self.is_dated:
            freeze(START)
        prepare()
        began = time.perf_counter()
        self._stories = found(
            payments=self.payments,
            cards=self.cards,
            wallets=self.wallets,
            dice=self._dice,
            at=START,
            is_calm=self.is_calm,
        )
        self._news()  # of cards that were stored: they are known, each once
        self._tell_stories()
        started = time.perf_counter()
        self.seconds["founding"] = started - began
        if self.is_calm:
            self._run_round(kills=0, storm=[], dice=self._dice)
            self._note_speed(started)
        else:
            self._break_all()
        self.seconds["chaos"] = time.perf_counter() - started
        unseen = [] if self.is_calm else self._tell_faults()
        quiet = time.perf_counter()
        rounds = self._settle_down()
        self.seconds["settling"] = time.perf_counter() - quiet
        if not self.is_calm:
            self._note_speed(started)
        self.say(f"quiet after {rounds} more rounds, on {self.at:%Y-%m-%d}")
        if self._people is not None:
            self.say(
                f"{self._people.said} outcomes were told by two people, whom PayPal alone tells"
            )
        return [*self._judge(), *self._judge_clocks(), check("faults that never struck", unseen)]

    def _break_all(self) -> None:
        """Round after round, and a few more before the last where something has never struck."""
        *first, last = self._jumps()
        for number, jump in enumerate((*first, *[JUMPS[1]] * MORE_ROUNDS)):
            if number < len(first) or self._unstruck():
                self._chaos(number, jump)
        self._chaos(len(first) + MORE_ROUNDS, last)

    def _unstruck(self) -> list[str]:
        """What never went wrong at any gateway: chance shares payments out."""
        return sorted(set.intersection(*(gateway.missing() for gateway in self.gateways)))

    def _jumps(self) -> Sequence[timedelta]:
        """Where clocks tell that they differ, little can strike: another round goes between."""
        if self.is_by_chance:
            return JUMPS
        return (*FEWER_JUMPS[:-1], JUMPS[4], JUMPS[6]) if self.is_dated else FEWER_JUMPS

    def _judge_clocks(self) -> list[Check]:
        """Whether clocks that differed kept anything from leaving, where they were told at all."""
        if not self.is_dated:
            return []
        kept = PaymentAttempt.objects.filter(decline_code="clocks_differ").count()
        self.say(f"{kept} charges and holds were not sent, since clocks differed")
        return [check("clocks that differed, and kept nothing back", [] if kept else ["all"])]

    def _judge(self) -> list[Check]:
        started = time.perf_counter()
        checks = judge(
            truth=self._truth(),
            contests=[one for one in self._all_contests() if _mark(one) not in self._before],
            stories=self._stories,
            at=self.at + timedelta(hours=1),
        )
        self.seconds["judging"] = time.perf_counter() - started
        return checks

    def _tell_stories(self) -> None:
        counted = Counter(self._stories.values())
        told = ", ".join(f"{number} {story}" for story, number in sorted(counted.items()))
        self.say(f"{self.payments} payments are due: {told}")

    def _tell_faults(self) -> list[str]:
        """Say what went wrong; gives what never did."""
        struck = sum(int(gateway.control.stats()["faults"]) for gateway in self.gateways)
        self.say(
            f"{struck} requests failed, {self.tally.killed} of {self.tally.started} worker "
            f"processes were killed, {self.tally.delivered} events delivered"
        )
        return self._unstruck()

    def _note_speed(self, started: float) -> None:
        """When nothing goes wrong, of the first round alone: fees are asked for later."""
        self.collecting_seconds = time.perf_counter() - started
        self.round_trips = GatewayCall.objects.count()

    def _chaos(self, number: int, jump: timedelta) -> None:
        self._jump(self.at + jump, is_ours_alone=jump == WRONG_BY)
        self._break_nothing()
        self._banks.go_on(self._truth, self._stories)
        for gateway in self.gateways:
            gateway.break_it(
                self._dice,
                hang_seconds=settings.GATEWAY_TIMEOUT_SECONDS + 1,
                is_by_chance=self.is_by_chance,
                eagerness=1 if number >= SURE_FROM_ROUND else EAGERNESS,
            )
        storm = self._mailbag.next_storm(self._news())
        due = self.payments if number == 0 else self.payments // 4
        undelivered = self._run_round(
            kills=max(1, due // PAYMENTS_PER_KILL),
            storm=storm,
            dice=random.Random(f"{self.seed}:{number}"),  # how it goes must not move the others
        )
        self._mailbag.take_back(undelivered)

    def _run_round(
        self, *, kills: int, storm: Sequence[Delivery], dice: random.Random
    ) -> list[Delivery]:
        return run_round(
            at=self.at,
            stories=self._stories,
            kills=kills,
            storm=storm,
            dice=dice,
            tally=self.tally,
            is_dated=self.is_dated,
        )

    def _settle_down(self) -> int:
        """Go from one thing that is due to the next, without faults, until nothing is."""
        self._break_nothing()
        self._jump(self.at + timedelta(minutes=15))
        late, self._mailbag.held = self._mailbag.held, []
        for number in range(QUIET_ROUNDS_MAX):
            is_contested = self._banks.go_on(self._truth, self._stories)
            hear([*late, *self._news()], self.at)
            late, goes_on = [], work(self.at, self._stories) or is_contested
            if self._people is not None:
                goes_on = self._people.look(self.at) or goes_on
            upcoming = self.at if goes_on else self._next_due()
            if upcoming is None:
                return number + 1
            self.say(f"quiet round {number + 1}, {self.at:%Y-%m-%d}: more on {upcoming:%Y-%m-%d}")
            step = SHORTEST_STEP * 4 ** min(number, STEPS_GROWN)
            self._jump(max(upcoming, self.at + step))
        return QUIET_ROUNDS_MAX

    def _break_nothing(self) -> None:
        for gateway in self.gateways:
            gateway.control.clear_faults()

    def _truth(self) -> list[Moved]:
        """What they have moved since we began: they may have served another drill before."""
        return [row for row in self._all_moved() if _mark(row) not in self._before]

    def _all_moved(self) -> list[Moved]:
        return [row for gateway in self.gateways for row in gateway.truth()]

    def _all_contests(self) -> list[Contest]:
        return [one for gateway in self.gateways for one in gateway.contests()]

    def _news(self) -> list[Delivery]:
        return [event for gateway in self.gateways for event in gateway.news()]

    def _jump(self, at: datetime, *, is_ours_alone: bool = False) -> None:
        """Let it be another time, for us and, unless it is earlier, for the gateways.

        Where they tell the time, theirs and ours stand still in between, and ours is put right by
        every jump that is not ours alone.
        """
        if at > self.at and not is_ours_alone and self.is_dated:
            self._set_clocks(at)
        elif at > self.at and not is_ours_alone:
            for gateway in self.gateways:
                gateway.control.advance_clock(int((at - self.at).total_seconds()))
        self.at = at
        if self.is_dated:
            freeze(at)

    def _set_clocks(self, at: datetime) -> None:
        for gateway in self.gateways:
            gateway.control.set_clock(at, stands=self.is_dated, is_told=self.is_dated)

    def _next_due(self) -> datetime | None:
        """When something is to be done next about a payment; fees not told yet can wait.

        Where each fault strikes once only, so can what no card pays for: its retries take weeks.
        """
        retried = Payment.objects.filter(state="open")
        if not self.is_by_chance:
            refused = [
                UUID(name) for name, story in self._stories.items() if story == Story.REFUSED
            ]
            retried = retried.exclude(invoice__in=refused)
        unproven = PaymentAttempt.objects.live().exclude(state="succeeded")
        moments = (
            unproven.aggregate(at=Min("next_check_at"))["at"],
            Refund.objects.aggregate(at=Min("next_check_at"))["at"],
            PaymentOperation.objects.aggregate(at=Min("next_check_at"))["at"],
            retried.aggregate(at=Min("next_attempt_at"))["at"],
            WebhookEvent.objects.filter(state="waiting").aggregate(at=Min("next_try_at"))["at"],
        )
        return min((moment for moment in moments if moment is not None), default=None)


def _mark(row: Moved | Contest) -> tuple[str, str]:
    """What tells one from all others."""
    return (row.gateway, row.reference)
