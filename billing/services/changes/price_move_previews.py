"""Whom a price move would move, when, and what it does to their fees; nothing is written.

A fixed number of queries, however many subscribers there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction

from django.db.models import QuerySet

from billing.domain.price_moves import Candidate, Effect, NoticeRule, obstacle, summed
from billing.errors import PriceMoveInvalid
from billing.models import PriceMove
from billing.services.changes.move_clashes import MoveClashes
from billing.services.changes.move_schedules import MoveSchedules
from billing.services.changes.plan_change_previews import recurring_fee
from billing.services.invoices.terms import PriceBook
from subscriptions.domain.change_kind import yearly
from subscriptions.models import PlanVersion, Subscription
from tiktoktoe.kernel.money import Money, quantize_amount
from tiktoktoe.kernel.periods import local_midnight


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveTerms:
    """Whom to move where, when and how."""

    from_version: PlanVersion
    to_version: PlanVersion
    when: str
    reason: str
    on: date | None = None
    prorates: bool | None = None
    countries: Sequence[str] = field(default_factory=tuple)
    quantity_min: int | None = None
    quantity_max: int | None = None
    started_before: date | None = None
    notice_days: int = 0
    short_notice_reason: str = ""

    @property
    def notice(self) -> NoticeRule:
        """How long before each one's day it is told."""
        return NoticeRule(days=self.notice_days, may_be_short=bool(self.short_notice_reason))


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveRow:
    """One subscription: what its fees would be, or why it is not moved."""

    subscription: Subscription
    effect: Effect
    effective_at: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MovePreview:
    """What a move would do; the sums are of those that are moved."""

    terms: MoveTerms
    at: datetime
    rows: Sequence[MoveRow]
    effect: Effect
    effect_in_a_year: Money

    @property
    def moved(self) -> list[MoveRow]:
        """Those that can be moved."""
        return [row for row in self.rows if not row.why]

    @property
    def effective_days(self) -> tuple[datetime, datetime] | None:
        """When the first and the last of them would be on the new prices."""
        times = [row.effective_at for row in self.moved]
        return (min(times), max(times)) if times else None

    @property
    def short(self) -> list[MoveRow]:
        """Those that are moved and would hear of it later than is stated."""
        notice = self.terms.notice
        return [row for row in self.moved if notice.is_short(row.effective_at, self.at)]

    @property
    def first_day(self) -> date:
        """The first day on which all that is stated can be kept, wherever they are."""
        return self.terms.notice.first_possible(self.at).date() + timedelta(days=2)

    @property
    def refused(self) -> list[MoveRow]:
        """Those that cannot, each with its reason."""
        return [row for row in self.rows if row.why]


def preview_price_move(*, terms: MoveTerms, at: datetime) -> MovePreview:
    """What a move would do to each subscription and to the fees of all; nothing is written.

    Raises:
        PriceMoveInvalid: If nobody could be moved like this; names the field.
    """
    _check(terms, at)
    rows = rows_of(terms, list(subscribers(terms)), at)
    moved = [row.effect for row in rows if not row.why]
    return MovePreview(
        terms=terms,
        at=at,
        rows=rows,
        effect=summed(moved, terms.from_version.currency),
        effect_in_a_year=_in_a_year(terms, moved),
    )


def rows_of(terms: MoveTerms, subscriptions: Sequence[Subscription], at: datetime) -> list[MoveRow]:
    """What a move would do to each of these, as it stands on its day."""
    schedules = MoveSchedules(subscriptions)
    clashes = MoveClashes(terms.to_version, subscriptions, at)
    book = PriceBook([terms.from_version.pk, terms.to_version.pk])
    fees: dict[int, Effect] = {}
    rows = []
    for subscription in subscriptions:
        effective_at = effective_on(terms.when, subscription, day_of(terms.on, subscription), at)
        ahead = schedules.ahead_of(subscription, effective_at)
        quantity = ahead.standing.quantity
        if quantity not in fees:
            fees[quantity] = effect_of(book, terms.from_version, terms.to_version, quantity)
        clash = clashes.of(subscription)
        why = obstacle(
            Candidate(
                state=subscription.state,
                cancel_at=subscription.cancel_at,
                pause_at=subscription.pause_at,
                has_scheduled_change=ahead.would_be_replaced,
                leaves_on=ahead.leaves_on,
                is_paused_then=ahead.standing.paused_from is not None,
                clashing_meter=clash.meter if clash else None,
                clash_is_to_come=clash is not None and clash.is_to_come,
            )
        )
        if not why:
            clashes.take(subscription)
        rows.append(
            MoveRow(
                subscription=subscription,
                effect=fees[quantity],
                effective_at=effective_at,
                why=why,
            )
        )
    return rows


def effect_of(book: PriceBook, old: PlanVersion, new: PlanVersion, quantity: int) -> Effect:
    """What fees of a period of so many become."""
    return Effect(
        before=recurring_fee(book, old, quantity), after=recurring_fee(book, new, quantity)
    )


def _in_a_year(terms: MoveTerms, effects: Sequence[Effect]) -> Money:
    """How much more, or less, all of them pay in a year, whatever their intervals."""
    old, new = (v.plan.billing_interval for v in (terms.from_version, terms.to_version))
    exact = sum((yearly(e.after, new) - yearly(e.before, old) for e in effects), Fraction(0))
    return quantize_amount(exact, terms.from_version.currency)


def day_of(on: date | None, subscription: Subscription) -> datetime | None:
    """The day of a move on a customer's own calendar."""
    return local_midnight(on, subscription.time_zone) if on is not None else None


def effective_on(
    when: str, subscription: Subscription, not_before: datetime | None, at: datetime
) -> datetime:
    """When a subscription would be on the new prices, as it stands."""
    if when == PriceMove.When.NOW:
        return at
    if not_before is None:
        return subscription.current_period_end
    day = max(not_before, at)
    return day if when == PriceMove.When.ON_DAY else first_renewal(subscription, day)


def first_renewal(subscription: Subscription, day: datetime) -> datetime:
    """The first boundary of its periods that is not before an instant."""
    if subscription.current_period_end >= day:
        return subscription.current_period_end
    period = subscription.billing_periods.period_at(day)
    return day if period.start == day else period.end


def _check(terms: MoveTerms, at: datetime) -> None:
    source, target = terms.from_version, terms.to_version
    if source.pk == target.pk:
        raise PriceMoveInvalid("these are the same prices", field="to_version")
    if source.currency != target.currency:
        raise PriceMoveInvalid(
            f"they are in {target.currency}, the subscriptions in {source.currency}",
            field="to_version",
            remedy=f"choose prices in {source.currency}",
        )
    if target.published_at is None or target.effective_from > at:
        raise PriceMoveInvalid(f"{target} is not on sale yet", field="to_version")
    if terms.when not in PriceMove.When.values:
        raise PriceMoveInvalid(f"{terms.when!r} is no time", field="when")
    if (terms.when in PriceMove.WITH_DAY) != (terms.on is not None):
        raise PriceMoveInvalid("a day goes with a move on or from a day, and only then", field="on")
    if terms.on is not None and terms.on < at.date():
        raise PriceMoveInvalid(f"{terms.on} is over", field="on", remedy="a day to come")
    crosses = source.plan.billing_interval != target.plan.billing_interval
    if crosses and terms.prorates is False and terms.when not in PriceMove.AT_RENEWAL:
        raise PriceMoveInvalid(
            "another interval begins a period that must be charged",
            field="prorates",
            remedy="prorate it, or move at renewal",
        )


def subscribers(terms: MoveTerms) -> "QuerySet[Subscription]":
    """Whom a move is for."""
    found = Subscription.objects.live().filter(plan_version=terms.from_version)
    if terms.countries:
        found = found.filter(customer__country__in=list(terms.countries))
    if terms.quantity_min is not None:
        found = found.filter(quantity__gte=terms.quantity_min)
    if terms.quantity_max is not None:
        found = found.filter(quantity__lte=terms.quantity_max)
    if terms.started_before is not None:
        found = found.filter(started_at__date__lt=terms.started_before)
    return found.select_related("customer").order_by("customer__name", "pk")
