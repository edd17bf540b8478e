"""Disputes as staff look at them: the desk, and how often payments are contested."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from django.db.models import F, Q, Sum
from django.db.models.expressions import OrderBy

from billing.models import Dispute, Payment
from billing.models.disputes import OPEN_DISPUTE_STATES, DisputeQuerySet
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.rates import ratio

RATE_OVER = timedelta(days=30)
ORDERS: Mapping[str, tuple[str | OrderBy, ...]] = {
    # What is decided waits for nobody.
    "deadline": (
        F("closed_at").desc(nulls_first=True),
        F("due_at").asc(nulls_last=True),
        "opened_at",
    ),
    "amount": ("-amount", "opened_at"),
    "latest": ("-opened_at", "-pk"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeStanding:
    """How many disputes are open, and what share of recent payments is contested."""

    open: int
    to_answer: int
    next_due_at: datetime | None
    rate: Fraction | None


def dispute_desk(*, state: str = "", order: str = "deadline") -> DisputeQuerySet:
    """Disputes in a state, or, without one, those that wait for us and then the others."""
    disputes = Dispute.objects.select_related("payment__invoice", "payment__customer")
    found = disputes.filter(state=state) if state else disputes
    return found.order_by(*ORDERS.get(order, ORDERS["deadline"]))


def dispute_standing(*, at: datetime) -> DisputeStanding:
    """Where disputes stand; the rate is of the last 30 days' payments, inquiries left out."""
    since = at - RATE_OVER
    opened = Dispute.objects.filter(opened_at__gt=since, opened_at__lte=at)
    contested = opened.exclude(state__in=["inquiry", "closed"]).count()
    paid = Payment.objects.filter(state="paid", created_at__gt=since, created_at__lte=at).count()
    waiting = Dispute.objects.to_answer()
    first = waiting.first()
    return DisputeStanding(
        open=Dispute.objects.open().count(),
        to_answer=waiting.count(),
        next_due_at=first.due_at if first else None,
        rate=ratio(contested, paid),
    )


def disputed_sums() -> list[Money]:
    """What is contested now, by currency."""
    rows = (
        Dispute.objects.filter(Q(state__in=OPEN_DISPUTE_STATES))
        .order_by("currency")
        .values_list("currency")
        .annotate(sum=Sum("amount"))
    )
    return [Money(amount, currency) for currency, amount in rows]
