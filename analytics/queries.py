"""Reads over revenue, cash and what needs somebody's attention."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery, Sum

from analytics.domain.mrr import Bridge, MovementKind, bridge
from analytics.models import MrrDay, MrrMovement
from billing.models import (
    BillingFailure,
    DisputeEntry,
    Invoice,
    Payment,
    PaymentAttempt,
    PaymentReturn,
    Refund,
)
from billing.models.invoices import LEFT_TO_PAY, InvoiceQuerySet
from finance.queries import currencies_used
from subscriptions.models import RejectedEvent, Subscription
from tiktoktoe.kernel.clock import utc
from tiktoktoe.kernel.money import Money, zero
from tiktoktoe.kernel.periods import add_months


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month in UTC."""

    first: date

    @property
    def start(self) -> datetime:
        """Its first instant."""
        return utc(datetime.fromisoformat(f"{self.first.isoformat()}T00:00:00+00:00"))

    @property
    def after(self) -> "Month":
        """The next month."""
        return Month(add_months(self.first, 1))

    @classmethod
    def of(cls, at: datetime) -> "Month":
        """The month of an instant."""
        return cls(utc(at).date().replace(day=1))


@dataclass(frozen=True, slots=True)
class MonthBridge:
    """From a month's opening to its closing MRR."""

    month: Month
    bridge: Bridge


@dataclass(frozen=True, slots=True)
class SumOf:
    """An amount, and how many things it is the sum of."""

    amount: Money
    count: int


def currencies() -> list[str]:
    """The currencies that subscriptions are in, the most used first; then others of the books."""
    rows = Subscription.objects.values("currency").annotate(n=Count("pk")).order_by("-n")
    subscribed = [row["currency"] for row in rows]
    return [*subscribed, *(code for code in currencies_used() if code not in subscribed)]


def mrr_at(at: datetime, currency: str) -> Money:
    """Monthly recurring revenue at an instant."""
    known = MrrMovement.objects.filter(currency=currency, effective_at__lte=at)
    return _money(known.aggregate(total=Sum("amount"))["total"], currency)


def bridges(*, until: datetime, months: int, currency: str) -> list[MonthBridge]:
    """MRR month by month, the last one up to now; each adds up to the cent."""
    first = Month(add_months(Month.of(until).first, 1 - months))
    before = MrrDay.objects.filter(currency=currency, day__lt=first.first)
    opening = _money(before.aggregate(total=Sum("amount"))["total"], currency)
    sums: dict[date, dict[MovementKind, Money]] = defaultdict(dict)
    rows = MrrDay.objects.filter(
        currency=currency, day__gte=first.first, day__lte=utc(until).date()
    ).values_list("day", "kind", "amount")
    for day, kind, amount in rows:
        by_kind = sums[day.replace(day=1)]
        known = by_kind.get(MovementKind(kind), zero(currency))
        by_kind[MovementKind(kind)] = known + Money(amount, currency)
    return list(_chain(first, months, opening, sums))


def _chain(
    first: Month,
    months: int,
    opening: Money,
    sums: dict[date, dict[MovementKind, Money]],
) -> Iterator[MonthBridge]:
    month = first
    for _ in range(months):
        by_kind = sums.get(month.first, {})
        closing = sum(by_kind.values(), opening)
        yield MonthBridge(month, bridge(opening=opening, closing=closing, by_kind=by_kind))
        month, opening = month.after, closing


def movements_in(
    *, start: datetime, end: datetime, currency: str, kind: str = ""
) -> "list[MrrMovement]":
    """The movements of a stretch of time, the largest first; what a figure is made of."""
    rows = (
        MrrMovement.objects.that_moved()
        .filter(currency=currency, effective_at__gte=start, effective_at__lt=end)
        .select_related("customer", "subscription__plan_version__plan", "transition")
    )
    return list((rows.filter(kind=kind) if kind else rows).order_by("-amount", "pk"))


def cash_in(*, start: datetime, end: datetime, currency: str) -> SumOf:
    """Payments that arrived, less refunds and what banks took back in a stretch of time."""
    paid = _paid(start, end, currency).aggregate(total=Sum("amount"), n=Count("pk"))
    amount = _money(paid["total"], currency)
    gone: tuple[QuerySet[Any], ...] = (
        _refunded(start, end, currency),
        _disputed(start, end, currency),
        _returned(start, end, currency),
    )
    for rows in gone:
        amount -= _money(rows.aggregate(total=Sum("amount"))["total"], currency)
    return SumOf(amount, paid["n"])


def receivables(currency: str, *, overdue_at: datetime | None = None) -> SumOf:
    """What is left to pay of open invoices; with an instant, only of those overdue then."""
    known = Invoice.objects
    rows = known.collectable() if overdue_at is None else known.overdue(overdue_at)
    rows = rows.filter(currency=currency)
    sums = rows.aggregate(total=Sum(LEFT_TO_PAY), n=Count("pk"))
    return SumOf(_money(sums["total"], currency), sums["n"])


def failed_payments(currency: str) -> SumOf:
    """What is left to pay of open invoices whose last payment failed."""
    sums = failed_invoices(currency).aggregate(total=Sum(LEFT_TO_PAY), n=Count("pk"))
    return SumOf(_money(sums["total"], currency), sums["n"])


def failed_invoices(currency: str) -> InvoiceQuerySet:
    """Open invoices whose last payment has failed at least once, the oldest first."""
    last = Payment.objects.filter(invoice=OuterRef("pk")).order_by("-created_at", "-pk")
    declined = PaymentAttempt.objects.filter(
        payment=OuterRef("last_payment"), state__in=["declined", "not_sent"]
    )
    return (
        Invoice.objects.collectable()
        .filter(currency=currency)
        .annotate(last_payment=Subquery(last.values("pk")[:1]))
        .filter(Exists(declined))
        .select_related("customer")
        .order_by("finalized_at", "number")
    )


def payments_in(*, start: datetime, end: datetime, currency: str) -> list[Payment]:
    """The payments that arrived in a stretch of time, the latest first."""
    rows = _paid(start, end, currency).select_related("customer", "invoice")
    return list(rows.order_by("-paid_at", "-pk"))


def refunds_in(*, start: datetime, end: datetime, currency: str) -> list[Refund]:
    """The refunds that left in a stretch of time, the latest first."""
    rows = _refunded(start, end, currency).select_related("payment__customer", "payment__invoice")
    return list(rows.order_by("-resolved_at", "-pk"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """Money of a payment that a bank took back; below zero it came again."""

    what: str
    at: datetime
    payment: Payment
    amount: Money


def taken_back_in(*, start: datetime, end: datetime, currency: str) -> list[TakenBack]:
    """What disputes and returned debits moved in a stretch of time, the latest first."""
    disputed = _disputed(start, end, currency).select_related("dispute__payment__customer")
    returned = _returned(start, end, currency).select_related("payment__customer")
    found = [
        TakenBack(
            what="Disputed" if entry.amount.amount > 0 else "Dispute won",
            at=entry.at,
            payment=entry.dispute.payment,
            amount=entry.amount,
        )
        for entry in disputed
    ]
    found += [
        TakenBack(what="Debit returned", at=row.returned_at, payment=row.payment, amount=row.amount)
        for row in returned
    ]
    return sorted(found, key=lambda row: row.at, reverse=True)


def _paid(start: datetime, end: datetime, currency: str) -> QuerySet[Payment]:
    """What the figure and the list behind it both count, so that they cannot differ."""
    return Payment.objects.filter(currency=currency, paid_at__gte=start, paid_at__lt=end)


def _refunded(start: datetime, end: datetime, currency: str) -> QuerySet[Refund]:
    return Refund.objects.filter(
        currency=currency, state="succeeded", resolved_at__gte=start, resolved_at__lt=end
    )


def _disputed(start: datetime, end: datetime, currency: str) -> QuerySet[DisputeEntry]:
    return DisputeEntry.objects.filter(
        kind=DisputeEntry.Kind.FUNDS, currency=currency, at__gte=start, at__lt=end
    )


def _returned(start: datetime, end: datetime, currency: str) -> QuerySet[PaymentReturn]:
    return PaymentReturn.objects.filter(
        currency=currency, returned_at__gte=start, returned_at__lt=end
    )


@dataclass(frozen=True, slots=True)
class Attention:
    """How many things wait for a person, by kind."""

    unknown_attempts: int
    billing_failures: int
    past_due: int
    rejected_events: int


def attention(*, since: datetime) -> Attention:
    """What needs somebody's attention; refused events since an instant."""
    return Attention(
        unknown_attempts=PaymentAttempt.objects.filter(state="unknown").count(),
        billing_failures=BillingFailure.objects.filter(released_at__isnull=True).count(),
        past_due=Subscription.objects.filter(state="past_due").count(),
        rejected_events=RejectedEvent.objects.filter(received_at__gte=since).count(),
    )


@dataclass(frozen=True, slots=True)
class PaidMonth:
    """What was invoiced and what was collected in a month."""

    month: Month
    invoiced: Money
    collected: Money


def invoiced_and_collected(*, until: datetime, months: int, currency: str) -> list[PaidMonth]:
    """Invoiced totals and cash, month by month."""
    month = Month(add_months(Month.of(until).first, 1 - months))
    rows = []
    for _ in range(months):
        start, end = month.start, month.after.start
        invoiced = Invoice.objects.filter(
            ~Q(state="void"), currency=currency, finalized_at__gte=start, finalized_at__lt=end
        ).aggregate(total=Sum("total"))["total"]
        collected = cash_in(start=start, end=end, currency=currency).amount
        rows.append(PaidMonth(month, _money(invoiced, currency), collected))
        month = month.after
    return rows


def _money(amount: object, currency: str) -> Money:
    """A sum of the database's as Money; of no rows, nothing."""
    number = getattr(amount, "amount", amount)
    return Money(number if number is not None else Decimal(0), currency)
