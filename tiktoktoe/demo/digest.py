"""One short word for everything that the demo company has come to.

The same seed, days and customers give the same digest: ids, which are random, are not in it.
"""

from collections.abc import Iterable
from hashlib import sha256

from django.db.models import Count, OuterRef, Subquery, Sum

from billing.models import CreditNote, Invoice, Payment, Refund
from finance.models import Posting
from subscriptions.models import Meter, SubscriptionTransition, UsageEvent

CODE_OF_METER = Meter.objects.filter(pk=OuterRef("meter_id")).values("code")


def company_digest() -> str:
    """The first 16 hex digits of SHA-256 over documents, money, usage and postings."""
    words = sha256()
    for rows in _facts():
        for row in rows:
            words.update(repr(tuple(map(str, row))).encode())
    return words.hexdigest()[:16]


def _facts() -> Iterable[Iterable[tuple[object, ...]]]:
    yield Invoice.objects.order_by("number").values_list(
        "number", "customer__name", "total", "tax", "amount_paid", "state", "finalized_at"
    )
    yield CreditNote.objects.order_by("number").values_list("number", "total", "issued_at")
    yield Payment.objects.order_by("invoice__number", "created_at", "amount").values_list(
        "invoice__number", "amount", "amount_refunded", "state", "created_at"
    )
    yield Refund.objects.order_by("payment__invoice__number", "requested_at").values_list(
        "payment__invoice__number", "amount", "state"
    )
    yield (
        SubscriptionTransition.objects.order_by("event", "to_state")
        .values_list("event", "to_state")
        .annotate(Count("pk"))
    )
    yield (
        UsageEvent.objects.annotate(meter=Subquery(CODE_OF_METER))
        .order_by("meter")
        .values_list("meter")
        .annotate(Count("event_id"), Sum("quantity"))
    )
    yield (
        Posting.objects.order_by("account__code", "currency", "effective_on")
        .values_list("account__code", "currency", "effective_on")
        .annotate(Sum("amount_minor"))
    )
