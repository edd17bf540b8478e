"""What billing does by itself; each task may run twice, at once, or be killed."""

from datetime import datetime

from celery import shared_task
from django.conf import settings

from billing.models import BillingRun, WebhookEvent
from billing.services.announcements.announcing import announce_new
from billing.services.announcements.notices import send_notices
from billing.services.announcements.staff_digest import tell_what_waits
from billing.services.announcements.usage_alerts import raise_alerts
from billing.services.announcements.webhook_deliveries import deliver_due
from billing.services.bank.rail import turn_bank_rail
from billing.services.changes.customer_clocks import at_each_time, bill_by_clocks
from billing.services.changes.dated_work import make_dated_changes
from billing.services.changes.expiring import expire_unpaid
from billing.services.changes.planned_work import start_planned
from billing.services.changes.price_moves import work_on_price_moves
from billing.services.credit.credit_refunds import refund_promised
from billing.services.credit.wallets import tend_wallets as tend_wallets_of
from billing.services.disputes.answers import reconcile_answers
from billing.services.disputes.reminders import remind_of_disputes
from billing.services.documents.downloads import forget_downloads, make_waiting_downloads
from billing.services.dunning.overdue import update_overdue
from billing.services.dunning.requests import request_overdue
from billing.services.dunning.runs import run_dunning
from billing.services.invoices.ahead import bill_usage_ahead
from billing.services.invoices.draft_review import issue_reviewed
from billing.services.invoices.dry_run import is_left_alone, work_on_dry_run
from billing.services.invoices.refreshing import refresh_held
from billing.services.invoices.renewal import finish_run, run_in_hand, work_on
from billing.services.invoices.taxing import tax_waiting
from billing.services.invoices.thresholds import bill_thresholds
from billing.services.payments.body_redaction import redact_old_bodies
from billing.services.payments.collection import collect_due, mark_overdue
from billing.services.payments.event_anchors import anchor_events, check_anchors
from billing.services.payments.gateway_mandates import refresh_mandates
from billing.services.payments.hold_rests import let_go_of_rests
from billing.services.payments.lapsed_reviews import lapse_settled_reviews
from billing.services.payments.lapsing_holds import let_go_of_lapsing
from billing.services.payments.missed_events import find_missed as find_missed_events
from billing.services.payments.operations import reconcile_operations
from billing.services.payments.outcomes import count_outcomes
from billing.services.payments.payment_methods import refresh_expiring
from billing.services.payments.reconciling import reconcile_attempts
from billing.services.payments.refunds import reconcile_refunds
from billing.services.payments.routing_policies import end_harmful_trial
from billing.services.payments.webhook_inbox import work_off, work_off_waiting
from subscriptions.models import CustomerClock
from tiktoktoe.kernel.clock import now

SCHEDULES = [
    ("Bill what is due", "billing.tasks.bill_due", 60),
    ("Make changes whose day has come", "billing.tasks.make_changes_of_days", 60),
    ("Go on with a dry run", "billing.tasks.go_on_with_dry_run", 30),
    ("Move subscribers to other prices", "billing.tasks.move_prices", 30),
    ("Issue drafts whose review is over", "billing.tasks.issue_reviewed_drafts", 300),
    ("Work drafts out again with late usage", "billing.tasks.refresh_held_drafts", 300),
    ("Ask the tax engine", "billing.tasks.tax_waiting_drafts", 30),
    ("Bill usage as it comes", "billing.tasks.bill_usage_in_advance", 60),
    ("Bill usage that crossed a threshold", "billing.tasks.bill_crossed_thresholds", 300),
    ("Collect payments that are due", "billing.tasks.collect_payments", 60),
    ("Find out unknown payment outcomes", "billing.tasks.reconcile_payments", 10),
    ("Watch the routing trial", "billing.tasks.watch_routing_trial", 300),
    ("Count payment outcomes", "billing.tasks.count_payment_outcomes", 30),
    ("Look into what gateways have told", "billing.tasks.work_off_events", 10),
    ("Ask for events that never came", "billing.tasks.find_missed", 600),
    ("Seal what happened to payments", "billing.tasks.seal_events", 21_600),
    ("Erase old bodies of events", "billing.tasks.redact_bodies", 3600),
    ("Exchange files with banks", "billing.tasks.exchange_bank_files", 300),
    ("Mark subscriptions past due", "billing.tasks.mark_overdue_subscriptions", 3600),
    ("Do the dunning steps that are due", "billing.tasks.dun", 60),
    ("Fill, top up and expire wallets", "billing.tasks.tend_wallets", 60),
    (
        "Give up subscriptions that were never paid",
        "billing.tasks.expire_unpaid_subscriptions",
        900,
    ),
    ("Find what is to be announced", "billing.tasks.announce", 60),
    ("Raise usage alerts", "billing.tasks.raise_usage_alerts", 300),
    ("Ask about cards that expire", "billing.tasks.refresh_expiring_methods", 3600),
    ("Let go of holds that would lapse", "billing.tasks.let_go_of_holds", 900),
    ("Remind of disputes", "billing.tasks.remind_of_due_disputes", 3600),
    ("Tell the company what waits", "billing.tasks.tell_the_company", 3600),
    ("Send notices", "billing.tasks.send_due_notices", 30),
    ("Deliver webhooks", "billing.tasks.deliver_webhooks", 10),
    ("Make and forget customers' downloads", "billing.tasks.make_downloads", 300),
]
COLLECTION_THREADS = 4
DELIVERY_THREADS = 4


@shared_task
def issue_reviewed_drafts() -> int:
    """Issue what nobody has discarded while it was held; gives how many."""
    return at_each_time(now(), lambda at, clock: issue_reviewed(at=at, clock=clock))


@shared_task
def refresh_held_drafts() -> int:
    """Put usage that came late on the drafts that wait for people; gives how many changed."""
    return at_each_time(now(), lambda at, clock: refresh_held(at=at, clock=clock))


@shared_task
def collect_payments() -> int:
    """Charge stored methods for what is due, once reviews of what is settled have lapsed; gives
    how many attempts were made."""

    def collect(at: datetime, clock: CustomerClock | None) -> int:
        # A clock's time is held in this thread alone.
        workers = 1 if clock else COLLECTION_THREADS
        return collect_due(at=at, workers=workers, clock=clock).attempts

    lapse_settled_reviews(at=now())
    return at_each_time(now(), collect)


@shared_task
def reconcile_payments() -> int:
    """Look into payments, refunds, captures, voids and answers to disputes that are not known, and
    send refunds that were promised and not sent; gives how many."""
    at = now()

    def reconcile(instant: datetime, clock: CustomerClock | None) -> int:
        promised = refund_promised(at=instant, clock=clock)
        attempts = reconcile_attempts(at=instant, clock=clock)
        refunds = reconcile_refunds(at=instant, clock=clock)
        operations = reconcile_operations(at=instant, clock=clock)
        return promised + attempts + refunds + operations

    return at_each_time(at, reconcile, outside=True) + reconcile_answers(at=at)


@shared_task
def refresh_expiring_methods() -> int:
    """Ask gateways about cards that expire soon, and mandates; gives how many."""
    return refresh_expiring(at=now()) + refresh_mandates(at=now())


@shared_task
def let_go_of_holds() -> int:
    """End the holds that would lapse soon, let go of what captures have left; gives how many."""

    def let_go(at: datetime, clock: CustomerClock | None) -> int:
        return let_go_of_lapsing(at=at, clock=clock) + let_go_of_rests(at=at, clock=clock)

    return at_each_time(now(), let_go)


@shared_task
def remind_of_due_disputes() -> int:
    """Write to the company of disputes that are to be answered soon; gives how many."""
    return at_each_time(now(), lambda at, clock: remind_of_disputes(at=at, clock=clock))


@shared_task
def tell_the_company() -> int:
    """Write to the company of what waits for people, once a day; gives how many e-mails."""
    return tell_what_waits(at=now())


@shared_task
def watch_routing_trial() -> bool:
    """End a routing trial that does harm; whether one was ended."""
    return end_harmful_trial()


@shared_task
def exchange_bank_files() -> int:
    """Read what banks have sent, and send them what is due; gives how many messages and files."""
    turn = turn_bank_rail(at=now())
    return turn.messages + turn.sent


@shared_task
def count_payment_outcomes() -> int:
    """Count settled attempts into what routing knows of gateways; gives how many."""
    return count_outcomes(at=now())


@shared_task
def mark_overdue_subscriptions() -> int:
    """Mark active subscriptions with an overdue invoice; gives how many."""
    return at_each_time(now(), lambda at, clock: mark_overdue(at=at, clock=clock))


@shared_task
def dun() -> int:
    """Advance dunning runs, ask for overdue balances, find overdue states; gives how many acts."""
    return at_each_time(now(), _dun)


def _dun(at: datetime, clock: CustomerClock | None) -> int:
    done = run_dunning(at=at, clock=clock) + request_overdue(at=at, clock=clock)
    return done + update_overdue(at=at, clock=clock)


@shared_task
def expire_unpaid_subscriptions() -> int:
    """Give up subscriptions whose first invoice was never paid; gives how many."""
    return at_each_time(now(), lambda at, clock: expire_unpaid(at=at, clock=clock))


@shared_task
def tend_wallets() -> int:
    """Fill what was paid for, take away what expired, buy more where it is low."""
    return at_each_time(now(), lambda at, clock: tend_wallets_of(at=at, clock=clock))


@shared_task
def move_prices() -> int:
    """Move subscribers to other prices until none is due for this worker; gives how many."""
    return at_each_time(now(), _move_prices)


def _move_prices(at: datetime, clock: CustomerClock | None) -> int:
    moved = 0
    while done := work_on_price_moves(at=at, clock=clock):
        moved += done
    return moved


@shared_task
def make_changes_of_days() -> int:
    """Make the changes and starts whose day has come, all that are left; gives how many."""
    return at_each_time(now(), _make_changes)


def _make_changes(at: datetime, clock: CustomerClock | None) -> int:
    made = 0
    while done := make_dated_changes(at=at, clock=clock):
        made += done
    while done := start_planned(at=at, clock=clock):
        made += done
    return made


@shared_task
def tax_waiting_drafts() -> int:
    """Ask the tax engine about drafts that wait for it; gives how many were answered."""
    return tax_waiting(at=now())


@shared_task
def bill_usage_in_advance() -> int:
    """Bill new usage of prices in advance; gives how many invoices."""
    return at_each_time(now(), lambda at, clock: bill_usage_ahead(at=at, clock=clock))


@shared_task
def bill_crossed_thresholds() -> int:
    """Bill usage early where it crossed a threshold of its plan; gives how many invoices."""
    return at_each_time(now(), lambda at, clock: bill_thresholds(at=at, clock=clock))


@shared_task
def announce() -> int:
    """Announce what has happened since; gives how many things."""
    ours = now()
    return at_each_time(ours, lambda at, clock: announce_new(at=at, clock=clock, ours=ours))


@shared_task
def raise_usage_alerts() -> int:
    """Raise what usage has reached of what is included and of budgets; gives how many."""
    return at_each_time(now(), lambda at, clock: raise_alerts(at=at, clock=clock))


@shared_task
def send_due_notices() -> int:
    """Send the e-mails that are due; gives how many were sent."""
    return at_each_time(
        now(), lambda at, clock: send_notices(at=at, clock=clock).sent, outside=True
    )


@shared_task
def deliver_webhooks() -> int:
    """Send the events that are due; gives how many requests were made."""

    def deliver(at: datetime, clock: CustomerClock | None) -> int:
        return deliver_due(at=at, workers=1 if clock else DELIVERY_THREADS, clock=clock)

    return at_each_time(now(), deliver, outside=True)


@shared_task
def make_downloads() -> int:
    """Forget the files whose time is over, and make those that wait; gives how many were made."""
    forget_downloads(at=now())
    return make_waiting_downloads(at=now())


@shared_task
def work_off_event(event_id: int) -> str:
    """Look into an event of a gateway."""
    return work_off(event=WebhookEvent.objects.get(pk=event_id), at=now()).result


@shared_task
def work_off_events() -> int:
    """Look into the events that wait; gives how many."""
    return work_off_waiting(at=now())


@shared_task
def find_missed() -> int:
    """Ask for the events that never arrived by webhook; gives how many there were."""
    return find_missed_events(at=now())


@shared_task
def seal_events() -> int:
    """Anchor what was written of payments, and recount all anchors; gives how many were made."""
    made = anchor_events(at=now())
    check_anchors(at=now())
    return made


@shared_task
def redact_bodies() -> int:
    """Erase the bodies of events whose time is over; gives how many."""
    return redact_old_bodies(at=now())


BEAT_SECONDS = 60


@shared_task
def bill_due() -> int:
    """Put workers on what is due to be billed; gives how many."""
    bill_by_clocks()
    run = run_in_hand(at=now())
    if run is None:
        return 0
    chunks = -(-run.due_count // settings.BILLING_CHUNK_SIZE)
    workers = max(1, min(chunks, settings.BILLING_WORKERS))
    for _ in range(workers):
        # One that finds every worker busy is dropped: the next minute puts another.
        work_on_run.apply_async((run.pk,), expires=BEAT_SECONDS)
    return workers


@shared_task
def work_on_run(run_id: int) -> int:
    """Bill chunks of a run until none is left for this worker; gives how many invoices."""
    run = BillingRun.objects.get(pk=run_id)
    invoices = 0
    while (done := work_on(run=run, at=now())).billed:
        invoices += done.invoices
    finish_run(run=run, at=now())
    return invoices


@shared_task
def rehearse_billing() -> int:
    """Work out chunks of a dry run until none is left for this worker; gives how many."""
    chunks = 0
    while work_on_dry_run(at=now()):
        chunks += 1
    return chunks


@shared_task
def go_on_with_dry_run() -> bool:
    """Put a worker on a dry run whose workers have died; gives whether there was one."""
    left_alone = is_left_alone(now())
    if left_alone:
        rehearse_billing.apply_async(expires=30)
    return left_alone
