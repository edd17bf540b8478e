"""Plans that follow a policy, and what was billed for them, for tests of the lifecycle."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from billing.models import CreditNote, DatedChange, Invoice, InvoiceLine, PlannedStart, TaxRate
from billing.services.changes.subscribing import start_subscription
from billing.services.invoices.due import next_due_at
from subscriptions.models import BillingPolicy, Customer, PlanVersion, Subscription
from subscriptions.services.policies import assign_policy
from subscriptions.services.price_specs import PriceSpec
from tests.factories.subscriptions import (
    TEST_ACTOR,
    make_customer,
    make_plan,
    published_version,
    recurring,
)
from tiktoktoe.standing import standing

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    """An instant, in UTC unless it says otherwise."""
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def fee_of(
    amount: str,
    policy: str = "own",
    *usage: PriceSpec,
    timing: str = "advance",
    currency: str = "USD",
    **plan: Any,
) -> PlanVersion:
    """A plan of one recurring fee, and what else it charges, that follows a policy."""
    version = published_version(
        recurring(amount, timing=timing),
        *usage,
        plan=make_plan(**plan),
        currency=currency,
        at=LONG_AGO,
    )
    assign_policy(
        policy=_policy.get(code=policy, number=1),
        from_plan=version.plan,
        at=LONG_AGO,
        actor=TEST_ACTOR,
    )
    return version


@standing
def _policy(code: str, number: int) -> "QuerySet[BillingPolicy]":
    return BillingPolicy.objects.filter(code=code, number=number)


def taxed_customer(percentage: str, **fields: Any) -> Customer:
    """A German company, taxed at a rate."""
    TaxRate.objects.get_or_create(
        code="de-vat",
        defaults={
            "name": "VAT",
            "country": "DE",
            "percentage": Decimal(percentage),
            "valid_from": date(2001, 1, 1),
        },
    )
    return make_customer(country="DE", currency="EUR", **fields)


def begin(version: PlanVersion, when: str, **terms: Any) -> Subscription:
    """A subscription with its first bill."""
    customer = terms.pop("customer", None) or make_customer(currency=version.currency)
    return start_subscription(
        customer=customer, plan_version=version, at=at(when), actor=TEST_ACTOR, **terms
    ).subscription


def due_since(until: datetime) -> datetime | None:
    """Since when the first of what the scheduler is to do by an instant has been due."""
    first = next_due_at(until), _days_change.first(until=until), _planned.first(until=until)
    return min((instant for instant in first if instant is not None), default=None)


@standing
def _days_change(until: datetime) -> "QuerySet[DatedChange, datetime]":
    ready = DatedChange.objects.ready(until).order_by("due_at")
    return ready.values_list("due_at", flat=True)[:1]


@standing
def _planned(until: datetime) -> "QuerySet[PlannedStart, datetime]":
    ready = PlannedStart.objects.ready(until).order_by("due_at")
    return ready.values_list("due_at", flat=True)[:1]


def lines_of(invoice: Invoice | None) -> list[tuple[str, str]]:
    """Kind and net amount of each line."""
    if invoice is None:
        return []
    return [(line.kind, f"{line.amount.amount:.2f}") for line in invoice.lines.order_by("position")]


def billed(subscription: Subscription, *kinds: str) -> list[tuple[str, str, str]]:
    """First day, day after the last and net amount of the lines so far, in order of time."""
    lines = InvoiceLine.objects.filter(subscription=subscription)
    if kinds:
        lines = lines.filter(kind__in=kinds)
    return [
        (
            f"{line.period_start:%Y-%m-%d}",
            f"{line.period_end:%Y-%m-%d}",
            f"{line.amount.amount:.2f}",
        )
        for line in lines.order_by("invoice__created_at", "invoice", "position")
    ]


def noted(subscription: Subscription) -> list[str]:
    """The totals of the credit notes so far."""
    notes = CreditNote.objects.filter(invoice__subscription=subscription).order_by("issued_at")
    return [f"{note.total.amount:.2f}" for note in notes]
