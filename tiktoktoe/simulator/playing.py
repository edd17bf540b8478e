"""A scenario is played: the clock goes from step to step, and what is due in between is billed.

Every row is written by the service that a page, a task or the API would call. Where the rows
go is the caller's matter: tiktoktoe.simulator.scratch gives them a place that vanishes.
"""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from billing.gateways.registry import standing_in
from billing.models import BillingFailure, DatedChange, PlannedStart
from billing.services.changes.dated_work import make_dated_changes
from billing.services.changes.planned_work import start_planned
from billing.services.credit.credit_refunds import refund_promised
from billing.services.credit.wallets import expire_prepaid, fill_paid_top_ups, top_up_due
from billing.services.invoices.ahead import bill_usage_ahead
from billing.services.invoices.draft_review import issue_all
from billing.services.invoices.due_days import due_in
from billing.services.invoices.renewal import run_billing
from billing.services.invoices.tax import rounding_tax
from billing.services.invoices.thresholds import bill_thresholds
from tiktoktoe.kernel import clock
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.kernel.periods import local_date, local_midnight
from tiktoktoe.simulator.acts import documents, dunning, subscribing, usage, wallets
from tiktoktoe.simulator.acts.registry import PLAYERS
from tiktoktoe.simulator.cash_desk import CashDesk
from tiktoktoe.simulator.coming import held_drafts, instants
from tiktoktoe.simulator.dunning import tend
from tiktoktoe.simulator.errors import ScenarioInvalid, StepRefused
from tiktoktoe.simulator.founding import found_world
from tiktoktoe.simulator.looking import look
from tiktoktoe.simulator.made import NOTHING, There, invoices_made, made, notes_made, there_is
from tiktoktoe.simulator.scenario.actions import Subscribe
from tiktoktoe.simulator.scenario.expectations import Expectation
from tiktoktoe.simulator.scenario.timeline import Entry, Scenario
from tiktoktoe.simulator.seen import Seen, StepSeen
from tiktoktoe.simulator.verdict import Difference, differences
from tiktoktoe.simulator.world import World
from tiktoktoe.standing import standing

__all__ = [
    "PLAYERS",
    "Played",
    "check",
    "documents",
    "dunning",
    "play",
    "subscribing",
    "usage",
    "wallets",
]

MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Played:
    """What a scenario came to, and where that is not what it expects."""

    scenario: Scenario
    seen: Seen
    differences: tuple[Difference, ...]


def play(scenario: Scenario) -> Played:
    """Play a scenario from its first step to its last, or to `run_until`.

    Raises:
        ScenarioInvalid: If the file contradicts itself: a date out of order, an unknown name.
        StepRefused: If a service refuses a step, and the file does not expect that.
    """
    with _as_it_says(scenario):
        player = _Player(scenario)
        player.play()
        seen = player.see()
        return Played(scenario, seen, (*player.differences, *player.differences_at_end(seen)))


def check(scenario: Scenario) -> tuple[Difference, ...]:
    """Play a scenario, and look at nothing but what it expects.

    Raises:
        ScenarioInvalid, StepRefused: As `play`.
    """
    with _as_it_says(scenario):
        player = _Player(scenario, is_shown=False)
        player.play()
        wanted = scenario.expect
        seen = Seen() if wanted is None else look(player.world, at=wanted.is_about())
        return (*player.differences, *player.differences_at_end(seen))


@contextmanager
def _as_it_says(scenario: Scenario) -> Iterator[None]:
    """With the settings of the file, and nobody outside."""
    days = scenario.company.due_days if scenario.company else None
    with standing_in(CashDesk()), rounding_tax(scenario.tax_rounding), due_in(days):
        yield


class _Player:
    def __init__(self, scenario: Scenario, *, is_shown: bool = True) -> None:
        self._scenario = scenario
        self._is_shown = is_shown  # whether somebody reads what each step made
        self._steps: list[StepSeen] = []
        self._asked_by: dict[int, int] = {}  # changes of a day: the places of their steps
        self.differences: list[Difference] = []

    def play(self) -> None:
        """Go from the first step to the last, or to `run_until`."""
        entries = self._scenario.timeline
        start = min(self._begins(), default=clock.now()) - timedelta(days=2)
        with clock.moved_to(start):
            self.world = found_world(self._scenario, at=start)
        self._at = start
        for entry, following in zip(entries, [*entries[1:], None], strict=True):
            self._step(entry, following)
        if self._scenario.run_until is not None:
            until = self._scenario.run_until
            at = until.at(self.world.zone_of(None))
            if at < self._at:
                raise ScenarioInvalid("is before the last step", until.place)
            self._run_to(at)

    def differences_at_end(self, seen: Seen) -> list[Difference]:
        """What is not as the file as a whole expects."""
        wanted = self._scenario.expect
        return [] if wanted is None else differences(wanted, seen, refused="")

    def _begins(self) -> Iterator[datetime]:
        """When the steps are, and what they start before that."""
        zone = self._scenario.time_zone
        for entry in self._scenario.timeline:
            yield entry.at.at(zone)
            if isinstance(entry.action, Subscribe) and entry.action.starts is not None:
                yield entry.action.starts.at(zone)

    def _step(self, entry: Entry, following: Entry | None) -> None:
        at = self._instant(entry, following)
        self._run_to(at)
        about = entry.expect.is_about() if entry.expect is not None else frozenset[str]()
        is_looked_at = self._is_shown or entry.expect is not None
        before = there_is(self.world, at=about) if is_looked_at and entry.action else NOTHING
        dated = len(self.world.dated)
        refused = self._act(entry, at)
        self._asked_by |= dict.fromkeys(self.world.dated[dated:], len(self._steps))
        if self._is_shown:
            self._steps.append(self._seen_of(entry, at, refused, before))
        if entry.expect is not None:
            after = look(self.world, at=about)
            whole = made(before, after) if entry.action else self._of_day(after, entry, at)
            seen = _since(entry.expect, after, self.world) or whole
            self.differences += differences(entry.expect, seen, refused=refused)

    def _seen_of(self, entry: Entry, at: datetime, refused: str, before: There) -> StepSeen:
        return StepSeen(
            at=at,
            date=local_date(at, self.world.zone_of(entry.action)),
            do=entry.name or "expect",
            line=entry.place.line,
            refused=refused,
            invoices=invoices_made(self.world, before) if entry.action else (),
            credit_notes=notes_made(self.world, before) if entry.action else (),
        )

    def _instant(self, entry: Entry, following: Entry | None) -> datetime:
        """When a step is: a day that is only looked at is looked at when it is over."""
        zone = self.world.zone_of(entry.action)
        at = entry.at.at(zone)
        if entry.action is None and entry.at.day is not None:
            end = local_midnight(entry.at.day + timedelta(days=1), zone) - MOMENT
            other = following.action if following else None
            at = min(end, following.at.at(self.world.zone_of(other))) if following else end
        if at < self._at:
            if local_date(at, zone) == local_date(self._at, zone) and entry.at.day is not None:
                return self._at
            raise ScenarioInvalid(
                f"is before the step above ({self._at:%Y-%m-%d %H:%M} UTC)",
                entry.at.place,
                allowed="steps in the order of time",
            )
        return at

    def _act(self, entry: Entry, at: datetime) -> str:
        """Do what a step asks for; gives what it was refused for, where that is expected."""
        if entry.action is None:
            return ""
        try:
            with clock.moved_to(at):
                PLAYERS[type(entry.action)](self.world, entry.action, at)
        except ScenarioInvalid:
            raise
        except (InvalidInput, Conflict) as problem:
            if entry.expect is None or entry.expect.refused is None:
                raise StepRefused(entry.place, problem) from problem
            return str(problem)
        self._run_to(at)
        if not self.world.goes_on_by_itself:
            return ""
        with clock.moved_to(at):
            if self.world.bills_by_thresholds:
                bill_thresholds(at=at)
            if self.world.bills_ahead:
                bill_usage_ahead(at=at)
            if self.world.has_wallets:
                fill_paid_top_ups(at=at)
            self._buy_credits(at)
            tend(self.world, at)
        self._run_to(at)
        with clock.moved_to(at):
            tend(self.world, at)
        return ""

    def _run_to(self, at: datetime) -> None:
        """Bill at every instant up to this one at which something is due, as the scheduler does."""
        for instant in instants(self.world, after=self._at, until=at):
            with clock.moved_to(instant):
                if self.world.dated:
                    make_dated_changes(at=instant)
                run_billing(at=instant)
                if self.world.planned:
                    start_planned(at=instant)
                    self.world.name_started()
                    self._refuse_starts()
                # Nobody reviews what is only played.
                if held := held_drafts():
                    issue_all(ids=held, at=instant)
                refund_promised(at=instant)
                self._buy_credits(instant)
                tend(self.world, instant)
            self._refuse_failures()
            self._at = max(self._at, instant)
        if self.world.has_wallets:
            expire_prepaid(at=at)
        self._at = max(self._at, at)

    def _buy_credits(self, at: datetime) -> None:
        """Top up the wallets that say so, as the scheduler does."""
        if self.world.buys_credits:
            top_up_due(at=at)

    def _refuse_failures(self) -> None:
        failure = _failed.first(subscriptions=list(self.world.subscriptions.values()))
        if failure is not None:
            raise StepRefused(self._scenario.place, InvalidInput(failure.error, field="billing"))

    def _refuse_starts(self) -> None:
        planned = {pk: name for name, pk in self.world.planned.items()}
        refused = PlannedStart.objects.filter(pk__in=planned, state="refused").first()
        if refused is not None:
            why = f"{planned[refused.pk]!r} did not start on {refused.on}: {refused.why}"
            raise StepRefused(self._scenario.place, InvalidInput(why, field="starts"))

    def _of_day(self, seen: Seen, entry: Entry, at: datetime) -> Seen:
        """What is there, but of the documents only those of the day that is looked at."""
        zone = self.world.zone_of(entry.action)
        day = entry.at.day or local_date(at, zone)
        return dataclasses.replace(
            seen,
            invoices=tuple(row for row in seen.invoices if row.date == day),
            credit_notes=tuple(row for row in seen.credit_notes if row.date == day),
            payments=tuple(row for row in seen.payments if row.date == day),
            refunds=tuple(row for row in seen.refunds if row.date == day),
            transitions=tuple(row for row in seen.transitions if row.date == day),
        )

    def see(self) -> Seen:
        """Everything that there is now, and what each step made."""
        self._say_refusals()
        return dataclasses.replace(look(self.world), steps=tuple(self._steps))

    def _say_refusals(self) -> None:
        """Say with the step that asked for a change of a day why it was not made on it."""
        not_made = DatedChange.objects.filter(pk__in=self._asked_by).exclude(why="")
        for change in not_made.filter(state__in=["refused", "withdrawn"]):
            place = self._asked_by[change.pk]
            why = f"on {change.on}: {change.why}"
            self._steps[place] = dataclasses.replace(self._steps[place], refused=why)


@standing
def _failed(subscriptions: list[int]) -> QuerySet[BillingFailure]:
    failures = BillingFailure.objects.filter(subscription__any_of=subscriptions)
    return failures.filter(released_at__isnull=True).order_by("pk")[:1]


def _since(expect: Expectation, seen: Seen, world: World) -> Seen | None:
    """The documents since a day, where an expectation asks for that."""
    if expect.since is None:
        return None
    day = local_date(expect.since.at(world.zone_of(None)), world.zone_of(None))
    return dataclasses.replace(
        seen,
        invoices=tuple(row for row in seen.invoices if row.date >= day),
        credit_notes=tuple(row for row in seen.credit_notes if row.date >= day),
        payments=tuple(row for row in seen.payments if row.date >= day),
        refunds=tuple(row for row in seen.refunds if row.date >= day),
        transitions=tuple(row for row in seen.transitions if row.date >= day),
    )
