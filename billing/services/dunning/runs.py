"""Dunning runs: opened over past-due invoices, advanced step by step, ended when settled.

A pass may run twice, at once, or die: a run is opened once per invoice and a step is done once
per run, which the database sees to. Whatever decides that money is owed or was paid is looked
at anew before each step.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from billing.domain.campaigns import StepKind, days_after
from billing.models import (
    DunningAct,
    DunningEvent,
    DunningRule,
    DunningRun,
    DunningStep,
    Invoice,
    PaymentAttempt,
)
from billing.models.invoices import LEFT_TO_PAY, InvoiceQuerySet
from billing.services.changes.pausing import resume
from billing.services.dunning.campaigns import CampaignBook, plans_of
from billing.services.dunning.steps import (
    PaymentUnderWay,
    Performed,
    attempt_since,
    perform,
    stopped_by,
)
from billing.services.payments.channels import Channel
from billing.services.payments.payment_events import actor_name
from subscriptions.models import CustomerClock, Subscription
from subscriptions.services.customer_clocks import key_of
from subscriptions.services.restrictions import lift_restrictions
from subscriptions.services.transitions import SCHEDULE, Actor
from tiktoktoe.kernel.clock import utc
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)

BATCH = 200
UNDER_WAY_WAIT = timedelta(minutes=1)
TROUBLE_WAIT = timedelta(hours=1)
_OUTCOME_OF = {
    Invoice.State.PAID: DunningRun.Outcome.PAID,
    Invoice.State.VOID: DunningRun.Outcome.VOID,
    Invoice.State.UNCOLLECTIBLE: DunningRun.Outcome.WRITTEN_OFF,
}


def run_dunning(*, at: datetime, clock: CustomerClock | None = None) -> int:
    """One pass: end what is settled, open what fell past due, do what is due; gives how many steps.

    Of customers with a test clock only those of `clock` are dunned, and of it no others.
    Pausing and canceling may talk to a gateway: wrap no transaction around it.
    """
    end_settled(at=at, clock=clock)
    open_runs(at=at, clock=clock)
    done = 0
    for run in _due_runs(at, clock):
        done += _advance_safely(run, at)
    return done


def open_runs(*, at: datetime, clock: CustomerClock | None = None) -> int:
    """Open a run for every invoice that fell past due; gives how many."""
    opened = 0
    while batch := _open_batch(at, clock):
        opened += batch
    return opened


@transaction.atomic
def _open_batch(at: datetime, clock: CustomerClock | None) -> int:
    invoices = _first_past_due.rows(at=at, clock=key_of(clock))
    if not invoices:
        return 0
    book, plans = CampaignBook(), plans_of(invoices)
    found_runs = (
        _run_of(invoice, book.rule_for(plans[invoice.pk], at), at) for invoice in invoices
    )
    runs = [run for run in found_runs if run is not None]
    DunningRun.objects.bulk_create(runs, ignore_conflicts=True)
    mine = DunningRun.objects.filter(pk__in=[run.pk for run in runs])
    DunningEvent.objects.bulk_create(
        DunningEvent(run=run, at=at, actor=actor_name(SCHEDULE), event="opened") for run in mine
    )
    # Where no campaign counts there is nothing to open, and nothing more to look for.
    return len(mine) if len(runs) == len(invoices) else 0


@standing
def _first_past_due(at: datetime, clock: int | None) -> InvoiceQuerySet:
    found = past_due_invoices(at, clock).select_for_update(skip_locked=True, of=("self",))
    return found.select_related("customer")[:BATCH]


def past_due_invoices(at: datetime, clock: int | None) -> InvoiceQuerySet:
    """Open invoices with a declined payment, or past their due day, that have no run yet.

    One whose run somebody has stopped stays without; the first of a subscription that has not
    begun is given up in another way (billing.services.changes.expiring).
    """
    declined = PaymentAttempt.objects.filter(
        payment__invoice=OuterRef("pk"),
        channel=Channel.STORED_METHOD,
        state=PaymentAttempt.State.DECLINED,
        resolved_at__lte=at,
    )
    runs = DunningRun.objects.filter(invoice=OuterRef("pk"))
    no_more = runs.filter(Q(ended_at__isnull=True) | Q(outcome=DunningRun.Outcome.STOPPED))
    first = declined.order_by("resolved_at").values("resolved_at")[:1]
    return (
        Invoice.objects.collectable()
        .filter(customer__clock=clock, finalized_at__lte=at)
        .alias(left=LEFT_TO_PAY)
        .filter(left__gt=0)
        .filter(Q(due_at__lt=at) | Exists(declined))
        .filter(~Exists(no_more))
        .exclude(subscription__state=Subscription.State.INCOMPLETE)
        .without_debit_on_its_way()
        .annotate(first_declined_at=Subquery(first), was_dunned=Exists(runs))
        .order_by("finalized_at", "pk")
    )


def _run_of(invoice: Invoice, rule: DunningRule | None, at: datetime) -> DunningRun | None:
    """Its run to be. Days are counted from when it fell past due, but never from before the
    campaign counted, or from before it was settled the last time."""
    if rule is None or rule.campaign is None:
        return None
    fell = [invoice.first_declined_at, invoice.due_at]  # type: ignore[attr-defined]
    past_due_from = min(instant for instant in fell if instant is not None)
    day_0 = at if invoice.was_dunned else max(past_due_from, rule.effective_from)  # type: ignore[attr-defined]
    steps = rule.campaign.terms.steps
    first = days_after(day_0, steps[0].day, invoice.customer.time_zone) if steps else None
    return DunningRun(
        id=uuid7(),
        campaign=rule.campaign,
        customer=invoice.customer,
        invoice=invoice,
        past_due_from=day_0,
        opened_at=at,
        next_step_at=first,
    )


def end_settled(*, at: datetime, clock: CustomerClock | None = None) -> int:
    """End the runs of invoices that were paid, taken back or given up; gives how many."""
    ended = 0
    for pk in _settled.rows(clock=key_of(clock)):
        run = load_run(pk)
        _note_last_retry(run, at)
        outcome = _OUTCOME_OF[Invoice.State(run.invoice.state)]
        ended += end_run(run=run, outcome=outcome, actor=SCHEDULE, at=at)
    return ended


@standing
def _settled(clock: int | None) -> "QuerySet[DunningRun, UUID]":
    settled = DunningRun.objects.going_on().filter(
        customer__clock=clock, invoice__state__in=list(_OUTCOME_OF)
    )
    return settled.order_by("pk").values_list("pk", flat=True)[: 10 * BATCH]


def _note_last_retry(run: DunningRun, at: datetime) -> None:
    """The retry that was paid is a step that was done, though the run ends before it is seen."""
    due = next_step(run)
    if due is None or due[0].kind != StepKind.RETRY or due[1] > at:
        return
    attempt = attempt_since(run.invoice, due[1])
    if attempt is not None:
        performed = Performed(attempt=attempt)
        record_act(run=run, step=due[0], performed=performed, due_at=due[1], actor=SCHEDULE, at=at)


def end_run(*, run: DunningRun, outcome: str, actor: Actor, at: datetime, reason: str = "") -> bool:
    """End a run with its outcome and give back what it held back; whether it had not ended yet.

    What it paused goes on once the invoice is paid.
    """
    with transaction.atomic():
        locked = lock_run(run)
        if locked.ended_at is not None:
            return False
        locked.ended_at, locked.outcome, locked.next_step_at = at, outcome, None
        locked.save(update_fields=["ended_at", "outcome", "next_step_at"])
        note(locked, outcome, actor=actor, reason=reason, at=at)
        lift_restrictions(source=locked.source, at=at)
    if outcome == DunningRun.Outcome.PAID:
        _resume(locked, at)
    logger.info("dunning ended", extra={"run": str(run.pk), "outcome": outcome})
    return True


def _resume(run: DunningRun, at: datetime) -> None:
    paused = run.acts.filter(step__kind=StepKind.PAUSE, state=DunningAct.State.DONE)
    if not paused.exists():
        return
    for subscription in stopped_by(run, Subscription.State.PAUSED):
        try:
            resume(
                subscription=subscription, actor=SCHEDULE, reason=f"{run.invoice} is paid", at=at
            )
        except (Conflict, InvalidInput) as problem:
            with transaction.atomic():
                reason = f"{subscription}: {problem}"
                note(run, "not_resumed", actor=SCHEDULE, reason=reason, at=at)


def _due_runs(at: datetime, clock: CustomerClock | None) -> Iterator[DunningRun]:
    for pk in _with_step_due.rows(at=at, clock=key_of(clock)):
        yield load_run(pk)


@standing
def _with_step_due(at: datetime, clock: int | None) -> "QuerySet[DunningRun, UUID]":
    due = DunningRun.objects.due(at).filter(customer__clock=clock)
    return due.order_by("next_step_at", "pk").values_list("pk", flat=True)[: 10 * BATCH]


def _advance_safely(run: DunningRun, at: datetime) -> int:
    """One invoice's trouble must not hold up the others."""
    try:
        return advance_run(run=run, at=at)
    except Exception:
        logger.exception("dunning step failed", extra={"run": str(run.pk)})
        DunningRun.objects.going_on().filter(pk=run.pk).update(next_step_at=at + TROUBLE_WAIT)
        return 0


def advance_run(*, run: DunningRun, at: datetime) -> int:
    """Do the steps of a run that are due, in their order; gives how many."""
    done = 0
    while (due := next_step(run)) is not None:
        step, due_at = due
        if due_at > at or not is_owed(run):
            break
        try:
            performed = perform(run=run, step=step, due_at=due_at, at=at)
        except PaymentUnderWay:
            wait = at + UNDER_WAY_WAIT
            DunningRun.objects.going_on().filter(pk=run.pk).update(next_step_at=wait)
            break
        done += record_act(
            run=run, step=step, performed=performed, due_at=due_at, actor=SCHEDULE, at=at
        )
        run = load_run(run.pk)
    return done


def is_owed(run: DunningRun) -> bool:
    """Whether the run goes on and its invoice is still to be paid."""
    invoice = run.invoice
    is_open = invoice.state == Invoice.State.OPEN and invoice.amount_due.amount > 0
    return run.ended_at is None and is_open


def next_step(run: DunningRun) -> tuple[DunningStep, datetime] | None:
    """The first step of which nothing became yet, and when it is due; None if there is no more."""
    acted = {act.step_id for act in run.acts.all()}
    for step in run.campaign.steps.all():
        if step.pk not in acted:
            due_at = days_after(run.past_due_from, step.day, run.customer.time_zone)
            promised = run.promised_until
            return step, max(due_at, utc(promised)) if promised is not None else due_at
    return None


@transaction.atomic
def record_act(
    *,
    run: DunningRun,
    step: DunningStep,
    performed: Performed,
    due_at: datetime,
    actor: Actor,
    at: datetime,
) -> bool:
    """Write down what became of a step, and do what belongs to it; whether nobody had before."""
    locked = lock_run(run)
    if locked.ended_at is not None or locked.acts.filter(step=step).exists():
        return False
    DunningAct.objects.create(
        run=locked,
        step=step,
        state=performed.state,
        reason=performed.reason,
        attempt=performed.attempt,
        due_at=due_at,
        at=at,
        actor=actor_name(actor)[:64],
    )
    performed.effect()
    coming = next_step(load_run(locked.pk))
    locked.next_step_at = coming[1] if coming else None
    locked.save(update_fields=["next_step_at"])
    logger.info(
        "dunning step",
        extra={"run": str(run.pk), "kind": step.kind, "state": str(performed.state)},
    )
    return True


def note(run: DunningRun, event: str, *, actor: Actor, at: datetime, reason: str = "") -> None:
    """Write down what was decided about a run, in the caller's transaction."""
    DunningEvent.objects.create(
        run=run, at=at, actor=actor_name(actor)[:64], event=event, reason=reason[:300]
    )


def load_run(run_id: UUID) -> DunningRun:
    """A run with everything that its next step asks for."""
    return _run.get(pk=run_id)


@standing
def _run(pk: UUID) -> QuerySet[DunningRun]:
    runs = DunningRun.objects.select_related(
        "campaign", "customer", "invoice__subscription__plan_version"
    )
    return runs.prefetch_related("campaign__steps", "acts").filter(pk=pk).order_by()


def lock_run(run: DunningRun) -> DunningRun:
    """The run as the database has it now, locked until the transaction ends."""
    return DunningRun.objects.select_for_update(of=("self",)).get(pk=run.pk)
