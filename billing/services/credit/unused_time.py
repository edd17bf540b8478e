"""What was billed in advance for time that is not used: found, with what it is worth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from uuid import UUID

from django.db.models import QuerySet

from billing.domain.crediting import LineLeft
from billing.domain.derivation import Derivation, proration_derivation
from billing.models import InvoiceLine, UnusedCredit
from billing.models.invoices import UNBILLED_STATES
from billing.services.credit.credit_notes import (
    left_of_lines,
)
from billing.services.invoices.terms import LoadedPrice, PriceBook
from subscriptions.domain.proration import Billed, Proration, credit_unused, whole_of
from subscriptions.domain.proration_policy import NotePays, ProrationPolicy
from subscriptions.models import Plan, Price, Subscription
from tiktoktoe.kernel.money import Money, quantize_amount
from tiktoktoe.kernel.periods import BillingPeriods, Period
from tiktoktoe.standing import standing

CHARGED_KINDS = (InvoiceLine.Kind.RECURRING, InvoiceLine.Kind.PRORATION_CHARGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unused:
    """A line whose time from an instant on is not used, and what that is worth, as its price
    says it: net of tax, or with the tax that the price includes."""

    line: InvoiceLine
    loaded: LoadedPrice
    part: Proration
    unused_from: datetime
    derivation: Derivation
    pays: NotePays = NotePays.OPEN


def unused_time(
    subscription: Subscription,
    unused_from: datetime,
    policy: ProrationPolicy,
    counts: Callable[[Plan], bool] = lambda _: True,
    *,
    book: PriceBook | None = None,
) -> list[Unused]:
    """What was billed in advance beyond an instant, and has not been given back yet.

    `counts` says of which plans and add-ons; of all by default. A `book` of prices that are
    loaded already is asked first.
    """
    billed = _billed_beyond(subscription, unused_from)
    lines = [line for line in billed if line.price and counts(line.price.plan_version.plan)]
    return _found(subscription, lines, unused_from, policy, book=book)


def blocked_time(
    subscription: Subscription,
    blocked_from: datetime,
    blocked_until: datetime,
    policy: ProrationPolicy,
) -> list[Unused]:
    """What was billed in advance for time in which nothing was served."""
    billed = _billed_beyond(subscription, blocked_from)
    lines = [line for line in billed if line.period_start < blocked_until]
    return _found(subscription, lines, blocked_from, policy, until=blocked_until)


def _found(
    subscription: Subscription,
    lines: Sequence[InvoiceLine],
    unused_from: datetime,
    policy: ProrationPolicy,
    *,
    until: datetime | None = None,
    book: PriceBook | None = None,
) -> list[Unused]:
    book = book or PriceBook([])
    book.load({line.price.plan_version_id for line in lines if line.price})
    loaded = {
        p.price.pk: p
        for line in lines
        if line.price
        for p in book.recurring(line.price.plan_version_id, Price.Timing.ADVANCE)
    }
    left = left_of_lines(lines)
    row = subscription.billing_periods
    found = []
    for line in lines:
        price = loaded.get(line.price_id or 0)
        if price is None:
            continue
        part = _worth(
            line,
            price,
            left[line.pk],
            row=row,
            unused_from=unused_from,
            policy=policy,
            until=until,
        )
        found.append(replace(_unused(line, price, part, unused_from), pays=policy.note_pays))
    return found


def _billed_beyond(subscription: Subscription, unused_from: datetime) -> list[InvoiceLine]:
    lines = _lines_beyond.rows(subscription=subscription.pk, at=unused_from)
    if not lines:
        return []
    given_back = {line.derivation.get("inputs", {}).get("billed_line") for line in lines}
    given_back |= {str(pk) for pk in _given_back.rows(lines=[line.pk for line in lines])}
    return [line for line in lines if line.kind in CHARGED_KINDS and str(line.pk) not in given_back]


@standing
def _lines_beyond(subscription: int, at: datetime) -> "QuerySet[InvoiceLine]":
    lines = InvoiceLine.objects.filter(subscription=subscription, period_end__gt=at)
    billed = lines.exclude(invoice__state__in=UNBILLED_STATES)
    related = billed.select_related("invoice", "price__plan_version__plan")
    return related.order_by("invoice__created_at", "invoice", "position")


@standing
def _given_back(lines: list[UUID]) -> "QuerySet[UnusedCredit, UUID]":
    known = UnusedCredit.objects.filter(invoice_line__any_of=lines, counts=True).order_by()
    return known.values_list("invoice_line", flat=True)


def _worth(
    line: InvoiceLine,
    loaded: LoadedPrice,
    left: LineLeft,
    *,
    row: BillingPeriods,
    unused_from: datetime,
    policy: ProrationPolicy,
    until: datetime | None = None,
) -> Proration:
    period = Period(line.period_start, line.period_end)
    return credit_unused(
        price=_less_discount(loaded.fee(int(line.quantity)), line),
        whole=whole_of(period, periods=row, policy=policy),
        billed=Billed(amount=line.charged, period=period, credited=line.charged - left.charged),
        unused_from=unused_from,
        time_zone=row.time_zone,
        policy=policy,
        unused_until=until,
    )


def _less_discount(fee: Money, line: InvoiceLine) -> Money:
    """A current price, less the share that coupons took off the line that was billed."""
    if not line.discount:
        return fee
    before = Fraction(line.charged.amount) + Fraction(line.discount.amount)
    share = Fraction(line.charged.amount) / before
    return quantize_amount(Fraction(fee.amount) * share, fee.currency)


def _unused(
    line: InvoiceLine, loaded: LoadedPrice, part: Proration, unused_from: datetime
) -> Unused:
    derivation = proration_derivation(part, kind="proration_credit", price=loaded.identity)
    inputs = {**derivation.inputs, "billed_line": str(line.pk)}
    return Unused(
        line=line,
        loaded=loaded,
        part=part,
        unused_from=unused_from,
        derivation=replace(derivation, inputs=inputs),
    )
