"""What credit notes promise to give back as money is given back, payment by payment."""

from dataclasses import dataclass
from datetime import datetime

from billing.domain.attempts import COUNTED_REFUND_STATES
from billing.models import CreditNote, Payment, Refund
from billing.services.payments.refunds import refund_payment
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.money import Money, total


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
