"""The lines of an invoice to be, less what coupons take off them."""

from collections.abc import Collection
from dataclasses import replace
from fractions import Fraction

from billing.domain.derivation import discounted_derivation
from billing.domain.discounts import DiscountableLine, LineDiscount
from billing.services.credit.coupon_book import Buyer, CouponBook, CouponTaken
from billing.services.invoices.draft_parts import DraftLine


def less_coupons(
    buyer: Buyer,
    kind: str,
    lines: tuple[DraftLine, ...],
    book: CouponBook,
    counted: Collection[int] = (),
) -> tuple[tuple[DraftLine, ...], tuple[CouponTaken, ...]]:
    """The lines with what coupons leave of them; each derivation says how much and why.

    `counted` are redemptions that this invoice has used up one time of already.
    """
    discounted, taken = book.take(buyer, kind, [_discountable(x) for x in lines], counted)
    if discounted is None:
        return lines, ()
    pairs = zip(lines, discounted.lines, strict=True)
    return tuple(_less(line, off) if off.steps else line for line, off in pairs), taken


def _discountable(line: DraftLine) -> DiscountableLine:
    events = line.derivation.events
    return DiscountableLine(
        amount=line.amount,
        plan=line.derivation.price.get("plan_code", ""),
        meter=events.meter if events else "",
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
