"""A test clock is advanced: what is due for its customers on the way happens, in its order.

The same services as every day, each at the instant at which the scheduler would have come to
it, and for the customers of this clock only.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from billing.services.announcements.announcing import announce_new
from billing.services.announcements.notices import send_notices
from billing.services.announcements.usage_alerts import raise_alerts
from billing.services.announcements.webhook_deliveries import deliver_due
from billing.services.changes.clock_instants import next_instant
from billing.services.changes.dated_work import make_dated_changes
from billing.services.changes.expiring import expire_unpaid
from billing.services.changes.planned_work import start_planned
from billing.services.changes.price_moves import work_on_price_moves
from billing.services.credit.credit_refunds import refund_promised
from billing.services.credit.wallets import fill_paid_top_ups, tend_wallets
from billing.services.disputes.reminders import remind_of_disputes
from billing.services.dunning.overdue import update_overdue
from billing.services.dunning.requests import request_overdue
from billing.services.dunning.runs import run_dunning
from billing.services.invoices.ahead import bill_usage_ahead
from billing.services.invoices.draft_review import issue_reviewed
from billing.services.invoices.due import is_due
from billing.services.invoices.renewal import run_billing
from billing.services.invoices.thresholds import bill_thresholds
from billing.services.payments.collection import collect_due, mark_overdue
from billing.services.payments.hold_rests import let_go_of_rests
from billing.services.payments.lapsing_holds import let_go_of_lapsing
from billing.services.payments.operations import reconcile_operations
from billing.services.payments.reconciling import reconcile_attempts
from billing.services.payments.refunds import reconcile_refunds
from subscriptions.errors import CustomerInvalid
from subscriptions.models import CustomerClock
from subscriptions.services.customer_clocks import (
    clocks_in_use,
    ensure_no_real_money,
    set_clock,
)
from tiktoktoe.kernel.clock import moved_to, utc

STEPS_MAX = 5_000

Act = Callable[[datetime, CustomerClock | None], int]


def advance_clock(*, clock: CustomerClock, to: datetime) -> CustomerClock:
    """Let time pass for a clock's customers: renewals, trials, retries, dunning, overdue invoices,
    wallets, alerts, e-mails and webhooks.

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
        set_clock(clock=clock, to=instant)  # first: stopped half-way, it begins with this again
        with moved_to(instant):
            _pass(clock, instant)
    return set_clock(clock=clock, to=to)


def at_each_time(at: datetime, act: Act, *, outside: bool = False) -> int:
    """Do something for everybody by their own time; gives how many things in all.

    For customers without a test clock at `at`, and for each clock's at what it shows; where
    the outside world is asked or told, a clock that is behind does not hold that up.
    """
    done = act(at, None)
    for clock in clocks_in_use():
        instant = max(clock.at, at) if outside else clock.at
        with moved_to(instant):
            done += act(instant, clock)
    return done


def bill_by_clocks() -> int:
    """Bill what is due by each test clock, as it stands; gives how many runs that took."""
    runs = 0
    for clock in clocks_in_use():
        if is_due(clock.at, clock=clock):
            with moved_to(clock.at):
                run_billing(at=clock.at, clock=clock)
            runs += 1
    return runs


def _pass(clock: CustomerClock, instant: datetime) -> None:
    """Everything that the scheduler does for customers, once, for those of a clock."""
    make_dated_changes(at=instant, clock=clock)
    if is_due(instant, clock=clock):
        run_billing(at=instant, clock=clock)
    start_planned(at=instant, clock=clock)
    issue_reviewed(at=instant, clock=clock)
    bill_thresholds(at=instant, clock=clock)
    bill_usage_ahead(at=instant, clock=clock)
    tend_wallets(at=instant, clock=clock)
    refund_promised(at=instant, clock=clock)
    reconcile_attempts(at=instant, clock=clock)
    reconcile_refunds(at=instant, clock=clock)
    reconcile_operations(at=instant, clock=clock)
    let_go_of_lapsing(at=instant, clock=clock)
    let_go_of_rests(at=instant, clock=clock)
    collect_due(at=instant, clock=clock)
    fill_paid_top_ups(at=instant, clock=clock)
    mark_overdue(at=instant, clock=clock)
    run_dunning(at=instant, clock=clock)
    request_overdue(at=instant, clock=clock)
    update_overdue(at=instant, clock=clock)
    expire_unpaid(at=instant, clock=clock)
    remind_of_disputes(at=instant, clock=clock)
    raise_alerts(at=instant, clock=clock)
    work_on_price_moves(at=instant, clock=clock)
    announce_new(at=instant, clock=clock)
    send_notices(at=instant, clock=clock)
    deliver_due(at=instant, clock=clock)


def _instants(clock: CustomerClock, to: datetime) -> Iterator[datetime]:
    """When something is due, from where the clock stands, and the end."""
    at = CustomerClock.objects.get(pk=clock.pk).at
    yield at
    for _ in range(STEPS_MAX):
        coming = next_instant(clock, after=at, to=to)
        if coming is None:
            yield to
            return
        at = coming
        yield at
    raise CustomerInvalid("too much is due by then", field="to", remedy="an earlier instant")
