"""When something is due next for customers of a test clock; asked at each instant on the way."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet

from billing.domain.announcements import EXPIRES_SOON, RENEWS_SOON, TRIAL_ENDS_SOON
from billing.domain.hold_ends import LET_GO_BEFORE
from billing.models import (
    DatedChange,
    DunningRun,
    Invoice,
    Notice,
    Payment,
    PaymentAttempt,
    PaymentMethod,
    PaymentOperation,
    PlannedStart,
    PrepaidCredit,
    PriceMoveRow,
    Refund,
    Wallet,
    WebhookDelivery,
    WebhookEndpoint,
)
from billing.services.changes.expiring import PATIENCE
from billing.services.disputes.reminders import next_reminder_at
from billing.services.dunning.overdue import next_overdue_at
from billing.services.dunning.requests import next_request_at
from billing.services.invoices.draft_review import in_review
from billing.services.invoices.due import waiting
from subscriptions.models import CustomerClock, Subscription
from subscriptions.models.subscriptions import SubscriptionQuerySet
from tiktoktoe.standing import StandingQuery, standing

MOMENT = timedelta(microseconds=1)
AT_ONCE = timedelta(0)

Coming = StandingQuery[..., Any, Any]


def next_instant(clock: CustomerClock, *, after: datetime, to: datetime) -> datetime | None:
    """When the next thing is due after an instant and by another; None if nothing is."""
    coming = _coming_instants(clock, after=after, to=to)
    return min((found for found in coming if found is not None), default=None)


def _coming_instants(
    clock: CustomerClock, *, after: datetime, to: datetime
) -> Iterator[datetime | None]:
    for first, before in _FIRST:
        found = first.first(clock=clock.pk, after=after + before, to=to + before)
        yield found - before if found is not None else None
    falls_due = _falls_due.first(clock=clock.pk, after=after, to=to - MOMENT)
    yield falls_due + MOMENT if falls_due is not None else None  # from then on it is overdue
    days = {"after": (after + EXPIRES_SOON).date(), "to": (to + EXPIRES_SOON).date()}
    expires_on = _expires.first(clock=clock.pk, **days)
    if expires_on is not None:
        yield datetime.combine(expires_on, time.min, UTC) - EXPIRES_SOON
    yield next_reminder_at(clock, after=after, to=to)
    yield next_request_at(clock, after=after, to=to)
    yield next_overdue_at(clock, after=after, to=to)


def _first(name: str, rows: Callable[[int], "QuerySet[Any]"]) -> Coming:
    """The first instant in a column of a clock's rows."""

    @standing
    def first(clock: int, after: datetime, to: datetime) -> "QuerySet[Any, datetime]":
        within = rows(clock).filter(**{f"{name}__gt": after, f"{name}__lte": to})
        return within.order_by(name).values_list(name, flat=True)[:1]

    return first


@standing
def _is_billed(
    clock: int, after: datetime, to: datetime
) -> "QuerySet[Subscription, datetime | None]":
    due = waiting(to).filter(customer__clock=clock, next_billing_at__gt=after)
    return due.order_by("next_billing_at").values_list("next_billing_at", flat=True)[:1]


@standing
def _falls_due(clock: int, after: datetime, to: datetime) -> "QuerySet[Invoice, datetime | None]":
    owed = Invoice.objects.collectable().filter(customer__clock=clock)
    within = owed.filter(due_at__gte=after, due_at__lt=to).order_by("due_at")
    return within.values_list("due_at", flat=True)[:1]


@standing
def _expires(clock: int, after: date, to: date) -> "QuerySet[PaymentMethod, date | None]":
    cards = PaymentMethod.objects.filter(customer__clock=clock, state="active", is_default=True)
    within = cards.filter(expires_on__gt=after, expires_on__lte=to).order_by("expires_on")
    return within.values_list("expires_on", flat=True)[:1]


def _live(clock: int) -> SubscriptionQuerySet:
    return Subscription.objects.live().filter(customer__clock=clock)


def _unpaid(clock: int) -> SubscriptionQuerySet:
    return _live(clock).filter(state=Subscription.State.INCOMPLETE)


def _held(clock: int) -> "QuerySet[PaymentAttempt]":
    mine = PaymentAttempt.objects.filter(payment__customer__clock=clock)
    return mine.filter(is_hold=True, state="authorized")


def _delivered(clock: int) -> "QuerySet[WebhookDelivery]":
    active = WebhookEndpoint.State.ACTIVE
    return WebhookDelivery.objects.filter(
        announcement__customer__clock=clock, endpoint__state=active
    )


def _moving(clock: int) -> "QuerySet[PriceMoveRow]":
    waiting_rows = PriceMoveRow.objects.waiting().filter(move__state="running")
    return waiting_rows.filter(subscription__customer__clock=clock)


def _left(clock: int) -> "QuerySet[PrepaidCredit]":
    return PrepaidCredit.objects.filter(wallet__customer__clock=clock, amount_left__gt=0)


def _changing(clock: int) -> "QuerySet[DatedChange]":
    return DatedChange.objects.scheduled().filter(subscription__customer__clock=clock)


def _whose(rows: "QuerySet[Any]", path: str) -> Callable[[int], "QuerySet[Any]"]:
    """Those of a clock, by the way from them to it."""
    return lambda clock: rows.filter(**{path: clock})


# What says itself when it is due, and what something is done about before that, or after it.
_FIRST: tuple[tuple[Coming, timedelta], ...] = (
    (_is_billed, AT_ONCE),
    (_first("next_attempt_at", _whose(Payment.objects.all(), "customer__clock")), AT_ONCE),
    (_first("next_step_at", _whose(DunningRun.objects.going_on(), "customer__clock")), AT_ONCE),
    (_first("review_until", _whose(in_review(), "customer__clock")), AT_ONCE),
    (_first("expires_at", _left), AT_ONCE),
    (_first("try_at", _changing), AT_ONCE),
    (_first("try_at", _whose(PlannedStart.objects.waiting(), "customer__clock")), AT_ONCE),
    (_first("topup_next_at", _whose(Wallet.objects.all(), "customer__clock")), AT_ONCE),
    (_first("next_try_at", _whose(Notice.objects.all(), "customer__clock")), AT_ONCE),
    (_first("next_try_at", _delivered), AT_ONCE),
    (_first("due_at", _moving), AT_ONCE),
    *(
        (_first("next_check_at", _whose(model.objects.all(), path)), AT_ONCE)
        for model, path in (
            (PaymentAttempt, "payment__customer__clock"),
            (Refund, "payment__customer__clock"),
            (PaymentOperation, "attempt__payment__customer__clock"),
        )
    ),
    (_first("authorized_until", _held), LET_GO_BEFORE),
    (_first("trial_ends_at", _live), TRIAL_ENDS_SOON),
    (_first("current_period_end", _live), RENEWS_SOON),
    (_first("created_at", _unpaid), -PATIENCE),
)
