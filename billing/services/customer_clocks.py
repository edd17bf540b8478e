"""A test clock is advanced: what is due for its customers on the way happens, in its order.

The same services as every day, each at the instant at which the scheduler would have come to
it, and for the customers of this clock only.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Min

from billing.models import DunningRun, Invoice, Payment
from billing.services.ahead import bill_usage_ahead
from billing.services.collection import collect_due, mark_overdue
from billing.services.dunning import run_dunning
from billing.services.renewal import due, run_billing
from billing.services.thresholds import bill_thresholds
from subscriptions.errors import CustomerInvalid
from subscriptions.models import CustomerClock
from subscriptions.services.customer_clocks import ensure_no_real_money, set_clock
from tiktoktoe.kernel.clock import moved_to, utc

MOMENT = timedelta(microseconds=1)
STEPS_MAX = 5_000


def advance_clock(*, clock: CustomerClock, to: datetime) -> CustomerClock:
    """Let time pass for a clock's customers: renewals, trials, retries, dunning, overdue invoices.

    Talks to gateways, so wrap no transaction around it. Stopped half-way, it stands where it
    came to and goes on from there when it is called again.

    Raises:
        ClockNotAllowed: If live payment keys are set.
        CustomerInvalid: If the clock shows a later instant already, or too much is due on
            the way for one call.
    """
    ensure_no_real_money()
    clock.refresh_from_db()
    if utc(to) < clock.at:
        set_clock(clock=clock, to=to)
    for instant in _instants(clock, utc(to)):
        with moved_to(instant):
            if due(instant, clock=clock).exists():
                run_billing(at=instant, clock=clock)
            bill_thresholds(at=instant, clock=clock)
            bill_usage_ahead(at=instant, clock=clock)
            collect_due(at=instant, clock=clock)
            mark_overdue(at=instant, clock=clock)
            run_dunning(at=instant, clock=clock)
        set_clock(clock=clock, to=instant)
    return set_clock(clock=clock, to=to)


def _instants(clock: CustomerClock, to: datetime) -> Iterator[datetime]:
    """When something is due, from where the clock stands, and the end."""
    at = CustomerClock.objects.get(pk=clock.pk).at
    yield at
    for _ in range(STEPS_MAX):
        coming = [found for found in _next(clock, after=at, to=to) if found is not None]
        if not coming:
            yield to
            return
        at = min(coming)
        yield at
    raise CustomerInvalid("too much is due by then", field="to", remedy="an earlier instant")


def _next(clock: CustomerClock, *, after: datetime, to: datetime) -> Iterator[datetime | None]:
    billing = due(to, clock=clock).filter(next_billing_at__gt=after)
    yield billing.aggregate(first=Min("next_billing_at"))["first"]
    retries = Payment.objects.filter(
        customer__clock=clock, next_attempt_at__gt=after, next_attempt_at__lte=to
    )
    yield retries.aggregate(first=Min("next_attempt_at"))["first"]
    steps = DunningRun.objects.due(to).filter(customer__clock=clock, next_step_at__gt=after)
    yield steps.aggregate(first=Min("next_step_at"))["first"]
    owed = Invoice.objects.collectable().filter(
        customer__clock=clock, due_at__gte=after, due_at__lt=to - MOMENT
    )
    first = owed.aggregate(first=Min("due_at"))["first"]
    yield first + MOMENT if first is not None else None
