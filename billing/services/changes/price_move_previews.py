"""Whom a price move would move, when, and what it does to their fees; nothing is written.

A fixed number of queries, however many subscribers there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction

from django.db.models import QuerySet

from billing.domain.price_moves import Candidate, Effect, obstacle, summed
from billing.errors import PriceMoveInvalid
from billing.models import PlanChange, PriceMove
from billing.services.changes.plan_changes import recurring_fee
from billing.services.invoices.terms import PriceBook
from subscriptions.domain.change_kind import yearly
from subscriptions.models import Meter, PlanVersion, Subscription, SubscriptionAddOn
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
    def refused(self) -> list[MoveRow]:
        """Those that cannot, each with its reason."""
        return [row for row in self.rows if row.why]


def preview_price_move(*, terms: MoveTerms, at: datetime) -> MovePreview:
    """What a move would do to each subscription and to the fees of all; nothing is written.

    Raises:
        PriceMoveInvalid: If nobody could be moved like this; names the field.
    """
    _check(terms, at)
    subscriptions = list(_subscribers(terms))
    ids = [s.pk for s in subscriptions]
    scheduled = set(
        PlanChange.objects.filter(subscription__in=ids, state="scheduled").values_list(
            "subscription", flat=True
        )
    )
    clashes = _clashes(terms.to_version, subscriptions, at)
    book = PriceBook([terms.from_version.pk, terms.to_version.pk])
    fees: dict[int, Effect] = {}
    rows = []
    for subscription in subscriptions:
        quantity = subscription.quantity
        if quantity not in fees:
            fees[quantity] = Effect(
                before=recurring_fee(book, terms.from_version, quantity),
                after=recurring_fee(book, terms.to_version, quantity),
            )
        why = obstacle(
            Candidate(
                state=subscription.state,
                cancel_at=subscription.cancel_at,
                pause_at=subscription.pause_at,
                has_scheduled_change=subscription.pk in scheduled,
                clashing_meter=clashes.get(subscription.pk),
            )
        )
        effective_at = effective_on(terms, subscription, at)
        rows.append(
            MoveRow(
                subscription=subscription,
                effect=fees[quantity],
                effective_at=effective_at,
                why=why,
            )
        )
    moved = [row.effect for row in rows if not row.why]
    return MovePreview(
        terms=terms,
        rows=rows,
        effect=summed(moved, terms.from_version.currency),
        effect_in_a_year=_in_a_year(terms, moved),
    )


def _in_a_year(terms: MoveTerms, effects: Sequence[Effect]) -> Money:
    """How much more, or less, all of them pay in a year, whatever their intervals."""
    old, new = (v.plan.billing_interval for v in (terms.from_version, terms.to_version))
    exact = sum((yearly(e.after, new) - yearly(e.before, old) for e in effects), Fraction(0))
    return quantize_amount(exact, terms.from_version.currency)


def effective_on(terms: MoveTerms, subscription: Subscription, at: datetime) -> datetime:
    """When a subscription would be on the new prices, as it stands."""
    if terms.when == PriceMove.When.NOW:
        return at
    if terms.when == PriceMove.When.RENEWAL:
        return subscription.current_period_end
    assert terms.on is not None
    day = max(local_midnight(terms.on, subscription.time_zone), at)
    return first_renewal(subscription, day) if terms.when == PriceMove.When.FROM_DAY else day


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


def _subscribers(terms: MoveTerms) -> "QuerySet[Subscription]":
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


def _clashes(
    version: PlanVersion, subscriptions: Sequence[Subscription], at: datetime
) -> dict[int, str]:
    """Where something else of the customer's bills one of the new prices' meters."""
    meters = Meter.objects.filter(prices__plan_version=version).distinct()
    by_customer: dict[int, list[tuple[int, str]]] = {}
    others = Subscription.objects.live().filter(
        customer__in={s.customer_id for s in subscriptions},
        plan_version__prices__meter__in=meters,
    )
    for pk, customer, meter in others.values_list(
        "pk", "customer", "plan_version__prices__meter__name"
    ):
        by_customer.setdefault(customer, []).append((pk, meter))
    add_ons = SubscriptionAddOn.objects.at(at).filter(
        subscription__customer__in={s.customer_id for s in subscriptions},
        plan_version__prices__meter__in=meters,
    )
    for customer, meter in add_ons.values_list(
        "subscription__customer", "plan_version__prices__meter__name"
    ):
        by_customer.setdefault(customer, []).append((0, meter))
    found = {}
    for subscription in subscriptions:
        for pk, meter in by_customer.get(subscription.customer_id, ()):
            if pk != subscription.pk:
                found[subscription.pk] = meter
    return found
