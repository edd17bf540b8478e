"""Lines of a change of plan: time billed in advance is credited, the rest of the period charged."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from billing.domain.derivation import proration_derivation
from billing.models import InvoiceLine
from billing.services.credit.unused_time import Unused
from billing.services.invoices.draft_parts import DraftLine
from billing.services.invoices.terms import PriceBook
from subscriptions.domain.proration import charge_part, whole_of
from subscriptions.domain.proration_policy import ProrationPolicy
from subscriptions.models import PlanVersion, Price
from tiktoktoe.kernel.periods import BillingPeriods, Period


def credit_lines(unused: Iterable[Unused]) -> list[DraftLine]:
    """What was billed in advance for time that the old plan no longer serves."""
    return [
        DraftLine(
            kind=InvoiceLine.Kind.PRORATION_CREDIT,
            description=f"{item.loaded.identity['plan']}: {item.loaded.price.name}, unused time",
            price_id=item.loaded.price.pk,
            period=Period(item.part.starts_at, item.part.ends_at),
            quantity=item.line.quantity,
            unit_amount=None,
            amount=-item.part.amount,
            derivation=item.derivation,
            includes_tax=item.line.includes_tax,
        )
        for item in unused
        if item.part.amount
    ]


def charge_lines(
    *,
    plan_version: PlanVersion,
    quantity: int,
    boundary: datetime,
    row: BillingPeriods,
    book: PriceBook,
    policy: ProrationPolicy,
    is_whole: bool = False,
) -> list[DraftLine]:
    """The new plan's fees in advance for the rest of its period.

    `is_whole`: a period begins with the change, so that even in the middle of a day, where
    seconds are counted, all of it is charged.
    """
    rest = Period(boundary, row.period_at(boundary).end)
    whole = rest if is_whole else whole_of(rest, periods=row, policy=policy)
    lines = []
    for loaded in book.recurring(plan_version.pk, Price.Timing.ADVANCE):
        part = charge_part(
            price=loaded.fee(quantity),
            whole=whole,
            start=rest.start,
            end=rest.end,
            time_zone=row.time_zone,
            policy=policy,
        )
        if part.amount:
            derivation = proration_derivation(part, kind="proration_charge", price=loaded.identity)
            lines.append(
                DraftLine(
                    kind=InvoiceLine.Kind.PRORATION_CHARGE,
                    description=f"{loaded.identity['plan']}: {loaded.price.name}, "
                    "rest of the period",
                    price_id=loaded.price.pk,
                    period=Period(part.starts_at, part.ends_at),
                    quantity=Decimal(quantity),
                    unit_amount=None,
                    amount=part.amount,
                    derivation=derivation,
                    includes_tax=loaded.includes_tax,
                )
            )
    return lines
