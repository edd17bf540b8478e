"""What is left of an invoice that was paid in part goes on being collected as before."""

from datetime import datetime

from billing.domain.attempts import PaymentState
from billing.models import Invoice, Payment
from billing.services.payments.charging import default_method
from billing.services.payments.payment_events import record_event
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.ids import uuid7


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
    payments = Payment.objects.filter(invoice=invoice)
    if invoice.state != Invoice.State.OPEN or invoice.amount_due.amount <= 0:
        return None
    was_given_up = before is None and payments.filter(state=PaymentState.FAILED).exists()
    if was_given_up or payments.live().exists() or default_method(invoice) is None:
        return None
    must_act = before is not None and before.state == PaymentState.REQUIRES_ACTION
    planned_at = before.next_attempt_at if before is not None else at
    payment = Payment.objects.create(
        id=uuid7(),
        customer_id=invoice.customer_id,
        invoice=invoice,
        currency=invoice.currency,
        amount=invoice.amount_due.amount,
        state=PaymentState.REQUIRES_ACTION if must_act else PaymentState.OPEN,
        purpose="off_session",
        idempotency_key=f"{invoice.pk}:{payments.count() + 1}",
        next_attempt_at=None if must_act else planned_at or at,
        retries_done=before.retries_done if before is not None else 0,
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
    return payment
