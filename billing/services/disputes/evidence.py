"""An evidence pack out of our own records: what was bought, used, told and paid."""

from collections.abc import Callable, Mapping
from datetime import datetime

from django.db.models import Count, Max, Min, Sum

from billing.models import Dispute, Notice, Payment, PaymentAttempt
from subscriptions.models import Meter, SubscriptionTransition, UsageEvent
from tiktoktoe.kernel.money import Money, quantize

LINES_MAX = 40


def gather_evidence(dispute: Dispute) -> dict[str, str]:
    """What our records say, by section; a section without records is left empty."""
    payment = Payment.objects.select_related("invoice__subscription", "customer").get(
        pk=dispute.payment_id
    )
    return {name: read(payment) for name, read in _SECTIONS.items()}


def _product(payment: Payment) -> str:
    lines = payment.invoice.lines.select_related("price__plan_version__plan__product")
    products = {
        f"{line.price.plan_version.plan.product} ({line.price.plan_version.plan})"
        for line in lines
        if line.price is not None
    }
    what = "; ".join(sorted(products))
    return f"A service provided over the internet: {what}." if what else ""


def _customer(payment: Payment) -> str:
    customer = payment.customer
    to = payment.invoice.bill_to
    parts = ("address_line1", "address_line2", "postal_code", "city", "region", "country")
    address = ", ".join(str(to[part]) for part in parts if to.get(part))
    since = f"Customer since {_day(customer.created_at)}."
    return "\n".join(part for part in (customer.name, customer.email, address, since) if part)


def _invoice(payment: Payment) -> str:
    invoice = payment.invoice
    assert invoice.finalized_at is not None
    rows = [
        f"Invoice {invoice.number} of {_day(invoice.finalized_at)}, for "
        f"{_day(invoice.period_start)} to {_day(invoice.period_end)}:"
    ]
    lines = invoice.lines.all()[:LINES_MAX]
    rows += [f"- {line.description}: {_money(line.amount)}" for line in lines]
    rows.append(f"Tax {_money(invoice.tax)}, total {_money(invoice.total)}.")
    return "\n".join(rows)


def _payment(payment: Payment) -> str:
    rows = []
    for attempt in payment.attempts.select_related("method").order_by("sequence"):
        how = str(attempt.method) if attempt.method else "the payment page"
        rows.append(
            f"{_instant(attempt.dispatched_at)}: {_money(payment.amount)} by {how}, "
            f"{attempt.get_state_display().lower()}; {attempt.gateway} calls it "
            f"{attempt.gateway_reference or 'nothing'}.{_confirmed(attempt)}{_whence(attempt)}"
        )
    earlier = Payment.objects.filter(
        customer=payment.customer_id, state="paid", contested="", created_at__lt=payment.created_at
    ).count()
    if earlier:
        rows.append(f"{earlier} earlier payments of this customer were not contested.")
    return "\n".join(rows)


def _whence(attempt: PaymentAttempt) -> str:
    """From where it was paid, and by whom, as far as we know."""
    if not attempt.customer_address:
        return ""
    asked = attempt.events.filter(event="attempt_dispatched").first()
    who = f", signed in as {asked.actor}" if asked and "@" in asked.actor else ""
    return f" It was asked for from the address {attempt.customer_address}{who}."


def _confirmed(attempt: PaymentAttempt) -> str:
    """Whether the holder was asked by its bank, which shifts the liability for fraud."""
    asked = attempt.events.filter(to_state="requires_action").exists()
    if attempt.channel == "stored_method" and asked and attempt.state == "succeeded":
        return " The card's holder confirmed it with the bank (3-D Secure)."
    return ""


def _usage(payment: Payment) -> str:
    """What was used in the invoiced period, and since."""
    invoice = payment.invoice
    rows = (
        UsageEvent.objects.filter(
            customer_id=payment.customer_id, occurred_at__gte=invoice.period_start
        )
        .order_by()
        .values("meter_id")
        .annotate(
            events=Count("event_id"),
            quantity=Sum("quantity"),
            first=Min("occurred_at"),
            last=Max("occurred_at"),
        )
    )
    names = dict(Meter.objects.values_list("pk", "name"))
    return "\n".join(
        f"{names.get(row['meter_id'], 'usage')}: {row['events']} uses, "
        f"{row['quantity'].normalize():f} in all, "
        f"from {_instant(row['first'])} to {_instant(row['last'])}."
        for row in sorted(rows, key=lambda row: row["meter_id"])
    )


def _subscription(payment: Payment) -> str:
    subscription = payment.invoice.subscription
    if subscription is None:
        return ""
    moves = SubscriptionTransition.objects.filter(subscription=subscription).order_by("pk")
    rows = [f"Subscription {subscription.reference}:"]
    rows += [
        f"- {_instant(move.recorded_at)}: {move.event.replace('_', ' ')}"
        + (f" ({move.reason})" if move.reason else "")
        for move in moves[:LINES_MAX]
    ]
    return "\n".join(rows)


def _notices(payment: Payment) -> str:
    sent = Notice.objects.filter(
        customer=payment.customer_id,
        state="sent",
        sent_at__gte=payment.invoice.created_at,
    ).order_by("sent_at")
    return "\n".join(
        f"{_instant(notice.sent_at)} to {notice.recipient}: {notice.subject}"
        for notice in sent[:LINES_MAX]
        if notice.sent_at
    )


def _refunds(payment: Payment) -> str:
    given = payment.refunds.filter(state="succeeded").order_by("requested_at")
    rows = [
        f"{_instant(refund.requested_at)}: {_money(refund.amount)} given back ({refund.reason})."
        for refund in given
    ]
    return "\n".join(rows) or "Nothing of it was given back."


def _money(amount: Money) -> str:
    payable = quantize(amount)
    return f"{payable.amount} {payable.currency.code}"


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


_SECTIONS: Mapping[str, Callable[[Payment], str]] = {
    "product": _product,
    "customer": _customer,
    "invoice": _invoice,
    "payment": _payment,
    "usage": _usage,
    "subscription": _subscription,
    "notices": _notices,
    "refunds": _refunds,
    "statement": lambda _payment: "",
}
SECTIONS = tuple(_SECTIONS)
