"""The lines of an invoice to be, less what coupons take off them."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date
from fractions import Fraction

from billing.domain.derivation import discounted_derivation
from billing.domain.discounts import DiscountableLine, LineDiscount
from billing.services.credit.coupon_book import Buyer, CouponBook, CouponTaken
from billing.services.invoices.draft_parts import DraftLine
from tiktoktoe.kernel.periods import local_date


def less_coupons(
    buyer: Buyer,
    kind: str,
    lines: tuple[DraftLine, ...],
    book: CouponBook,
    counted: Collection[int] = (),
    *,
    month: date | None = None,
) -> tuple[tuple[DraftLine, ...], tuple[CouponTaken, ...]]:
    """The lines with what coupons leave of them; each derivation says how much and why.

    `counted` are redemptions that this invoice has used up one time of already; `month` is the
    one that it bills, by default that of these lines.
    """
    billed = month or month_of(buyer, lines)
    wanted = [_discountable(line) for line in lines]
    discounted, taken = book.take(buyer, kind, wanted, counted, month=billed)
    if discounted is None:
        return lines, ()
    pairs = zip(lines, discounted.lines, strict=True)
    return tuple(_less(line, off) if off.steps else line for line, off in pairs), taken


def month_of(buyer: Buyer, lines: Iterable[DraftLine]) -> date | None:
    """The latest month that lines bill: where the last of their periods begins.

    Source: Lago, `coupons_billing_period_spec`.
    """
    starts = [line.period.start for line in lines if line.amount.amount > 0]
    zone = buyer.customer.time_zone
    return local_date(max(starts), zone).replace(day=1) if starts else None


def _discountable(line: DraftLine) -> DiscountableLine:
    events = line.derivation.events
    return DiscountableLine(
        amount=line.amount,
        plan=line.derivation.price.get("plan_code", ""),
        meter=events.meter if events else line.derivation.price.get("meter", ""),
        price=line.derivation.price.get("code", ""),
    )


def _less(line: DraftLine, off: LineDiscount) -> DraftLine:
    amount = line.amount - off.rounded
    exact = Fraction(line.amount.amount) - off.exact
    return replace(
        line,
        amount=amount,
        discount=off.rounded,
        exact=exact,
        derivation=discounted_derivation(line.derivation, off.steps, exact=exact, amount=amount),
    )
