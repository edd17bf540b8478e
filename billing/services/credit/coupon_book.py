"""The redeemed coupons of some customers, loaded once, and taken off their invoices in turn."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal

from django.db import connection
from django.db.models import QuerySet, Sum

from billing.domain.discounts import CouponTerms, DiscountableLine, Discounted, discount
from billing.models import Coupon, CouponRedemption, CouponUse, Invoice
from subscriptions.models import Customer, Subscription
from tiktoktoe.kernel.money import Money
from tiktoktoe.standing import standing

EVER = datetime.max.replace(tzinfo=UTC)
EARLY = frozenset({Invoice.Kind.THRESHOLD, Invoice.Kind.AHEAD})


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponTaken:
    """What a redemption takes off an invoice, and whether that is one of its times.

    `month` is the one that the invoice bills, of a coupon with a cap.
    """

    redemption_id: int
    amount: Money
    counts: bool
    month: date | None = None


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who is billed in which currency, and for which subscription, if for one."""

    customer: Customer
    currency: str
    subscription: Subscription | None = None


@dataclass(slots=True)
class _Left:
    """What is left of a redemption, while invoices are worked out one after the other."""

    row: CouponRedemption
    amount: Decimal | None
    uses: int | None
    plans: frozenset[str]
    meters: frozenset[str]
    taken_in: dict[date | None, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def of_cap(self, month: date | None) -> Decimal | None:
        """What is left of its cap for a month; None where it has none."""
        cap = self.row.coupon.monthly_cap
        return None if cap is None else max(cap - self.taken_in[month], Decimal(0))

    def is_there(self, counted: Collection[int]) -> bool:
        """Whether it may take something; no more times are needed where one is counted already."""
        has_amount = self.amount is None or self.amount > 0
        has_times = self.uses is None or self.uses > 0 or self.row.pk in counted
        return has_amount and has_times


class CouponBook:
    """What coupons take off, remembering what earlier invoices of the same batch took.

    In a transaction the redemptions are held, so that nobody else uses them meanwhile.
    """

    def __init__(self, customer_ids: Iterable[int], *, redeemed_by: datetime | None = None) -> None:
        active = _held if connection.in_atomic_block else _active
        customers = sorted(set(customer_ids))
        self._by_customer: dict[int, list[_Left]] = defaultdict(list)
        for row in active.rows(customers=customers, redeemed_by=redeemed_by or EVER):
            self._by_customer[row.customer_id].append(
                _Left(
                    row,
                    row.amount_left,
                    row.uses_left,
                    frozenset(plan.code for plan in row.coupon.plans.all()),
                    frozenset(meter.code for meter in row.coupon.meters.all()),
                )
            )
        self._count_months()

    def _count_months(self) -> None:
        """What coupons with a cap have taken off already, month by month."""
        capped = {
            left.row.pk: left
            for group in self._by_customer.values()
            for left in group
            if left.row.coupon.monthly_cap is not None
        }
        if not capped:
            return
        uses = CouponUse.objects.filter(redemption__in=capped, is_returned=False)
        rows = uses.order_by().values_list("redemption", "month").annotate(sum=Sum("amount"))
        for key, month, amount in rows:
            capped[key].taken_in[month] = amount

    @property
    def is_empty(self) -> bool:
        """Whether none of the customers has a coupon."""
        return not any(self._by_customer.values())

    def take(
        self,
        buyer: Buyer,
        kind: str,
        lines: Sequence[DiscountableLine],
        counted: Collection[int] = (),
        *,
        month: date | None = None,
    ) -> tuple[Discounted | None, tuple[CouponTaken, ...]]:
        """What is taken off the lines of one invoice, if anything.

        An invoice for a change of plan, or for usage that is billed early, is no period of its
        own: percentages that go on count for it, and amounts and what is given once wait; but an
        amount that is given once comes off early usage too, since it is used up only once.
        One-off charges use those too, but up none of the periods of a repeating one. `counted`
        are redemptions of which this invoice has used up one time for another subscription.
        A coupon with a cap counts on every invoice of a `month`, until the cap is reached; but a
        percentage not for what a threshold bills early, since that is billed again.
        """
        is_whole = kind in {Invoice.Kind.PERIOD, Invoice.Kind.FINAL, Invoice.Kind.ONE_OFF}
        found = {
            left.row.pk: left
            for left in self._by_customer[buyer.customer.pk]
            if left.is_there(counted) and _counts_for(left.row, buyer, kind, is_whole=is_whole)
        }
        if not found or not lines:
            return None, ()
        terms = [_terms(left, month) for left in found.values()]
        discounted = discount(lines, terms, buyer.currency)
        taken = tuple(
            CouponTaken(
                redemption_id=key,
                amount=amount,
                counts=is_whole and key not in counted and _uses_up(found[key].row, kind),
                month=None if found[key].of_cap(month) is None else month,
            )
            for key, amount in discounted.taken
        )
        for used in taken:
            _use(found[used.redemption_id], used)
        return (discounted, taken) if taken else (None, ())


@standing
def _active(customers: list[int], redeemed_by: datetime) -> "QuerySet[CouponRedemption]":
    rows = CouponRedemption.objects.filter(
        customer__any_of=customers, state="active", redeemed_at__lte=redeemed_by
    )
    loaded = rows.select_related("coupon").prefetch_related("coupon__plans", "coupon__meters")
    return loaded.order_by("pk")


@standing
def _held(customers: list[int], redeemed_by: datetime) -> "QuerySet[CouponRedemption]":
    rows = _active.build(customers=customers, redeemed_by=redeemed_by)
    return rows.select_for_update(of=("self",))


def per_redemption(taken: Iterable[CouponTaken]) -> tuple[CouponTaken, ...]:
    """What each redemption takes off an invoice in all; one time at most."""
    sums: dict[int, CouponTaken] = {}
    for used in taken:
        known = sums.get(used.redemption_id)
        if known is not None:
            amount, counts = known.amount + used.amount, known.counts or used.counts
            used = replace(known, amount=amount, counts=counts)  # noqa: PLW2901 - the same, joined
        sums[used.redemption_id] = used
    return tuple(sums.values())


def _counts_for(row: CouponRedemption, buyer: Buyer, kind: str, *, is_whole: bool) -> bool:
    coupon = row.coupon
    wanted = buyer.subscription.pk if buyer.subscription else None
    if row.subscription_id not in {None, wanted}:
        return False
    is_once = coupon.duration == Coupon.Duration.ONCE
    if coupon.monthly_cap is not None:
        is_again = kind == Invoice.Kind.THRESHOLD and coupon.kind == Coupon.Kind.PERCENT
        return (is_whole or not is_once) and not is_again and coupon.currency == buyer.currency
    if coupon.kind == Coupon.Kind.AMOUNT:
        counts = is_whole or (is_once and kind in EARLY)
        return counts and coupon.currency == buyer.currency
    return is_whole or not is_once


def _uses_up(row: CouponRedemption, kind: str) -> bool:
    """Whether an invoice is one of a coupon's times; one-off charges are none of its periods."""
    return kind != Invoice.Kind.ONE_OFF or row.coupon.duration == Coupon.Duration.ONCE


def _terms(left: _Left, month: date | None) -> CouponTerms:
    coupon = left.row.coupon
    amount = coupon.amount if left.amount is None else left.amount
    cap = left.of_cap(month)
    return CouponTerms(
        key=left.row.pk,
        name=coupon.code,
        since=left.row.redeemed_at,
        amount=None if amount is None else Money(amount, coupon.currency),
        percentage=coupon.percentage,
        at_most=None if cap is None else Money(cap, coupon.currency),
        meters=left.meters,
        prices=frozenset(coupon.price_codes),
        plans=left.plans,
    )


def _use(left: _Left, used: CouponTaken) -> None:
    left.taken_in[used.month] += used.amount.amount
    if left.amount is not None:
        left.amount -= used.amount.amount
    if left.uses is not None and used.counts:
        left.uses -= 1
