"""Payments under faults, from the first attempt until nothing is left to be done."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Min

from billing.models import GatewayCall, Payment, PaymentAttempt, WebhookEvent
from tiktoktoe.drill.company import found
from tiktoktoe.drill.gateways import Sandbox
from tiktoktoe.drill.rounds import Mailbag, Tally, run_round
from tiktoktoe.drill.verdict import Check, judge
from tiktoktoe.drill.worker import Delivery, hear, work

START = datetime(2026, 1, 1, tzinfo=UTC)
# How far the clock goes on before each round; once it goes back, as when a server is corrected.
JUMPS = (
    timedelta(),
    timedelta(seconds=20),
    timedelta(minutes=2),
    timedelta(minutes=-10),
    timedelta(minutes=45),
    timedelta(hours=5),
    timedelta(hours=30),  # beyond the day for which a gateway remembers keys
)
PAYMENTS_PER_KILL = 20
QUIET_ROUNDS_MAX = 120
SHORTEST_STEP, STEPS_DOUBLED = timedelta(minutes=1), 13  # up to five days and a half
STILL_ON_THE_WIRE_SECONDS = 0.5  # before time jumps, what was sent has arrived
Say = Callable[[str], object]


@dataclass
class Drill:
    """A seeded drill on two local gateways and an empty database.

    Attributes:
        is_calm: Nothing goes wrong: how fast payments are then.
    """

    payments: int
    seed: int
    gateways: Sequence[Sandbox]
    say: Say
    is_calm: bool = False
    at: datetime = START
    tally: Tally = field(default_factory=Tally)
    collecting_seconds: float = 0.0
    round_trips: int = 0

    def run(self) -> list[Check]:
        """Found, break, kill, storm, jump; then let everything settle, and judge."""
        self._dice = random.Random(self.seed)
        self._mailbag = Mailbag(random.Random(f"{self.seed}:mail"))
        self._set_clocks(START)
        refused = found(
            payments=self.payments,
            gateways=self.gateways,
            dice=self._dice,
            at=START,
            all_are_good=self.is_calm,
        )
        self.say(f"{self.payments} payments are due, {len(refused)} of them by cards that refuse")
        started = time.perf_counter()
        if self.is_calm:
            run_round(at=START, kills=0, storm=[], dice=self._dice, tally=self.tally)
            self._note_speed(started)
        else:
            for number, jump in enumerate(JUMPS):
                self._chaos(number, jump)
        struck = sum(int(gateway.control.stats()["faults"]) for gateway in self.gateways)
        self.say(
            f"{struck} requests failed, {self.tally.killed} of {self.tally.started} worker "
            f"processes were killed, {self.tally.delivered} events delivered"
        )
        rounds = self._settle_down()
        if not self.is_calm:
            self._note_speed(started)
        self.say(f"quiet after {rounds} more rounds, on {self.at:%Y-%m-%d}")
        truth = [charge for gateway in self.gateways for charge in gateway.truth()]
        return judge(truth=truth, refused=refused, at=self.at + timedelta(hours=1))

    def _note_speed(self, started: float) -> None:
        """When nothing goes wrong, of the first round alone: fees are asked for later."""
        self.collecting_seconds = time.perf_counter() - started
        self.round_trips = GatewayCall.objects.count()

    def _chaos(self, number: int, jump: timedelta) -> None:
        self._jump(self.at + jump)
        for gateway in self.gateways:
            gateway.break_it(self._dice, hang_seconds=settings.GATEWAY_TIMEOUT_SECONDS + 1)
        storm = self._mailbag.next_storm(self._news())
        due = self.payments if number == 0 else self.payments // 4
        came_through = run_round(
            at=self.at,
            kills=max(2, due // PAYMENTS_PER_KILL),
            storm=storm,
            dice=random.Random(f"{self.seed}:{number}"),  # how it goes must not move the others
            tally=self.tally,
        )
        if not came_through:
            self._mailbag.take_back(storm)

    def _settle_down(self) -> int:
        """Go from one thing that is due to the next, without faults, until nothing is."""
        for gateway in self.gateways:
            gateway.control.clear_faults()
        self._jump(self.at + timedelta(minutes=15))
        late, self._mailbag.held = self._mailbag.held, []
        for number in range(QUIET_ROUNDS_MAX):
            hear([*late, *self._news()], self.at)
            work(self.at)
            late = []
            upcoming = _next_due()
            if upcoming is None:
                return number + 1
            step = SHORTEST_STEP * 2 ** min(number, STEPS_DOUBLED)
            self.at = max(upcoming, self.at + step)
            self._set_clocks(self.at)
        return QUIET_ROUNDS_MAX

    def _news(self) -> list[Delivery]:
        return [event for gateway in self.gateways for event in gateway.news()]

    def _jump(self, at: datetime) -> None:
        """Let it be another time, for us and, unless it is earlier, for the gateways."""
        time.sleep(STILL_ON_THE_WIRE_SECONDS)
        if at > self.at:
            self._set_clocks(at)
        self.at = at

    def _set_clocks(self, at: datetime) -> None:
        for gateway in self.gateways:
            gateway.control.set_clock(at)


def _next_due() -> datetime | None:
    """When something is to be done next about a payment; fees that are not told yet can wait."""
    unproven = PaymentAttempt.objects.live().exclude(state="succeeded")
    moments = (
        unproven.aggregate(at=Min("next_check_at"))["at"],
        Payment.objects.filter(state="open").aggregate(at=Min("next_attempt_at"))["at"],
        WebhookEvent.objects.filter(state="waiting").aggregate(at=Min("next_try_at"))["at"],
    )
    return min((moment for moment in moments if moment is not None), default=None)
