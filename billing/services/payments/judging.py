"""Judging payments before they are sent: what the risk rules say, and about how much in all.

A payment is looked at by itself, with what was paid of its invoice before, and with what its
customer has paid in a day and in thirty: whoever pays in parts is not looked at less.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Exists, OuterRef, Q, Sum

from billing.domain.risk import LARGE, RiskFacts, RiskVerdict, judge
from billing.models import Payment, PaymentAttempt, PaymentMethod
from billing.queries.risk import DAY, MONTH, Record
from billing.services.payments.channels import Channel
from tiktoktoe.kernel.money import Money


def judge_payment(
    *,
    payment: Payment,
    method: PaymentMethod | None,
    record: Record,
    is_first: bool,
    at: datetime,
    was_refused: bool = False,
) -> RiskVerdict:
    """What the risk rules say of a payment now.

    Args:
        is_first: Whether the customer has paid nothing yet; parts of the same invoice are one.
        was_refused: Whether a person refused an earlier one of the invoice, and it is the
            customer who wants to pay again: nothing else collects it then.
    """
    customer, limit = payment.customer, record.limit_of(payment)
    maxima = (limit.maximum, limit.daily_maximum, limit.monthly_maximum) if limit else ()
    of_one, of_day, of_month = maxima or (None, None, None)
    parts = _paid_of_invoice(payment, at)
    return judge(
        RiskFacts(
            amount=payment.amount,
            email=customer.email,
            customer_country=customer.country,
            method_country=method.country if method else "",
            is_first_payment=is_first or _is_first_invoice(payment, parts),
            suspicious_declines=record.suspicious_declines(customer.pk),
            methods_added=record.methods_added(customer.pk),
            fraud_declines=record.fraud_declines(customer.pk),
            fraud_disputed_on=record.fraud_disputed_on(customer.pk),
            paid_of_invoice=parts,
            paid_in_a_day=_charged_within(payment, DAY, at, of_day),
            paid_in_thirty_days=_charged_within(payment, MONTH, at, of_month),
            limit=of_one,
            daily_limit=of_day,
            monthly_limit=of_month,
            was_refused=was_refused,
        )
    )


def _paid_of_invoice(payment: Payment, at: datetime) -> Money:
    """What was charged of its invoice within thirty days, but for what the customer has sent."""
    nothing = Money(0, payment.currency)
    if payment.invoice.amount_paid.amount <= 0:
        return nothing
    sent = PaymentAttempt.objects.filter(
        payment=OuterRef("pk"), channel=Channel.BANK_TRANSFER, state="succeeded"
    )
    parts = Payment.objects.filter(
        ~Exists(sent),
        invoice=payment.invoice_id,
        state="paid",
        paid_at__gt=at - MONTH,
        paid_at__lte=at,
    )
    charged = parts.exclude(pk=payment.pk).aggregate(sum=Sum("amount"))["sum"]
    return Money(charged, payment.currency) if charged else nothing


def _is_first_invoice(payment: Payment, parts: Money) -> bool:
    """Whether all that the customer has paid were parts of this invoice, and they are large."""
    if parts.amount <= 0 or (parts + payment.amount).amount < LARGE:
        return False
    others = Payment.objects.filter(customer=payment.customer_id, state="paid")
    return not others.exclude(invoice=payment.invoice_id).exists()


def _charged_within(
    payment: Payment, span: timedelta, at: datetime, limit: Decimal | None
) -> Money:
    """What was paid, or is on its way or on an open page, of the customer's other payments.

    Without a limit nobody asks.
    """
    if limit is None:
        return Money(0, payment.currency)
    open_page = PaymentAttempt.objects.live().filter(payment=OuterRef("pk"))
    others = Payment.objects.filter(
        Q(state__in=["paid", "processing"]) | Q(Exists(open_page), state="requires_action"),
        customer=payment.customer_id,
        currency=payment.currency,
        created_at__gt=at - span,
        created_at__lte=at,
    ).exclude(pk=payment.pk)
    return Money(others.aggregate(sum=Sum("amount"))["sum"] or 0, payment.currency)
