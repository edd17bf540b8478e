"""Lines of a change of plan: time billed in advance is credited, the rest of the period charged."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from django.db.models import Sum

from billing.domain.derivation import Derivation, proration_derivation
from billing.models import CreditNoteLine, Invoice, InvoiceLine
from billing.services.drafting import DraftLine
from billing.services.terms import LoadedPrice, PriceBook
from subscriptions.domain.proration import Billed, Proration, charge_part, credit_unused
from subscriptions.domain.proration_policy import ProrationPolicy
from subscriptions.models import PlanVersion, Subscription
from tiktoktoe.kernel.money import Money, quantize
from tiktoktoe.kernel.periods import Period

CHARGED_KINDS = (InvoiceLine.Kind.RECURRING, InvoiceLine.Kind.PRORATION_CHARGE)


def credit_lines(
    subscription: Subscription, boundary: datetime, book: PriceBook, policy: ProrationPolicy
) -> list[DraftLine]:
    """What was billed in advance for time that the old plan no longer serves."""
    lines = []
    old_prices = {p.price.pk: p for p in book.recurring(subscription.plan_version_id, "advance")}
    for line, billed in _billed_in_advance(subscription, boundary):
        loaded = old_prices.get(line.price_id or 0)
        if loaded is None:
            continue
        part = credit_unused(
            price=quantize(loaded.fee(subscription.quantity)),
            whole=whole_period(subscription),
            billed=billed,
            unused_from=boundary,
            time_zone=subscription.time_zone,
            policy=policy,
        )
        if not part.amount:
            continue
        derivation = proration_derivation(part, kind="proration_credit", price=loaded.identity)
        inputs = {**derivation.inputs, "billed_line": str(line.pk)}
        lines.append(
            _line(
                InvoiceLine.Kind.PRORATION_CREDIT,
                loaded,
                part,
                description=f"{loaded.identity['plan']}: {loaded.price.name}, unused time",
                quantity=subscription.quantity,
                derivation=replace(derivation, inputs=inputs),
            )
        )
    return lines


def charge_lines(
    subscription: Subscription,
    *,
    plan_version: PlanVersion,
    quantity: int,
    boundary: datetime,
    book: PriceBook,
    policy: ProrationPolicy,
) -> list[DraftLine]:
    """The new plan's fees in advance for the rest of the period."""
    lines = []
    for loaded in book.recurring(plan_version.pk, "advance"):
        part = charge_part(
            price=quantize(loaded.fee(quantity)),
            whole=whole_period(subscription),
            start=boundary,
            end=subscription.current_period_end,
            time_zone=subscription.time_zone,
            policy=policy,
        )
        if not part.amount:
            continue
        derivation = proration_derivation(part, kind="proration_charge", price=loaded.identity)
        lines.append(
            _line(
                InvoiceLine.Kind.PRORATION_CHARGE,
                loaded,
                part,
                description=f"{loaded.identity['plan']}: {loaded.price.name}, rest of the period",
                quantity=quantity,
                derivation=derivation,
            )
        )
    return lines


def _billed_in_advance(
    subscription: Subscription, boundary: datetime
) -> list[tuple[InvoiceLine, Billed]]:
    """Lines charged up to the end of the period, less what credit notes gave back of them.

    A line whose unused time a change has credited already is left out.
    """
    lines = list(
        InvoiceLine.objects.filter(
            subscription=subscription,
            period_end=subscription.current_period_end,
            period_end__gt=boundary,
        ).exclude(invoice__state=Invoice.State.VOID)
    )
    credited_ids = {line.derivation.get("inputs", {}).get("billed_line") for line in lines}
    charged = [
        line for line in lines if line.kind in CHARGED_KINDS and str(line.pk) not in credited_ids
    ]
    rows = CreditNoteLine.objects.filter(invoice_line__in=charged).values_list("invoice_line")
    given_back = dict(rows.annotate(amount=Sum("amount")))
    return [
        (
            line,
            Billed(
                amount=line.amount,
                period=Period(line.period_start, line.period_end),
                credited=Money(given_back.get(line.pk, Decimal(0)), line.currency),
            ),
        )
        for line in charged
    ]


def _line(
    kind: InvoiceLine.Kind,
    loaded: LoadedPrice,
    part: Proration,
    *,
    description: str,
    quantity: int,
    derivation: Derivation,
) -> DraftLine:
    is_credit = kind == InvoiceLine.Kind.PRORATION_CREDIT
    return DraftLine(
        kind=kind,
        description=description,
        price_id=loaded.price.pk,
        period=Period(part.starts_at, part.ends_at),
        quantity=Decimal(quantity),
        unit_amount=None,
        amount=-part.amount if is_credit else part.amount,
        derivation=derivation,
    )


def whole_period(subscription: Subscription) -> Period:
    """The whole billing period that the current one is, or is a part of."""
    return subscription.billing_periods.period_at(subscription.current_period_start)
