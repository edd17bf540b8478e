"""What a customer sees of their own account."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from billing.domain.declines import POLICIES, DeclineClass
from billing.models import Invoice, Payment, PaymentAttempt, UsageAlert
from billing.queries.metered import metered_in_open_periods
from subscriptions.models import Customer, Subscription
from subscriptions.queries.quantities import (
    Part,
    measure_of,
    measure_parts,
    roll_ups,
)

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterUse:
    """How much of a meter was used in a period, and how much the plan includes, if any."""

    code: str
    label: str
    used: Decimal
    included: Decimal | None
    unit: str
    meter: str
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An invoice that could not be collected, and what the customer can do about it."""

    invoice: Invoice
    words: str


def usage_so_far(subscription: Subscription) -> list[MeterUse]:
    """What has been used in the current period, meter by meter, exact at this instant.

    Of an add-on that came meanwhile, from its first day on, with its share of what is included.
    """
    counted = metered_in_open_periods([subscription])
    measures = [
        measure_of(
            customer_id=subscription.customer_id,
            meter=of.meter,
            stretch=of.part,
            whole=subscription.current_period,
            time_zone=subscription.time_zone,
            is_prorated=of.price.is_prorated,
        )
        for of in counted
    ]
    parts = [
        Part(measure=measure, groups=groups)
        for measure, groups in zip(measures, roll_ups(measures), strict=True)
    ]
    return [
        MeterUse(
            code=of.price.code,
            label=of.price.name,
            used=used.quantity,
            included=of.included or None,
            unit=_unit_beside(of.price.name, of.meter.unit),
            meter=of.meter.code,
            first_day=measure.span.from_day,
            last_day=measure.span.to_day - ONE_DAY,
        )
        for of, measure, used in zip(counted, measures, measure_parts(parts), strict=True)
    ]


def alerts_of_period(subscription: Subscription) -> list[UsageAlert]:
    """What usage has come to in the current period, the latest first."""
    rows = UsageAlert.objects.filter(
        subscription=subscription, period_start=subscription.current_period_start, is_told=True
    )
    return list(rows.select_related("price"))


def ended_for_good(customer: Customer) -> list[Subscription]:
    """The last subscription to each plan that has ended and does not run again."""
    live = Subscription.objects.live().filter(customer=customer).values("plan_version__plan")
    ended = Subscription.objects.filter(customer=customer, ended_at__isnull=False)
    rows = ended.exclude(plan_version__plan__in=live).order_by(
        "plan_version__plan_id", "-ended_at", "-pk"
    )
    return list(rows.distinct("plan_version__plan_id").select_related("plan_version__plan"))


def uncollected_invoices(customer: Customer) -> list[Trouble]:
    """Open invoices whose last payment failed or waits for the customer, the oldest first."""
    troubled = ("failed", "requires_action")
    invoices = Invoice.objects.collectable().filter(
        customer=customer, payments__state__in=[*troubled, "open"]
    )
    found = []
    for invoice in invoices.distinct().order_by("finalized_at"):
        last = last_failure(invoice.payments.order_by("-created_at", "-id"))
        if last is not None:
            words = f"Invoice {invoice} could not be collected. {why_declined(last)}"
            found.append(Trouble(invoice=invoice, words=words))
    return found


def last_failure(payments: Iterable[Payment]) -> PaymentAttempt | None:
    """The last attempt of the newest payment that came to anything, if it was declined.

    A page that was opened and left changes nothing about that.
    """
    newest = next(iter(payments), None)
    if newest is None:
        return None
    came_to_nothing = ["abandoned", "not_sent", "requires_action"]
    last = newest.attempts.exclude(state__in=came_to_nothing).order_by("-sequence").first()
    return last if last is not None and last.state == PaymentAttempt.State.DECLINED else None


def why_declined(attempt: PaymentAttempt) -> str:
    """A decline in plain words, and what to do; nothing for an attempt that was not declined."""
    if not attempt.decline_class:
        return ""
    return POLICIES[DeclineClass(attempt.decline_class)].advice


def _unit_beside(label: str, unit: str) -> str:
    """The unit, unless the label says it already."""
    return "" if unit.lower() in label.lower() else unit
