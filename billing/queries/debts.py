"""Whom requests and overdue states would touch: all customers who owe, in a few queries."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, Max, Min, Sum

from billing.domain.overdue import Debt, OverdueTerms, RequestTerms, currencies_due, overdue_state
from billing.models import DunningSeries, Invoice, OverdueChange
from billing.models.invoices import LEFT_TO_PAY
from subscriptions.models import Customer
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.periods import local_date


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """What would become of a customer today.

    Attributes:
        overdue: What is overdue, in each currency.
        asked: For which of it the customer would be asked now.
        state: The overdue state that the customer would be in; None: clear.
        state_now: The one that the customer is in.
    """

    customer: Customer
    overdue: Sequence[Money]
    asked: Sequence[Money]
    state: OverdueTerms | None
    state_now: str

    @property
    def changes_state(self) -> bool:
        """Whether the customer would come into another state than today's."""
        return (self.state.name if self.state else "") != self.state_now


def touched_by(
    *, requests: RequestTerms | None, states: Sequence[OverdueTerms], at: datetime
) -> list[Touched]:
    """The customers of whom these terms would make something now, who owe most first.

    What they were asked for already counts. Customers with a test clock have another today.
    """
    overdue, debts = _overdue(at), _debts(at)
    made, last_at, states_now = _requests_made(), _last_requests(), _states_now()
    customers = Customer.objects.in_bulk(overdue.keys() | debts.keys() | states_now.keys())
    found = [
        _touched(
            customer,
            requests=requests,
            states=states,
            overdue=overdue.get(pk, {}),
            debt=debts.get(pk),
            made=made.get(pk, {}),
            last_at=last_at.get(pk),
            state_now=states_now.get(pk, ""),
            at=at,
        )
        for pk, customer in customers.items()
    ]
    touched = [row for row in found if row.asked or row.state or row.changes_state]
    return sorted(touched, key=lambda row: (-sum(m.amount for m in row.overdue), row.customer.pk))


def _touched(
    customer: Customer,
    *,
    requests: RequestTerms | None,
    states: Sequence[OverdueTerms],
    overdue: Mapping[str, Decimal],
    debt: tuple[datetime, int, Mapping[str, Decimal]] | None,
    made: Mapping[str, int],
    last_at: datetime | None,
    state_now: str,
    at: datetime,
) -> Touched:
    asked: Sequence[str] = ()
    if requests is not None:
        asked = currencies_due(
            terms=requests, overdue=overdue, requests_made=made, last_at=last_at, at=at
        )
    whole = None
    if debt is not None:
        first, invoices, amounts = debt
        whole = Debt(
            earliest_on=local_date(first, customer.time_zone),
            invoices=invoices,
            amount=amounts.get(customer.currency, Decimal(0)),
        )
    return Touched(
        customer=customer,
        overdue=[Money(overdue[code], code) for code in sorted(overdue)],
        asked=[Money(overdue[code], code) for code in asked],
        state=overdue_state(states, whole, local_date(at, customer.time_zone)),
        state_now=state_now,
    )


def _overdue(at: datetime) -> Mapping[int, Mapping[str, Decimal]]:
    """What is overdue, by customer and currency."""
    late = Invoice.objects.overdue(at).filter(customer__clock=None)
    # What a query leaves out for a debit on its way must not be counted twice by a join.
    rows = (
        Invoice.objects.filter(pk__in=late.values("pk"))
        .annotate(left=LEFT_TO_PAY)
        .filter(left__gt=0)
        .order_by()
        .values_list("customer", "currency")
        .annotate(Sum("left"))
    )
    found: dict[int, dict[str, Decimal]] = defaultdict(dict)
    for customer, currency, left in rows:
        found[customer][currency] = left
    return found


def _debts(at: datetime) -> Mapping[int, tuple[datetime, int, Mapping[str, Decimal]]]:
    """Since when, on how many invoices and how much in each currency customers owe."""
    rows = (
        Invoice.objects.collectable()
        .filter(finalized_at__lte=at, customer__clock=None)
        .annotate(left=LEFT_TO_PAY)
        .filter(left__gt=0)
        .order_by()
        .values_list("customer", "currency")
        .annotate(Min("finalized_at"), Count("pk"), Sum("left"))
    )
    found: dict[int, tuple[datetime, int, dict[str, Decimal]]] = {}
    for customer, currency, first, invoices, left in rows:
        since, count, amounts = found.get(customer, (first, 0, {}))
        found[customer] = (min(since, first), count + invoices, {**amounts, currency: left})
    return found


def _requests_made() -> Mapping[int, Mapping[str, int]]:
    """How many requests there were since it was settled last, by customer and currency."""
    rows = DunningSeries.objects.filter(ended_at__isnull=True).order_by()
    found: dict[int, dict[str, int]] = defaultdict(dict)
    counted = rows.values_list("customer", "currency").annotate(Count("requests"))
    for customer, currency, count in counted:
        found[customer][currency] = count
    return found


def _last_requests() -> Mapping[int, datetime | None]:
    rows = DunningSeries.objects.filter(ended_at__isnull=True).order_by()
    return dict(rows.values_list("customer").annotate(Max("requests__at")))


def _states_now() -> Mapping[int, str]:
    """The overdue states that customers are in."""
    latest = OverdueChange.objects.order_by().values("customer").annotate(last=Max("pk"))
    inside = OverdueChange.objects.filter(pk__in=latest.values("last"), state__isnull=False)
    return dict(inside.filter(customer__clock=None).values_list("customer", "state__name"))
