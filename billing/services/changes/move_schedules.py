"""What is scheduled for the subscribers of a price move, beside the move; two queries for all."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from billing.domain.coming_steps import Standing, Step, standing
from billing.models import DatedChange, PlanChange
from subscriptions.models import Subscription
from tiktoktoe.kernel.periods import local_date, local_midnight


@dataclass(frozen=True, slots=True)
class Ahead:
    """How a subscription stands on the day of a move, as far as is scheduled."""

    standing: Standing
    would_be_replaced: bool
    time_zone: str

    from_version_id: int

    @property
    def leaves_on(self) -> date | None:
        """The day on which it goes to other prices before, if it is not back on these."""
        since = self.standing.since
        if since is None or self.standing.version_id == self.from_version_id:
            return None
        return local_date(since, self.time_zone)


class MoveSchedules:
    """Changes of plan and of days, and pauses, that wait for some subscriptions."""

    def __init__(self, subscriptions: Sequence[Subscription]) -> None:
        self._steps: dict[int, list[Step]] = defaultdict(list)
        zones = {one.pk: one.time_zone for one in subscriptions}
        for pk, step in (*_plan_changes(zones), *_dated_changes(zones)):
            self._steps[pk].append(step)

    def ahead_of(self, subscription: Subscription, effective_at: datetime) -> Ahead:
        """What it is on when a move takes effect, and whether that undoes another change."""
        steps = self._steps.get(subscription.pk, ())
        return Ahead(
            standing=standing(
                version_id=subscription.plan_version_id,
                quantity=subscription.quantity,
                steps=steps,
                until=effective_at,
            ),
            would_be_replaced=any(s.replaceable and s.due_at >= effective_at for s in steps),
            time_zone=subscription.time_zone,
            from_version_id=subscription.plan_version_id,
        )


def _plan_changes(ids: Iterable[int]) -> list[tuple[int, Step]]:
    rows = PlanChange.objects.filter(subscription__in=list(ids), state="scheduled")
    return [
        (
            row.subscription_id,
            Step(
                due_at=row.effective_at,
                version_id=row.plan_version_id,
                quantity=row.quantity,
                replaceable=True,
            ),
        )
        for row in rows
    ]


def _dated_changes(zones: dict[int, str]) -> list[tuple[int, Step]]:
    rows = (
        DatedChange.objects.scheduled()
        .filter(subscription__in=list(zones))
        .exclude(kind=DatedChange.Kind.ADD_ON)
    )
    return [
        (
            row.subscription_id,
            Step(
                due_at=row.due_at,
                version_id=row.plan_version_id,
                quantity=row.quantity,
                is_pause=row.kind == DatedChange.Kind.PAUSE,
                resumes_at=(
                    local_midnight(row.resume_on, zones[row.subscription_id])
                    if row.resume_on
                    else None
                ),
            ),
        )
        for row in rows
    ]


def next_before(subscription: Subscription, *, until: datetime, at: datetime) -> datetime | None:
    """When the first change of plan is due that comes before a move; that is waited for.

    `until`: when the move would take effect. What is due and not made yet is being made.
    """
    days = DatedChange.objects.scheduled().filter(
        subscription=subscription, kind=DatedChange.Kind.PLAN, due_at__lte=max(until, at)
    )
    changes = PlanChange.objects.filter(
        subscription=subscription, state="scheduled", effective_at__lte=at
    )
    times = [
        *days.values_list("due_at", flat=True),
        *changes.values_list("effective_at", flat=True),
    ]
    return min(times, default=None)
