"""As of which day a change may be asked for afterwards: one of which nothing is settled yet.

A change that is asked for as of a day that is over counts from then on, and its documents are of
today. It goes back no further than to what was billed, changed or counted since: documents of
that would have to be undone, and they are final.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

from django.db.models import Q

from billing.errors import BackdatingInvalid
from billing.models import Invoice
from billing.models.invoices import UNBILLED_STATES
from subscriptions.domain.proration import cancel_boundary
from subscriptions.domain.proration_policy import ProrationPolicy
from subscriptions.models import (
    PlanVersion,
    Price,
    Subscription,
    SubscriptionAddOn,
    SubscriptionPhase,
    UsageClosing,
)
from subscriptions.models.add_ons import SubscriptionAddOnQuerySet
from tiktoktoe.kernel.periods import local_date, local_midnight

Settled = tuple[datetime, str]
EARLY = (Invoice.Kind.THRESHOLD, Invoice.Kind.AHEAD)


def change_asked_at(
    subscription: Subscription, version: PlanVersion, since: date | None, at: datetime
) -> datetime:
    """Of which instant a change of plan or quantity is: now, or the first of an earlier day.

    Raises:
        BackdatingInvalid: If that day is not over, or something of it is settled.
    """
    if since is None:
        return at
    settled = list(_served(subscription))
    if version.pk != subscription.plan_version_id:
        settled += _usage_closed(subscription, [version.pk, subscription.plan_version_id])
        settled += _billed_early(subscription)
    asked_at = _asked_at(subscription, since, at, settled)
    _ensure_usage_unbilled(subscription, version, since, asked_at)
    return asked_at


def add_on_asked_at(
    subscription: Subscription, version: PlanVersion, since: date | None, at: datetime
) -> datetime:
    """Of which instant a change of an add-on is: now, or the first of an earlier day.

    Raises:
        BackdatingInvalid: If that day is not over, or something of it is settled.
    """
    if since is None:
        return at
    rows = subscription.add_ons.filter(plan=version.plan_id)
    settled = [
        *_uninterrupted(subscription),
        *_changed(subscription, rows, at),
        *_usage_closed(subscription, [version.pk, *_versions(rows, at)]),
    ]
    asked_at = _asked_at(subscription, since, at, settled)
    _ensure_usage_unbilled(subscription, version, since, asked_at)
    return asked_at


def stop_asked_at(
    subscription: Subscription, since: date | None, at: datetime, policy: ProrationPolicy
) -> datetime:
    """Of which instant an end or a pause is: now, or the first of its last day, which is over.

    Raises:
        BackdatingInvalid: If that day is not over, or something of it is settled.
    """
    if since is None:
        return at
    rows = subscription.add_ons.all()
    versions = [subscription.plan_version_id, *_versions(rows, at)]
    zone = subscription.time_zone
    # Usage is closed up to there before it is counted, also by a try that came to nothing.
    end = cancel_boundary(at=local_midnight(since, zone), time_zone=zone, policy=policy)
    settled = [
        *_served(subscription),
        *_changed(subscription, rows, at),
        *((until, why) for until, why in _usage_closed(subscription, versions) if until > end),
        *_billed_early(subscription),
    ]
    return _asked_at(subscription, since, at, settled)


def _asked_at(
    subscription: Subscription, since: date, at: datetime, settled: Iterable[Settled]
) -> datetime:
    zone = subscription.time_zone
    if since >= local_date(at, zone):
        raise BackdatingInvalid(f"{since} is not over", field="on", remedy="now, or a later day")
    asked_at = local_midnight(since, zone)
    until, why = max(settled)
    if asked_at < until:
        first = local_date(until, zone)
        first += timedelta(days=local_midnight(first, zone) < until)
        raise BackdatingInvalid(
            f"{since} is closed: {why}", field="on", remedy=f"not before {first}"
        )
    return asked_at


def _served(subscription: Subscription) -> Iterator[Settled]:
    """Up to when it is billed, and since when it is as it is: on its plan, or paused."""
    yield _billed(subscription)
    paused_from = subscription.paused_from
    if paused_from is not None:
        yield paused_from, f"it is paused since {_day(subscription, paused_from)}"
    phase = subscription.phases.filter(ends_at=None).first()
    if phase is not None:
        yield phase.starts_at, f"it was changed on {_day(subscription, phase.starts_at)}"


def _uninterrupted(subscription: Subscription) -> Iterator[Settled]:
    """Up to when it is billed, and since when it has not been paused."""
    yield _billed(subscription)
    begins: datetime | None = None
    for phase in subscription.phases.order_by("-starts_at"):
        if begins is not None and phase.ends_at != begins:
            break
        begins = phase.starts_at
    if begins is not None:
        yield begins, f"it goes on since {_day(subscription, begins)}"


def _billed(subscription: Subscription) -> Settled:
    start = subscription.current_period_start
    return start, f"what was before {_day(subscription, start)} is billed"


def _changed(
    subscription: Subscription, rows: SubscriptionAddOnQuerySet, at: datetime
) -> Iterator[Settled]:
    """When add-ons came, changed or went."""
    for row in rows.filter(starts_at__lte=at).select_related("plan"):
        ends_at = row.ends_at
        last = row.starts_at if ends_at is None or ends_at > at else ends_at
        yield last, f"{row.plan} was changed on {_day(subscription, last)}"


def _versions(rows: SubscriptionAddOnQuerySet, at: datetime) -> list[int]:
    return list(rows.at(at).values_list("plan_version", flat=True))


def _usage_closed(subscription: Subscription, versions: Iterable[int]) -> Iterator[Settled]:
    """Up to when usage is billed that would be billed by others, or not at all."""
    closings = UsageClosing.objects.filter(
        customer=subscription.customer_id, meter__prices__plan_version__in=versions
    )
    for closing in closings.select_related("meter"):
        through = closing.closed_through
        yield through, f"{closing.meter} is billed up to {_day(subscription, through)}"


def _billed_early(subscription: Subscription) -> Iterator[Settled]:
    """When usage of the open period was billed: by a threshold, or as it came."""
    invoices = Invoice.objects.filter(
        subscription=subscription,
        kind__in=EARLY,
        created_at__gt=subscription.current_period_start,
    )
    for invoice in invoices.exclude(state__in=UNBILLED_STATES):
        day = _day(subscription, invoice.created_at)
        yield invoice.created_at, f"usage was billed by {invoice} on {day}"


def _ensure_usage_unbilled(
    subscription: Subscription, version: PlanVersion, since: date, asked_at: datetime
) -> None:
    """Refuse a day since which something else of the customer has counted the same usage."""
    meters = Price.objects.filter(plan_version=version, meter__isnull=False).values("meter")
    priced = Q(plan_version__prices__meter__in=meters)
    later = Q(ends_at=None) | Q(ends_at__gt=asked_at)
    of_customer = Q(subscription__customer=subscription.customer_id)
    add_ons = SubscriptionAddOn.objects.filter(of_customer, later, priced)
    phases = SubscriptionPhase.objects.filter(of_customer, later, priced)
    if version.plan.is_add_on:
        add_ons = add_ons.exclude(subscription=subscription, plan=version.plan_id)
    else:
        phases = phases.exclude(subscription=subscription)
    if phases.exists() or add_ons.exists():
        raise BackdatingInvalid(
            f"usage since {since} is billed by something else that was there",
            field="on",
            remedy="a day on which that had ended",
        )


def _day(subscription: Subscription, instant: datetime) -> str:
    return f"{local_date(instant, subscription.time_zone)}"
