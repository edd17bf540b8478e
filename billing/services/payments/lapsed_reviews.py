"""Reviews of which nothing is left to decide: their payment is over, or nothing is due."""

import logging
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from billing.domain.attempts import LIVE_PAYMENT_STATES
from billing.models import Invoice, Payment, PaymentReview
from billing.services.payments.channels import PAYABLE_STATES, Channel
from billing.services.payments.opening import cancel_payment
from billing.services.payments.reviews import lapse_review
from subscriptions.services.transitions import SCHEDULE

logger = logging.getLogger(__name__)

_COLLECTABLE = PAYABLE_STATES[Channel.HOSTED_PAGE]


def lapse_settled_reviews(*, at: datetime, limit: int = 100) -> int:
    """Let the reviews leave whose payment was paid, canceled or given up, or whose invoice is
    settled in another way; gives how many.

    What is still to be collected of a settled invoice is canceled, unless an attempt is live.
    """
    over = ~Q(payment__state__in=[str(state) for state in LIVE_PAYMENT_STATES])
    settled = ~Q(payment__invoice__state__in=sorted(_COLLECTABLE))
    waiting = PaymentReview.objects.filter(over | settled, state=PaymentReview.State.OPEN)
    payments = list(waiting.order_by("created_at").values_list("payment_id", flat=True)[:limit])
    return sum(_lapse(payment, at) for payment in payments)


@transaction.atomic
def _lapse(payment_id: UUID, at: datetime) -> bool:
    invoice = Invoice.objects.select_for_update(of=("self",)).get(payments=payment_id)
    payment = Payment.objects.select_for_update(of=("self",)).get(pk=payment_id)
    if payment.state not in LIVE_PAYMENT_STATES:
        words = f"the payment is {payment.state}"
        return lapse_review(payment=payment, reason=words, actor=SCHEDULE, at=at)
    is_tried = payment.attempts.live().exists()
    if invoice.state in _COLLECTABLE or is_tried:
        return False
    words = f"the invoice is {invoice.state}"
    cancel_payment(payment, reason=words, actor=SCHEDULE, at=at)
    logger.info("review lapsed", extra={"payment": str(payment.pk)})
    return True
