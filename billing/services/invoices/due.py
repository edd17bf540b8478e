"""What the billing run is to bill: subscriptions whose period is over and that nothing stops."""

from datetime import datetime
from functools import cache

from django.db.models import Exists, OuterRef, QuerySet

from billing.models import BillingFailure, DatedChange
from subscriptions.models import CustomerClock, Subscription
from subscriptions.models.subscriptions import SubscriptionQuerySet
from tiktoktoe.standing import StandingQuery, standing


def due(at: datetime, *, clock: CustomerClock | None = None) -> SubscriptionQuerySet:
    """Subscriptions to be billed by an instant, without those that are set aside.

    Of customers with a test clock only those of `clock`: nobody else's time moves theirs.
    """
    return waiting(at).on_clock(clock)


def first_due(at: datetime, *, clock: CustomerClock | None = None, limit: int) -> list[int]:
    """The keys of the first of these, customer by customer."""
    return _first_due(limit).rows(at=at, clock=clock.pk if clock else None)


def is_due(at: datetime, *, clock: CustomerClock | None = None) -> bool:
    """Whether there are any."""
    return bool(first_due(at, clock=clock, limit=1))


def next_due_at(until: datetime) -> datetime | None:
    """When the first of these, of customers without a clock, has been due since."""
    return _next_due.first(until=until)


def due_after_changes(at: datetime) -> SubscriptionQuerySet:
    """The same for customers without a clock, as if every change of a day before were made."""
    return _not_set_aside(at).on_clock(None)


def lock_due(ids: list[int], *, at: datetime) -> list[Subscription]:
    """Lock what is due of these and nobody else holds, in the caller's transaction."""
    return _locked_due.rows(at=at, ids=ids)


@cache
def _first_due(limit: int) -> StandingQuery[..., Subscription, int]:
    def first_due_of_clock(at: datetime, clock: int | None) -> QuerySet[Subscription, int]:
        due_rows = waiting(at).filter(customer__clock=clock).order_by("customer_id", "pk")
        return due_rows.values_list("pk", flat=True)[:limit]

    return standing(first_due_of_clock)


@standing
def _next_due(until: datetime) -> QuerySet[Subscription, datetime | None]:
    rows = waiting(until).on_clock(None).order_by("next_billing_at")
    return rows.values_list("next_billing_at", flat=True)[:1]


@standing
def _locked_due(at: datetime, ids: list[int]) -> QuerySet[Subscription]:
    return (
        waiting(at)
        .filter(pk__any_of=ids)
        .select_for_update(of=("self",), skip_locked=True)
        .select_related("customer", "plan_version__plan")
        .order_by("customer_id", "pk")
    )


def waiting(at: datetime) -> SubscriptionQuerySet:
    """What is due, without what changes on a day before that: the change comes first."""
    changes = DatedChange.objects.scheduled().filter(
        subscription=OuterRef("pk"), due_at__lte=OuterRef("next_billing_at")
    )
    return _not_set_aside(at).filter(~Exists(changes))


def _not_set_aside(at: datetime) -> SubscriptionQuerySet:
    failed = BillingFailure.objects.filter(subscription=OuterRef("pk"), released_at__isnull=True)
    return Subscription.objects.due_for_billing(at).filter(~Exists(failed))
