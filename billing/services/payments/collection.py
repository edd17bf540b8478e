"""Collecting what is due from customers with a default method, and trying again later."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from billing.domain.attempts import PaymentState, ensure_payment_move
from billing.errors import InvoiceNotOpen, PaymentDisputed, PaymentInFlight
from billing.models import (
    Invoice,
    InvoicePart,
    Payment,
    PaymentAttempt,
    PaymentDecision,
    PaymentMethod,
    PaymentReview,
)
from billing.models.invoices import LEFT_TO_PAY, InvoiceQuerySet
from billing.services.credit.customer_credit import pay_from_balance
from billing.services.payments.channels import Channel
from billing.services.payments.charging import write_routed_attempt
from billing.services.payments.payment_events import record_event
from billing.services.payments.sending import send_attempt
from billing.services.payments.strategy import Pool, load_pool
from subscriptions.models import Customer, CustomerClock, Subscription
from subscriptions.services.customer_clocks import key_of
from subscriptions.services.lifecycle import mark_past_due
from subscriptions.services.transitions import SCHEDULE, Actor
from tiktoktoe.kernel.clock import running_from
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.standing import StandingQuery, standing

logger = logging.getLogger(__name__)

BATCH = 40


@dataclass(frozen=True, slots=True)
class Share:
    """The customers that one of several passes looks after: these, or all but these."""

    customers: frozenset[int] = frozenset()
    is_rest: bool = True


EVERYBODY = Share()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The attempts of some invoices, whether any is not due any more, whether more may wait."""

    attempts: Sequence[PaymentAttempt] = ()
    has_moved: bool = False
    is_full: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of an attempt, and whether its payment is to be tried elsewhere at once."""

    state: str
    is_due_again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What one pass has done: attempts made, and what became of them."""

    attempts: int = 0
    succeeded: int = 0
    declined: int = 0
    unproven: int = 0


def collect_due(
    *,
    at: datetime,
    workers: int = 1,
    clock: CustomerClock | None = None,
    share: Share = EVERYBODY,
) -> Collected:
    """Charge the default methods for everything that is due, each invoice at most once.

    Attempts are committed batch by batch, then sent outside of transactions by a few
    threads. Several passes may run at once; one that dies leaves its attempts to the
    reconciler. With one worker everything happens in the calling thread. Of customers with a
    test clock only those of `clock` are charged, and of it no others; of all, those of the
    share.
    """
    states: list[str] = []
    is_more, by_now = True, running_from(at)
    while is_more:
        batch = _open_batch(by_now(), clock, share)
        answers = _send_all(batch.attempts, by_now=by_now, workers=workers)
        states += [answer.state for answer in answers]
        is_more = batch.has_moved and (batch.is_full or any(a.is_due_again for a in answers))
    dead = sum(state in {"declined", "not_sent", "abandoned"} for state in states)
    succeeded = states.count("succeeded")
    return Collected(
        attempts=len(states),
        succeeded=succeeded,
        declined=dead,
        unproven=len(states) - succeeded - dead,
    )


@transaction.atomic(durable=True)
def _open_batch(at: datetime, clock: CustomerClock | None, share: Share) -> Batch:
    """Claim invoices that are due and commit one attempt for each; other passes skip them.

    What is on a customer's credit balance is used first.
    """
    claimed = _claim(at, clock, share)
    if not claimed:
        return Batch()
    before = _still_due(at, clock, claimed)
    has_credit = pay_from_balance(before, at=at)
    invoices = _still_due(at, clock, claimed) if has_credit else before
    pool = load_pool(customers=[invoice.customer_id for invoice in invoices], at=at)
    written = [_write(invoice, pool, at) for invoice in invoices]
    return Batch(
        attempts=[attempt for attempt in written if isinstance(attempt, PaymentAttempt)],
        has_moved=len(invoices) < len(before) or any(row is not None for row in written),
        is_full=len(claimed) == BATCH,
    )


def mark_overdue(*, at: datetime, clock: CustomerClock | None = None) -> int:
    """Mark active subscriptions past due whose open invoice is overdue; gives how many."""
    marked = 0
    for invoice in _behind.rows(at=at, clock=key_of(clock)):
        assert invoice.subscription is not None
        reason = f"invoice {invoice} is overdue"
        mark_past_due(subscription=invoice.subscription, reason=reason, at=at)
        marked += 1
    return marked + _mark_parts_overdue(at, clock)


def _mark_parts_overdue(at: datetime, clock: CustomerClock | None) -> int:
    """Mark those whose invoice is one for several subscriptions."""
    parts = _parts_behind.rows(at=at, clock=key_of(clock))
    found = {part.subscription_id: part for part in parts}
    for part in found.values():
        reason = f"invoice {part.invoice} is overdue"
        mark_past_due(subscription=part.subscription, reason=reason, at=at)
    return len(found)


@standing
def _behind(at: datetime, clock: int | None) -> QuerySet[Invoice]:
    """The first of each subscription."""
    behind = Invoice.objects.overdue(at).filter(
        subscription__state=Subscription.State.ACTIVE, customer__clock=clock
    )
    invoices = behind.select_related("subscription").order_by("subscription_id", "due_at")
    return invoices.distinct("subscription_id")


@standing
def _parts_behind(at: datetime, clock: int | None) -> QuerySet[InvoicePart]:
    overdue = Invoice.objects.overdue(at).filter(customer__clock=clock)
    parts = InvoicePart.objects.filter(
        invoice__in=overdue, subscription__state=Subscription.State.ACTIVE
    )
    return parts.select_related("subscription", "invoice").order_by("-invoice__due_at")


@transaction.atomic
def resume_collection(
    *, customer: Customer, actor: Actor, at: datetime, currency: str | None = None
) -> int:
    """Let everything that a customer still owes, in a currency or all, be tried again at once.

    Gives how many payments will be.
    """
    owed = Invoice.objects.collectable().filter(customer=customer, payments__isnull=False)
    if currency is not None:
        owed = owed.filter(currency=currency)
    resumed = 0
    for invoice in owed.distinct().order_by("pk"):
        locked = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)
        resumed += _resume(locked, actor, at)
    return resumed


def _claim(at: datetime, clock: CustomerClock | None, share: Share) -> list[UUID]:
    """Lock the first that are due, of a share's customers and of a clock, or of those without."""
    named = list(share.customers)
    if clock is None:
        return _first_due(BATCH, is_rest=share.is_rest).rows(at=at, named=named)
    ours = _due_invoices(at).filter(customer__clock=clock)
    return list(_locked(_of_share(ours, named, is_rest=share.is_rest), BATCH))


@cache
def _first_due(limit: int, *, is_rest: bool) -> StandingQuery[..., Invoice, UUID]:
    def first_due(at: datetime, named: list[int]) -> QuerySet[Invoice, UUID]:
        ours = _due_invoices(at).filter(customer__clock=None)
        return _locked(_of_share(ours, named, is_rest=is_rest), limit)

    return standing(first_due)


def _of_share(ours: InvoiceQuerySet, named: list[int], *, is_rest: bool) -> InvoiceQuerySet:
    named_ones = Q(customer__any_of=named)
    return ours.filter(~named_ones if is_rest else named_ones)


def _locked(due: InvoiceQuerySet, limit: int) -> QuerySet[Invoice, UUID]:
    locked = due.select_for_update(skip_locked=True, of=("self",))
    return locked.order_by("finalized_at", "pk").values_list("pk", flat=True)[:limit]


def _still_due(at: datetime, clock: CustomerClock | None, claimed: list[UUID]) -> list[Invoice]:
    """Asked again now that they are locked: another pass may have been here since."""
    if clock is None:
        return _of_claimed.rows(at=at, claimed=claimed)
    ours = _due_invoices(at).filter(customer__clock=clock, pk__in=claimed)
    return list(ours.select_related("customer").order_by("finalized_at", "pk"))


@standing
def _of_claimed(at: datetime, claimed: list[UUID]) -> QuerySet[Invoice]:
    ours = _due_invoices(at).filter(customer__clock=None, pk__any_of=claimed)
    return ours.select_related("customer").order_by("finalized_at", "pk")


def _due_invoices(at: datetime) -> InvoiceQuerySet:
    """Open invoices that were never charged, or whose next try has come."""
    payments = Payment.objects.filter(invoice=OuterRef("pk"))
    attempts = PaymentAttempt.objects.filter(payment__invoice=OuterRef("pk"))
    methods = PaymentMethod.objects.usable().filter(customer=OuterRef("customer"), is_default=True)
    settled = payments.filter(
        Q(state__in=["processing", "requires_action", "paid", "failed"])
        | Q(next_attempt_at__gt=at)  # nothing could be charged: it waits
        | Q(review__state="open")  # a person has to look first
        | Q(review__state="approved", review__is_hold=True)  # and holds it by hand
    )
    # What a customer tried, and left, is as if it had not been.
    tried = attempts.filter(channel=Channel.STORED_METHOD, is_on_session=False)
    # What was taken back is over, and what was paid in part; what was given back is for people.
    under_way = attempts.live().exclude(payment__state="returned")
    under_way = under_way.exclude(payment__state="paid", payment__invoice__amount_refunded=0)
    return (
        Invoice.objects.collectable()
        .filter(finalized_at__lte=at)
        .alias(left=LEFT_TO_PAY)
        .filter(left__gt=0)
        .filter(Exists(methods), ~Exists(under_way))
        .filter(Exists(payments.due_for_attempt(at)) | (~Exists(settled) & ~Exists(tried)))
    )


def _write(
    invoice: Invoice, pool: Pool, at: datetime
) -> PaymentAttempt | PaymentDecision | PaymentReview | None:
    try:
        return write_routed_attempt(invoice=invoice, pool=pool, actor=SCHEDULE, at=at)
    except (InvoiceNotOpen, PaymentDisputed, PaymentInFlight):
        return None


def _send_all(
    batch: Sequence[PaymentAttempt], *, by_now: Callable[[], datetime], workers: int
) -> list[Answer]:
    if workers == 1 or not batch:
        return [_send(attempt, by_now()) for attempt in batch]
    shares = [share for n in range(workers) if (share := batch[n::workers])]
    with ThreadPoolExecutor(max_workers=len(shares)) as pool:
        results = pool.map(lambda share: _send_share(share, by_now), shares)
        return [answer for answers in results for answer in answers]


def _send_share(share: Sequence[PaymentAttempt], by_now: Callable[[], datetime]) -> list[Answer]:
    """In a thread, which has a database connection of its own."""
    try:
        return [_send(attempt, by_now()) for attempt in share]
    finally:
        connection.close()


def _send(attempt: PaymentAttempt, at: datetime) -> Answer:
    """One customer's trouble must not keep the others from being charged."""
    try:
        sent = send_attempt(attempt=attempt, actor=SCHEDULE, at=at)
    except Exception:
        logger.exception("attempt not settled", extra={"attempt": str(attempt.pk)})
        return Answer(state=str(attempt.state))
    next_at = sent.payment.next_attempt_at
    is_due = sent.payment.state == PaymentState.OPEN and next_at is not None and next_at <= at
    return Answer(state=str(sent.state), is_due_again=is_due)


def _resume(invoice: Invoice, actor: Actor, at: datetime) -> int:
    payments = Payment.objects.select_for_update(of=("self",)).filter(invoice=invoice)
    live = payments.live().first()
    if live is None and payments.filter(state="failed").exists():
        live = Payment.objects.create(
            id=uuid7(),
            customer_id=invoice.customer_id,
            invoice=invoice,
            currency=invoice.currency,
            amount=invoice.amount_due.amount,
            purpose="off_session",
            idempotency_key=f"{invoice.pk}:{payments.count() + 1}",
            created_at=at,
        )
    if live is None or live.attempts.live().exists() or live.state == PaymentState.PROCESSING:
        return 0
    from_state = live.state
    if from_state != PaymentState.OPEN:
        ensure_payment_move(from_state, PaymentState.OPEN)
    live.state, live.next_attempt_at = PaymentState.OPEN, at
    live.save(update_fields=["state", "next_attempt_at"])
    record_event(
        payment=live,
        event="collection_resumed",
        actor=actor,
        at=at,
        from_state=from_state,
        to_state=live.state,
    )
    return 1
