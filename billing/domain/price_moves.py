"""Who of the subscribers of one plan version can be moved to another, and what that changes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from subscriptions.domain.lifecycle import BILLED_STATES
from tiktoktoe.kernel.money import Money, total

WAIT_MINUTES = 10
TRIES_MAX = 12
NOTICE_DAYS = 30  # what the form proposes
SLACK = timedelta(days=1)  # in which whoever tells may be late


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRule:
    """How many days before its own day each subscriber hears of a move; 0: nobody does.

    `may_be_short`: staff said why it may be less.
    """

    days: int = 0
    may_be_short: bool = False

    @property
    def tells(self) -> bool:
        """Whether anybody is told before."""
        return self.days > 0

    def tells_from(self, effective_at: datetime) -> datetime:
        """From when somebody is told whose day is `effective_at`."""
        return effective_at - timedelta(days=self.days) - SLACK

    def is_short(self, effective_at: datetime, at: datetime) -> bool:
        """Whether who hears of it `at` has less time than was stated."""
        return self.tells and effective_at < self.first_possible(at)

    def first_possible(self, at: datetime) -> datetime:
        """The first instant of which somebody can be told `at`."""
        return at + timedelta(days=self.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A subscription on the old prices, and what may stand in the way of moving it.

    `leaves_on` and `is_paused_then` are how it stands on its day, by what is scheduled before.
    """

    state: str
    cancel_at: datetime | None
    pause_at: datetime | None
    has_scheduled_change: bool
    leaves_on: date | None
    is_paused_then: bool
    clashing_meter: str | None
    clash_is_to_come: bool = False


def obstacle(candidate: Candidate) -> str:
    """Why a subscription is not moved; nothing if it can be."""
    verb = "will bill" if candidate.clash_is_to_come else "bills"
    reasons = {
        f"it is {candidate.state.replace('_', ' ')}": candidate.state not in BILLED_STATES,
        "its end is scheduled": candidate.cancel_at is not None,
        "a pause is scheduled": candidate.pause_at is not None or candidate.is_paused_then,
        "another change is scheduled for it": candidate.has_scheduled_change,
        f"it goes to other prices on {candidate.leaves_on}": candidate.leaves_on is not None,
        f"another live subscription {verb} {candidate.clashing_meter}": (
            candidate.clashing_meter is not None
        ),
    }
    return next((reason for reason, stands in reasons.items() if stands), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What moving some subscriptions changes of their fees for a whole period."""

    before: Money
    after: Money

    @property
    def delta(self) -> Money:
        """More, or less."""
        return self.after - self.before


def summed(effects: Iterable[Effect], currency: str) -> Effect:
    """All of them together."""
    known = list(effects)
    return Effect(
        before=total((effect.before for effect in known), currency),
        after=total((effect.after for effect in known), currency),
    )
