"""Dunning campaigns: what is done, on which day, about an invoice that is past due.

Day 0 is when it fell past due: its first declined payment by a stored method, or its due day.
Why a payment was declined still decides whether trying it again can help
(billing.domain.dunning); a campaign only says when.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from billing.domain.declines import POLICIES, DeclineClass
from billing.domain.dunning import Retry, next_retry
from billing.errors import CampaignInvalid
from tiktoktoe.kernel.clock import utc
from tiktoktoe.kernel.periods import local_instant, zone

STEPS_MAX = 30
DAYS_MAX = 365
FORETOLD_MAX = 40


class StepKind(StrEnum):
    """What a step does."""

    RETRY = "retry"  # charge the stored method again
    EMAIL = "email"
    BANNER = "banner"  # a message on every page of the portal
    RESTRICT = "restrict"  # entitlements say no
    PAUSE = "pause"
    CANCEL = "cancel"
    WRITE_OFF = "write_off"


# Of each of these a campaign has one: a second would do nothing.
ONCE = frozenset(StepKind) - {StepKind.RETRY, StepKind.EMAIL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: so many days after the invoice fell past due."""

    position: int
    day: int
    kind: StepKind


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignTerms:
    """A campaign: its steps, and when payments are retried.

    Its retry steps say when; or `retry_every_days` after each decline, at most `retries_max`
    times; or else the reason of the decline does.
    """

    steps: tuple[Step, ...] = ()
    retry_every_days: int | None = None
    retries_max: int | None = None

    @property
    def retry_days(self) -> tuple[int, ...]:
        """The days on which it retries by its steps."""
        return tuple(step.day for step in self.steps if step.kind == StepKind.RETRY)


STANDARD = CampaignTerms()  # of a company that has set nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """One decline of a payment by a stored method."""

    at: datetime
    decline_class: DeclineClass


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedStep:
    """What a campaign does, and when. Without a position: a retry that no step asks for."""

    at: datetime
    day: int
    kind: StepKind
    position: int | None = None
    reason: str = ""
    is_refused: bool = False


def ensure_campaign(terms: CampaignTerms) -> None:
    """Refuse a campaign that contradicts itself.

    Raises:
        CampaignInvalid: Naming the step, and the way out.
    """
    if len(terms.steps) > STEPS_MAX:
        raise CampaignInvalid(f"it has more than {STEPS_MAX} steps", field="steps")
    if terms.retry_every_days is not None and terms.retry_days:
        raise CampaignInvalid(
            "retries come by steps or every so many days, not both",
            field="retry_every_days",
            remedy="leave it empty, or take the retry steps out",
        )
    if terms.retries_max is not None and terms.retry_every_days is None:
        raise CampaignInvalid("say every how many days", field="retry_every_days")
    seen: set[StepKind] = set()
    last = 0
    for step in terms.steps:
        _ensure_step(step, last, seen)
        last = step.day
        seen.add(step.kind)


def _ensure_step(step: Step, last: int, seen: set[StepKind]) -> None:
    name = f"step {step.position}"
    if not 0 <= step.day <= DAYS_MAX:
        raise CampaignInvalid(f"{name}: a day is between 0 and {DAYS_MAX}", field="steps")
    if step.day < last:
        raise CampaignInvalid(
            f"{name} is before the one above it", field="steps", remedy="order them by day"
        )
    if step.kind in ONCE and step.kind in seen:
        raise CampaignInvalid(f"{name}: {step.kind} is there already", field="steps")
    if StepKind.WRITE_OFF in seen:
        raise CampaignInvalid(f"{name} comes after the write-off", field="steps")
    if step.kind == StepKind.PAUSE and StepKind.CANCEL in seen:
        raise CampaignInvalid(f"{name}: what is canceled cannot be paused", field="steps")


def days_after(start: datetime, days: int, time_zone: str) -> datetime:
    """The same time of the local day, so many days later."""
    local = utc(start).astimezone(zone(time_zone))
    return local_instant(local.date() + timedelta(days=days), time_zone, local.time())


def plan_retry(
    *,
    terms: CampaignTerms,
    past_due_from: datetime,
    decline_class: DeclineClass,
    retries_done: int,
    first_failed_at: datetime,
    failed_at: datetime,
    time_zone: str,
) -> Retry:
    """When a campaign tries again after a decline, and why; `at` is None to give up.

    What cannot help is never tried, whatever the campaign says, and a technical failure is
    first tried again within minutes.
    """
    by_class = next_retry(
        decline_class=decline_class,
        retries_done=retries_done,
        first_failed_at=first_failed_at,
        failed_at=failed_at,
        time_zone=time_zone,
    )
    if not POLICIES[decline_class].retry_later:
        return by_class
    if decline_class == DeclineClass.TECHNICAL and by_class.at is not None:
        return by_class
    if terms.retry_every_days is not None:
        return _every(terms.retry_every_days, terms.retries_max, retries_done, failed_at, time_zone)
    if not terms.retry_days:
        return by_class
    for day in terms.retry_days:
        at = days_after(past_due_from, day, time_zone)
        if at > failed_at:
            return Retry(at=at, reason=f"campaign: day {day}")
    return Retry(at=None, reason="campaign: no retry is left")


def _every(
    days: int, retries_max: int | None, retries_done: int, failed_at: datetime, time_zone: str
) -> Retry:
    if retries_max is not None and retries_done >= retries_max:
        return Retry(at=None, reason=f"campaign: {retries_done} retries made")
    at = days_after(failed_at, days, time_zone)
    return Retry(at=at, reason=f"campaign: every {days} days")


def calendar(
    *,
    terms: CampaignTerms,
    past_due_from: datetime,
    declines: Sequence[Declined],
    time_zone: str,
) -> tuple[DatedStep, ...]:
    """Everything a campaign would do, dated, if nothing is paid and every retry is declined alike.

    Args:
        terms: The campaign.
        past_due_from: Its day 0.
        declines: What has been declined so far, the oldest first; none if nothing was charged.
        time_zone: The customer's, in which days are counted.
    """
    steps = [_dated(step, past_due_from, declines, time_zone) for step in terms.steps]
    retries = []
    if not terms.retry_days and declines:
        retries = list(_foretold(terms, past_due_from, declines, time_zone))
    end = next((s.at for s in steps if s.kind == StepKind.WRITE_OFF), None)
    kept = [retry for retry in retries if end is None or retry.at < end]
    return tuple(sorted([*steps, *kept], key=lambda step: (step.at, step.position or 0)))


def _dated(
    step: Step,
    past_due_from: datetime,
    declines: Sequence[Declined],
    time_zone: str,
) -> DatedStep:
    refusal = ""
    if step.kind == StepKind.RETRY and declines:
        last = declines[-1].decline_class
        if not POLICIES[last].retry_later:
            refusal = f"{last}: trying again cannot help"
    return DatedStep(
        at=days_after(past_due_from, step.day, time_zone),
        day=step.day,
        kind=step.kind,
        position=step.position,
        reason=refusal,
        is_refused=bool(refusal),
    )


def _foretold(
    terms: CampaignTerms,
    past_due_from: datetime,
    declines: Sequence[Declined],
    time_zone: str,
) -> Iterator[DatedStep]:
    """The retries to come after the last decline, each declined for the same reason."""
    failed_at, first = utc(declines[-1].at), utc(declines[0].at)
    for done in range(len(declines) - 1, FORETOLD_MAX):
        retry = plan_retry(
            terms=terms,
            past_due_from=past_due_from,
            decline_class=declines[-1].decline_class,
            retries_done=done,
            first_failed_at=first,
            failed_at=failed_at,
            time_zone=time_zone,
        )
        if retry.at is None:
            return
        failed_at = retry.at
        day = (retry.at - utc(past_due_from)).days
        yield DatedStep(at=retry.at, day=day, kind=StepKind.RETRY, reason=retry.reason)
