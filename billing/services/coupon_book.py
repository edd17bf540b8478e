"""The redeemed coupons of some customers, loaded once, and taken off their invoices in turn."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

from billing.domain.discounts import CouponTerms, DiscountableLine, Discounted, discount
from billing.models import Coupon, CouponRedemption, Invoice
from subscriptions.models import Subscription
from tiktoktoe.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponTaken:
    """What a redemption takes off an invoice, and whether that is one of its times."""

    redemption_id: int
    amount: Money
    counts: bool


@dataclass(slots=True)
class _Left:
    """What is left of a redemption, while invoices are worked out one after the other."""

    row: CouponRedemption
    amount: Decimal | None
    uses: int | None
    plans: frozenset[str]
    meters: frozenset[str]

    @property
    def is_used_up(self) -> bool:
        return (self.amount is not None and self.amount <= 0) or (
            self.uses is not None and self.uses <= 0
        )


class CouponBook:
    """What coupons take off, remembering what earlier invoices of the same batch took.

    In a transaction the redemptions are held, so that nobody else uses them meanwhile.
    """

    def __init__(self, customer_ids: Iterable[int]) -> None:
        rows = CouponRedemption.objects.filter(
            customer__in=set(customer_ids), state=CouponRedemption.State.ACTIVE
        )
        if connection.in_atomic_block:
            rows = rows.select_for_update(of=("self",))
        loaded = rows.select_related("coupon").prefetch_related("coupon__plans", "coupon__meters")
        self._by_customer: dict[int, list[_Left]] = defaultdict(list)
        for row in loaded.order_by("pk"):
            self._by_customer[row.customer_id].append(
                _Left(
                    row,
                    row.amount_left,
                    row.uses_left,
                    frozenset(plan.code for plan in row.coupon.plans.all()),
                    frozenset(meter.code for meter in row.coupon.meters.all()),
                )
            )

    def take(
        self, subscription: Subscription, kind: str, lines: Sequence[DiscountableLine]
    ) -> tuple[Discounted | None, tuple[CouponTaken, ...]]:
        """What is taken off the lines of one invoice, if anything.

        An invoice for a change of plan, or for usage that is billed early, is no period of its
        own: percentages that go on count for it, and amounts and what is given once wait.
        """
        is_period = kind in {Invoice.Kind.PERIOD, Invoice.Kind.FINAL}
        found = {
            left.row.pk: left
            for left in self._by_customer[subscription.customer_id]
            if not left.is_used_up and _counts_for(left.row, subscription, is_period=is_period)
        }
        if not found or not lines:
            return None, ()
        terms = [_terms(left) for left in found.values()]
        discounted = discount(lines, terms, subscription.currency)
        for key, amount in discounted.taken:
            _use(found[key], amount, counts=is_period)
        taken = tuple(
            CouponTaken(redemption_id=key, amount=amount, counts=is_period)
            for key, amount in discounted.taken
        )
        return (discounted, taken) if taken else (None, ())


def _counts_for(row: CouponRedemption, subscription: Subscription, *, is_period: bool) -> bool:
    coupon = row.coupon
    if row.subscription_id not in {None, subscription.pk}:
        return False
    if coupon.kind == Coupon.Kind.AMOUNT:
        return is_period and coupon.currency == subscription.currency
    return is_period or coupon.duration != Coupon.Duration.ONCE


def _terms(left: _Left) -> CouponTerms:
    coupon = left.row.coupon
    amount = coupon.amount if left.amount is None else left.amount
    return CouponTerms(
        key=left.row.pk,
        name=coupon.code,
        since=left.row.redeemed_at,
        amount=None if amount is None else Money(amount, coupon.currency),
        percentage=coupon.percentage,
        meters=left.meters,
        plans=left.plans,
    )


def _use(left: _Left, amount: Money, *, counts: bool) -> None:
    if left.amount is not None:
        left.amount -= amount.amount
    if left.uses is not None and counts:
        left.uses -= 1
