"""A scenario is played: the clock goes from step to step, and what is due in between is billed.

Every row is written by the service that a page, a task or the API would call. Where the rows
go is the caller's matter: tiktoktoe.simulator.scratch gives them a place that vanishes.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.gateways.registry import standing_in
from billing.models import BillingFailure, DatedChange, PlannedStart, Wallet
from billing.services.changes.dated_work import make_dated_changes
from billing.services.changes.planned_work import start_planned
from billing.services.credit.credit_refunds import refund_promised
from billing.services.credit.wallets import expire_prepaid, fill_paid_top_ups, top_up_due
from billing.services.invoices.ahead import bill_usage_ahead
from billing.services.invoices.draft_review import in_review, issue_all
from billing.services.invoices.due_days import due_in
from billing.services.invoices.renewal import due, run_billing
from billing.services.invoices.tax import rounding_tax
from billing.services.invoices.thresholds import bill_thresholds
from subscriptions.models import Subscription
from tiktoktoe.kernel import clock
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.kernel.periods import local_date, local_midnight
from tiktoktoe.simulator.acts import documents, dunning, subscribing, usage, wallets
from tiktoktoe.simulator.acts.registry import PLAYERS
from tiktoktoe.simulator.cash_desk import CashDesk
from tiktoktoe.simulator.dunning import dunning_instants, tend
from tiktoktoe.simulator.errors import ScenarioInvalid, StepRefused
from tiktoktoe.simulator.founding import found_world
from tiktoktoe.simulator.looking import look
from tiktoktoe.simulator.made import invoices_made, made, notes_made, there_is
from tiktoktoe.simulator.scenario.actions import Subscribe
from tiktoktoe.simulator.scenario.expectations import Expectation
from tiktoktoe.simulator.scenario.timeline import Entry, Scenario
from tiktoktoe.simulator.seen import Seen, StepSeen
from tiktoktoe.simulator.verdict import Difference, differences
from tiktoktoe.simulator.world import World

__all__ = ["PLAYERS", "Played", "documents", "dunning", "play", "subscribing", "usage", "wallets"]

MOMENT = timedelta(microseconds=1)
RUNS_MAX = 20_000


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
    days = scenario.company.due_days if scenario.company else None
    with standing_in(CashDesk()), rounding_tax(scenario.tax_rounding), due_in(days):
        return _Player(scenario).play()


class _Player:
    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._steps: list[StepSeen] = []
        self._asked_by: dict[int, int] = {}  # changes of a day: the places of their steps
        self._differences: list[Difference] = []

    def play(self) -> Played:
        entries = self._scenario.timeline
        start = min(self._begins(), default=clock.now()) - timedelta(days=2)
        with clock.moved_to(start):
            self._world = found_world(self._scenario, at=start)
        self._at = start
        for entry, following in zip(entries, [*entries[1:], None], strict=True):
            self._step(entry, following)
        if self._scenario.run_until is not None:
            until = self._scenario.run_until
            at = until.at(self._world.zone_of(None))
            if at < self._at:
                raise ScenarioInvalid("is before the last step", until.place)
            self._run_to(at)
        seen = self._see()
        if self._scenario.expect is not None:
            self._differences += differences(self._scenario.expect, seen, refused="")
        return Played(self._scenario, seen, tuple(self._differences))

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
        before = there_is(self._world, at=about)
        dated = len(self._world.dated)
        refused = self._act(entry, at)
        self._asked_by |= dict.fromkeys(self._world.dated[dated:], len(self._steps))
        self._steps.append(
            StepSeen(
                at=at,
                date=local_date(at, self._world.zone_of(entry.action)),
                do=entry.name or "expect",
                line=entry.place.line,
                refused=refused,
                invoices=invoices_made(self._world, before) if entry.action else (),
                credit_notes=notes_made(self._world, before) if entry.action else (),
            )
        )
        if entry.expect is not None:
            after = look(self._world, at=about)
            whole = made(before, after) if entry.action else self._of_day(after, entry, at)
            seen = _since(entry.expect, after, self._world) or whole
            self._differences += differences(entry.expect, seen, refused=refused)

    def _instant(self, entry: Entry, following: Entry | None) -> datetime:
        """When a step is: a day that is only looked at is looked at when it is over."""
        zone = self._world.zone_of(entry.action)
        at = entry.at.at(zone)
        if entry.action is None and entry.at.day is not None:
            end = local_midnight(entry.at.day + timedelta(days=1), zone) - MOMENT
            other = following.action if following else None
            at = min(end, following.at.at(self._world.zone_of(other))) if following else end
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
                PLAYERS[type(entry.action)](self._world, entry.action, at)
        except ScenarioInvalid:
            raise
        except (InvalidInput, Conflict) as problem:
            if entry.expect is None or entry.expect.refused is None:
                raise StepRefused(entry.place, problem) from problem
            return str(problem)
        self._run_to(at)
        with clock.moved_to(at):
            if self._world.bills_by_thresholds:
                bill_thresholds(at=at)
            if self._world.bills_ahead:
                bill_usage_ahead(at=at)
            fill_paid_top_ups(at=at)
            self._buy_credits(at)
            tend(self._world, at)
        self._run_to(at)
        with clock.moved_to(at):
            tend(self._world, at)
        return ""

    def _run_to(self, at: datetime) -> None:
        """Bill at every instant up to this one at which something is due, as the scheduler does."""
        for instant in self._due_instants(at):
            with clock.moved_to(instant):
                if self._world.dated:
                    make_dated_changes(at=instant)
                run_billing(at=instant)
                if self._world.planned:
                    start_planned(at=instant)
                    self._world.name_started()
                    self._refuse_starts()
                # Nobody reviews what is only played.
                issue_all(ids=list(in_review().values_list("pk", flat=True)), at=instant)
                refund_promised(at=instant)
                self._buy_credits(instant)
                tend(self._world, instant)
            self._refuse_failures()
            self._at = max(self._at, instant)
        expire_prepaid(at=at)
        self._at = max(self._at, at)

    def _due_instants(self, until: datetime) -> Iterator[datetime]:
        for _ in range(RUNS_MAX):
            coming = list(dunning_instants(self._world, after=self._at, until=until))
            first = due(until).order_by("next_billing_at").first()
            if first is not None and first.next_billing_at is not None:
                coming.append(max(first.next_billing_at, self._at))
            if self._world.dated:
                days = DatedChange.objects.ready(until).values_list("try_at", flat=True)
                coming += [max(day, self._at) for day in days]
            if self._world.planned:
                starts = PlannedStart.objects.ready(until).values_list("try_at", flat=True)
                coming += [max(day, self._at) for day in starts]
            # First bills of a day wait until it is over, for others to be put on them.
            held = in_review().filter(review_until__lte=until, awaits_tax=False)
            ends = held.values_list("review_until", flat=True)
            coming += [max(end, self._at) for end in ends if end is not None]
            if self._world.buys_credits:
                for wallet in Wallet.objects.filter(topup_next_at__lte=until):
                    assert wallet.topup_next_at is not None
                    coming.append(wallet.topup_next_at)
            if not coming:
                return
            yield min(coming)
        raise InvalidInput(
            f"more than {RUNS_MAX} billing runs", field="run_until", remedy="an earlier day"
        )

    def _buy_credits(self, at: datetime) -> None:
        """Top up the wallets that say so, as the scheduler does."""
        if self._world.buys_credits:
            top_up_due(at=at)

    def _refuse_failures(self) -> None:
        failure = BillingFailure.objects.filter(
            subscription__in=Subscription.objects.filter(pk__in=self._world.subscriptions.values()),
            released_at__isnull=True,
        ).first()
        if failure is not None:
            raise StepRefused(self._scenario.place, InvalidInput(failure.error, field="billing"))

    def _refuse_starts(self) -> None:
        planned = {pk: name for name, pk in self._world.planned.items()}
        refused = PlannedStart.objects.filter(pk__in=planned, state="refused").first()
        if refused is not None:
            why = f"{planned[refused.pk]!r} did not start on {refused.on}: {refused.why}"
            raise StepRefused(self._scenario.place, InvalidInput(why, field="starts"))

    def _of_day(self, seen: Seen, entry: Entry, at: datetime) -> Seen:
        """What is there, but of the documents only those of the day that is looked at."""
        zone = self._world.zone_of(entry.action)
        day = entry.at.day or local_date(at, zone)
        return dataclasses.replace(
            seen,
            invoices=tuple(row for row in seen.invoices if row.date == day),
            credit_notes=tuple(row for row in seen.credit_notes if row.date == day),
            payments=tuple(row for row in seen.payments if row.date == day),
            refunds=tuple(row for row in seen.refunds if row.date == day),
            transitions=tuple(row for row in seen.transitions if row.date == day),
        )

    def _see(self) -> Seen:
        self._say_refusals()
        return dataclasses.replace(look(self._world), steps=tuple(self._steps))

    def _say_refusals(self) -> None:
        """Say with the step that asked for a change of a day why it was not made on it."""
        not_made = DatedChange.objects.filter(pk__in=self._asked_by).exclude(why="")
        for change in not_made.filter(state__in=["refused", "withdrawn"]):
            place = self._asked_by[change.pk]
            why = f"on {change.on}: {change.why}"
            self._steps[place] = dataclasses.replace(self._steps[place], refused=why)


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
