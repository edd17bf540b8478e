"""A complaint that is met with a credit note and a refund."""

from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from billing.models import Payment
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.payments.refunds import refund_payment
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.money import Money

FINANCE = Actor(source="finance")
RECENTLY = timedelta(days=20)
SHARES = (Decimal("0.25"), Decimal("0.5"), Decimal(1))


def refund_somebody(dice: Random, at: datetime) -> bool:
    """Give back a part, or all, of a recent payment that nobody contests; whether there is one."""
    recent = Payment.objects.filter(
        state="paid", contested="", amount_refunded=0, paid_at__gte=at - RECENTLY
    ).select_related("invoice")
    rows = list(recent.order_by("paid_at", "invoice__number")[:50])
    if not rows:
        return False
    payment = dice.choice(rows)
    amount = (payment.amount.amount * dice.choice(SHARES)).quantize(Decimal("0.01"))
    note = issue_credit_note(
        invoice=payment.invoice,
        reason="Goodwill after an outage",
        amount=amount,
        idempotency_key=f"demo:{payment.pk}",
        at=at,
    )
    refund_payment(
        payment=payment,
        amount=Money(amount, payment.currency),
        reason="Goodwill after an outage",
        actor=FINANCE,
        idempotency_key=f"demo:{payment.pk}",
        credit_note=note,
        at=at,
    )
    return True
