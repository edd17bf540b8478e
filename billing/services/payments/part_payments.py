"""What is left of an invoice that was paid in part goes on being collected as before."""

from dataclasses import dataclass
from datetime import datetime

from billing.domain.attempts import PaymentState
from billing.errors import PaymentHeld
from billing.models import Invoice, Payment, PaymentAttempt, PaymentMethod, PaymentReview
from billing.services.payments.channels import Channel
from billing.services.payments.payment_events import record_event
from billing.services.payments.reviews import hold_for_person, is_contradicted
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.ids import uuid7

Rest = Payment.Rest
_CONTRADICTED = {"a gateway contradicts an earlier payment of the invoice": 100}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How an invoice was about to be collected: by itself, by the customer's doing, or not."""

    rest: Payment.Rest
    at: datetime | None = None


def collect_rest(
    *, invoice: Invoice, before: Payment | None, actor: Actor, at: datetime
) -> Payment | None:
    """Open a payment for the rest: as it was planned, or at once if nothing was tried yet.

    What had been given up stays given up, and without a stored method there is nothing to
    charge. The caller holds the invoice's lock.

    Args:
        invoice: As it is after the part was paid.
        before: The payment that was being collected until then, as it was.
        actor: Who took the part.
        at: Now.
    """
    failed = Payment.objects.filter(invoice=invoice, state=PaymentState.FAILED)
    if before is None:
        plan = Plan(rest=Rest.LEFT if failed.exists() else Rest.OPEN)
    elif before.state == PaymentState.REQUIRES_ACTION:
        plan = Plan(rest=Rest.REQUIRES_ACTION)
    else:
        plan = Plan(rest=Rest.OPEN, at=before.next_attempt_at)
    retries = before.retries_done if before is not None else 0
    return _open_rest(invoice, plan, retries, actor, at)


def plan_of_rest(invoice: Invoice) -> Plan:
    """What had been planned for an invoice of which a customer is about to pay a part.

    Where it would not have been charged by itself, for want of a method or since it was tried
    in vain, the rest is not either, though a method be stored with the part.

    Raises:
        PaymentHeld: If a person is looking at what was to be collected.
    """
    live = invoice.payments.live().first()
    if live is not None and PaymentReview.objects.filter(payment=live, state="open").exists():
        raise PaymentHeld("a person has to look at an earlier payment of this invoice first")
    if live is not None and Rest.REQUIRES_ACTION in {live.state, live.rest}:
        return Plan(rest=Rest.REQUIRES_ACTION)
    if not _has_default(invoice):
        return Plan(rest=Rest.LEFT)
    if live is not None and live.next_attempt_at is not None:
        return Plan(rest=Rest.OPEN, at=live.next_attempt_at)
    tried = PaymentAttempt.objects.filter(
        payment__invoice=invoice, channel=Channel.STORED_METHOD
    ).exists()
    given_up = invoice.payments.filter(state=PaymentState.FAILED).exists()
    return Plan(rest=Rest.LEFT if tried or given_up else Rest.OPEN)


def keep_plan(payment: Payment, plan: Plan | None) -> None:
    """Keep with a part what had been planned, to go on with the rest; None: it is no part."""
    rest, rest_at = (plan.rest, plan.at) if plan is not None else (Rest.NONE, None)
    if (payment.rest, payment.rest_at) == (rest, rest_at):
        return
    payment.rest, payment.rest_at = rest, rest_at
    if plan is not None:
        payment.next_attempt_at = rest_at  # stands, should the customer leave the page
    payment.save(update_fields=["rest", "rest_at", "next_attempt_at"])


def collect_rest_of(payment: Payment, *, actor: Actor, at: datetime) -> Payment | None:
    """Open a payment for what a part has left, as it was planned; of no part nothing is."""
    if payment.rest == Rest.NONE:
        return None
    plan = Plan(rest=Payment.Rest(payment.rest), at=payment.rest_at)
    return _open_rest(payment.invoice, plan, payment.retries_done, actor, at)


def planned_again(payment: Payment) -> PaymentState | None:
    """After a part was declined: the state in which all stays as planned; sets the next try.

    None where nothing had been tried: then the decline plans, as of any payment.
    """
    if payment.rest == Rest.NONE or (payment.rest == Rest.OPEN and payment.rest_at is None):
        return None
    payment.next_attempt_at = payment.rest_at
    return {
        Rest.OPEN: PaymentState.OPEN,
        Rest.REQUIRES_ACTION: PaymentState.REQUIRES_ACTION,
        Rest.LEFT: PaymentState.FAILED,
    }[Payment.Rest(payment.rest)]


def _open_rest(
    invoice: Invoice, plan: Plan, retries: int, actor: Actor, at: datetime
) -> Payment | None:
    payments = Payment.objects.filter(invoice=invoice)
    if invoice.state != Invoice.State.OPEN or invoice.amount_due.amount <= 0:
        return None
    if plan.rest == Rest.LEFT or payments.live().exists() or not _has_default(invoice):
        return None
    must_act = plan.rest == Rest.REQUIRES_ACTION
    payment = Payment.objects.create(
        id=uuid7(),
        customer_id=invoice.customer_id,
        invoice=invoice,
        currency=invoice.currency,
        amount=invoice.amount_due.amount,
        state=PaymentState.REQUIRES_ACTION if must_act else PaymentState.OPEN,
        purpose="off_session",
        idempotency_key=f"{invoice.pk}:{payments.count() + 1}",
        next_attempt_at=None if must_act else plan.at or at,
        retries_done=retries,
        created_at=at,
    )
    record_event(
        payment=payment,
        event="collection_of_rest",
        actor=actor,
        at=at,
        to_state=payment.state,
        details={"reason": "a part was paid"},
    )
    if is_contradicted(invoice):
        hold_for_person(payment=payment, hits=_CONTRADICTED, at=at)
    return payment


def _has_default(invoice: Invoice) -> bool:
    methods = PaymentMethod.objects.usable().filter(customer_id=invoice.customer_id)
    return methods.filter(is_default=True).exists()
