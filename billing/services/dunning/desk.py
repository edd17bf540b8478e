"""What people decide about a dunning run; each decision has a reason and leaves a row."""

from datetime import date, datetime, timedelta

from django.db import transaction

from billing.domain.attempts import PaymentState
from billing.domain.campaigns import StepKind, days_after
from billing.errors import DunningEnded, PromiseInvalid
from billing.models import DunningAct, DunningRun, Invoice, Payment, PaymentAttempt
from billing.services.dunning.runs import (
    end_run,
    load_run,
    lock_run,
    next_step,
    note,
    record_act,
)
from billing.services.dunning.steps import Performed
from billing.services.payments.charging import charge_invoice
from billing.services.payments.payment_events import record_event
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.periods import local_date, local_midnight

PROMISE_DAYS_MAX = 90


def retry_now(*, run: DunningRun, reason: str, actor: Actor, at: datetime) -> PaymentAttempt:
    """Charge the stored method at once, by every rule that counts for any charge.

    Talks to the gateway: wrap no transaction around it.

    Raises:
        DunningEnded: If the run has ended.
        Conflict: Whatever `charge_invoice` refuses.
    """
    loaded = _going_on(run, reason)
    attempt = charge_invoice(invoice=loaded.invoice, actor=actor, at=at)
    with transaction.atomic():
        note(loaded, "retried", actor=actor, reason=reason, at=at)
    return attempt


@transaction.atomic
def skip_step(
    *, run: DunningRun, position: int, reason: str, actor: Actor, at: datetime
) -> DunningAct:
    """Leave out the next step of a run; what comes after it keeps its day.

    Raises:
        DunningEnded: If the run has ended, or another step is next.
    """
    lock_run(run)
    loaded = _going_on(run, reason)
    due = next_step(loaded)
    if due is None or due[0].position != position:
        raise DunningEnded("another step is next by now; look at it again")
    step, due_at = due
    skipped = Performed(state=DunningAct.State.SKIPPED, reason=reason)
    record_act(run=loaded, step=step, performed=skipped, due_at=due_at, actor=actor, at=at)
    if step.kind == StepKind.RETRY:
        _put_off_retry(loaded, _next_retry_at(loaded), actor=actor, reason=reason, at=at)
    return DunningAct.objects.get(run=run, step=step)


def stop_run(*, run: DunningRun, reason: str, actor: Actor, at: datetime) -> DunningRun:
    """Do nothing more about an invoice by itself, retries included; it can still be paid.

    Raises:
        DunningEnded: If the run has ended.
    """
    loaded = _going_on(run, reason)
    with transaction.atomic():
        _put_off_retry(loaded, None, actor=actor, reason=reason, at=at)
        stopped = DunningRun.Outcome.STOPPED
        if not end_run(run=loaded, outcome=stopped, actor=actor, reason=reason, at=at):
            raise DunningEnded("it has ended in the meantime")
    return load_run(run.pk)


@transaction.atomic
def note_promise(
    *, run: DunningRun, until: date, reason: str, actor: Actor, at: datetime
) -> DunningRun:
    """Hold every step and retry until the day after the one on which the customer will have paid.

    Raises:
        DunningEnded: If the run has ended.
        PromiseInvalid: If the day is over, or more than 90 days off.
    """
    locked = lock_run(run)
    loaded = _going_on(run, reason)
    zone = loaded.customer.time_zone
    today = local_date(at, zone)
    if not today <= until <= today + timedelta(days=PROMISE_DAYS_MAX):
        raise PromiseInvalid(
            f"{until} is not within {PROMISE_DAYS_MAX} days from today", field="until"
        )
    held_until = local_midnight(until + timedelta(days=1), zone)
    locked.promised_until = held_until
    loaded.promised_until = held_until
    due = next_step(loaded)
    locked.next_step_at = due[1] if due else None
    locked.save(update_fields=["promised_until", "next_step_at"])
    note(locked, "promised", actor=actor, reason=f"until {until}: {reason}", at=at)
    _put_off_retry(loaded, held_until, actor=actor, reason="a promise to pay", at=at)
    return load_run(run.pk)


def _going_on(run: DunningRun, reason: str) -> DunningRun:
    loaded = load_run(run.pk)
    if loaded.ended_at is not None:
        raise DunningEnded(f"it has ended on {loaded.ended_at:%Y-%m-%d}: {loaded.outcome}")
    if not reason.strip():
        raise DunningEnded("say why")
    return loaded


def _next_retry_at(run: DunningRun) -> datetime | None:
    """When the first retry step after those of which something became is due."""
    acted = set(run.acts.values_list("step_id", flat=True))
    for step in run.campaign.steps.all():
        if step.pk not in acted and step.kind == StepKind.RETRY:
            return days_after(run.past_due_from, step.day, run.customer.time_zone)
    return None


def _put_off_retry(
    run: DunningRun, until: datetime | None, *, actor: Actor, reason: str, at: datetime
) -> None:
    """Let the planned retry wait until an instant, or not come by itself at all."""
    Invoice.objects.select_for_update(of=("self",)).get(pk=run.invoice_id)
    planned = Payment.objects.select_for_update(of=("self",)).filter(
        invoice=run.invoice, state=PaymentState.OPEN, next_attempt_at__isnull=False
    )
    payment = planned.first()
    if payment is None or payment.next_attempt_at is None:
        return
    payment.next_attempt_at = max(payment.next_attempt_at, until) if until else None
    payment.save(update_fields=["next_attempt_at"])
    record_event(
        payment=payment, event="retry_put_off", actor=actor, at=at, details={"reason": reason[:200]}
    )
