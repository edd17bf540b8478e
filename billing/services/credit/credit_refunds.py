"""What credit notes promise to give back as money is given back, payment by payment.

Who issues a note sends its refund once the note is written; what nobody has sent, because a
billing run made the note or somebody died in between, is found and sent by the scheduler.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet

from billing.domain.attempts import COUNTED_REFUND_STATES
from billing.models import CreditNote, Payment, Refund
from billing.services.payments.refunds import refund_payment
from subscriptions.models import CustomerClock
from subscriptions.services.transitions import SCHEDULE, Actor
from tiktoktoe.kernel.errors import Conflict, GatewayError, InvalidInput
from tiktoktoe.kernel.money import Money, total
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)
LOOKED_BACK = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class _Share:
    payment: Payment
    amount: Money


def refund_credit_note(*, note: CreditNote, actor: Actor, at: datetime) -> list[Refund]:
    """Refund what a credit note promises and no refund has given yet, the latest payment first.

    Safe to repeat: what is on its way counts as given. Talks to gateways, so wrap nothing
    around it.

    Raises:
        PaymentNotRefundable, RefundExceedsPayment: If a payment gave something back meanwhile.
    """
    return [
        refund_payment(
            payment=share.payment,
            amount=share.amount,
            reason=note.reason,
            actor=actor,
            idempotency_key=f"note:{note.pk}:{share.payment.pk}:{_tries(note, share.payment)}",
            at=at,
            credit_note=note,
        )
        for share in _shares(note)
    ]


def refund_promised(*, at: datetime, clock: CustomerClock | None = None) -> int:
    """Refund what credit notes promise and nobody has tried to give yet; gives how many notes.

    What was tried in vain waits for a person. Of customers with a test clock only those of
    `clock` are looked at, and of it no others. Talks to gateways, so wrap nothing around it.
    """
    since = at - LOOKED_BACK
    promised = (
        _promised.rows(since=since, at=at)
        if clock is None
        else _promised_on_clock.rows(since=since, at=at, clock=clock.pk)
    )
    given = 0
    for note in promised:
        try:
            given += bool(refund_credit_note(note=note, actor=SCHEDULE, at=at))
        except (Conflict, InvalidInput, GatewayError) as refusal:
            facts = {"note": note.number, "reason": str(refusal)}
            logger.warning("promised refund not sent", extra=facts)
    return given


@standing
def _promised(since: datetime, at: datetime) -> QuerySet[CreditNote]:
    return _untried(since, at).filter(customer__clock=None)


@standing
def _promised_on_clock(since: datetime, at: datetime, clock: int) -> QuerySet[CreditNote]:
    return _untried(since, at).filter(customer__clock=clock)


def _untried(since: datetime, at: datetime) -> QuerySet[CreditNote]:
    tried = Refund.objects.filter(credit_note=OuterRef("pk"))
    issued = CreditNote.objects.filter(issued_at__gt=since, issued_at__lte=at)
    return issued.filter(~Exists(tried), to_refund__gt=0).order_by("issued_at", "pk")


def left_to_refund(note: CreditNote) -> Money:
    """What a note promises and no refund has given, or is giving."""
    counted = Refund.objects.filter(credit_note=note, state__in=COUNTED_REFUND_STATES)
    promised: Money = note.to_refund
    return promised - total((refund.amount for refund in counted), note.currency)


def _shares(note: CreditNote) -> list[_Share]:
    left = left_to_refund(note)
    shares = []
    paid = Payment.objects.filter(invoice=note.invoice_id, state=Payment.State.PAID)
    for payment in paid.order_by("-paid_at", "-pk"):
        amount = min(left, payment.amount_refundable)
        if amount.amount > 0:
            shares.append(_Share(payment, amount))
            left -= amount
    return shares


def _tries(note: CreditNote, payment: Payment) -> int:
    """How often it was tried in vain; a new try is a new request."""
    return Refund.objects.filter(credit_note=note, payment=payment).count()
