"""A subscription whose first invoice was never paid is given up, and the invoice is void."""

import logging
from datetime import datetime, timedelta

from django.db import transaction

from billing.errors import InvoiceNotOpen, PaymentInFlight
from billing.models import Invoice
from billing.services.invoices.invoicing import void_invoice
from subscriptions.models import CustomerClock, Subscription
from subscriptions.services.lifecycle import expire_subscription

logger = logging.getLogger(__name__)
PATIENCE = timedelta(hours=23)


def expire_unpaid(*, at: datetime, clock: CustomerClock | None = None) -> int:
    """Give up what has waited for its first payment for 23 hours; gives how many.

    What a payment is on its way for, or has been paid in part, waits for its outcome. Of
    customers with a test clock only those of `clock` are looked at, and of it no others.
    """
    waiting = Subscription.objects.on_clock(clock).filter(
        state=Subscription.State.INCOMPLETE, created_at__lte=at - PATIENCE
    )
    expired = 0
    for subscription in waiting.order_by("pk"):
        try:
            _expire(subscription, at)
        except (PaymentInFlight, InvoiceNotOpen) as refusal:
            logger.info(
                "not expired yet",
                extra={"subscription": subscription.reference, "reason": str(refusal)},
            )
            continue
        expired += 1
    return expired


@transaction.atomic
def _expire(subscription: Subscription, at: datetime) -> None:
    owed = Invoice.objects.filter(subscription=subscription, state=Invoice.State.OPEN)
    for invoice in owed.order_by("pk"):
        void_invoice(invoice=invoice, at=at)
    expire_subscription(subscription=subscription, reason="The first invoice was not paid", at=at)
