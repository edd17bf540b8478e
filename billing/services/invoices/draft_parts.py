"""What drafts of invoices are made of: a boundary, its stretches, lines, and the whole."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from billing.domain.derivation import Derivation
from billing.domain.issuing import IssuedBy
from billing.domain.tax import TaxedLine
from billing.domain.totals import Totals
from billing.services.credit.coupon_book import Buyer, CouponTaken
from subscriptions.models import Customer, Subscription
from subscriptions.queries.measures import Late
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.periods import BillingPeriods, Period, local_date, local_midnight

__all__ = ["Buyer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftLine:
    """A line to be; its amounts are as its price says them, with tax where that includes it."""

    kind: str
    description: str
    price_id: int | None
    period: Period
    quantity: Decimal
    unit_amount: Decimal | None
    amount: Money
    derivation: Derivation
    discount: Money | None = None
    exact: Fraction | None = None  # the amount before a discount was rounded
    includes_tax: bool = False
    tax_category: str = ""  # of a line without a price
    subscription_id: int | None = None  # of a line of an invoice for several


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftInvoice:
    """An invoice to be, with its totals; one of one-off charges has no subscription.

    One for several subscriptions has none of its own either; `parts` are those.

    `from_balance` and `from_wallets` are what credit would pay of it, `credit_at_hand` the
    balance that there is; only previews work them out, since finalising takes what is there then.
    """

    subscription: Subscription | None
    customer: Customer
    currency: str
    kind: str
    boundary: datetime
    period_end: datetime
    lines: tuple[DraftLine, ...]
    totals: Totals
    idempotency_key: str
    from_balance: Money | None = None
    from_wallets: Money | None = None
    credit_at_hand: Money | None = None
    coupons: tuple[CouponTaken, ...] = ()
    parts: tuple[Subscription, ...] = ()
    due_days: int | None = None  # where it is not due as the company's setting says
    issuer_id: int | None = None
    issued_by: IssuedBy | None = None
    awaits_tax: bool = False  # its tax is still to come from a tax engine

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """What it is for: one subscription, several, or none."""
        return self.parts or ((self.subscription,) if self.subscription else ())

    @property
    def taxed_lines(self) -> list[tuple[DraftLine, TaxedLine]]:
        """Each line with its tax."""
        return list(zip(self.lines, self.totals.lines, strict=True))

    @property
    def due(self) -> Money:
        """What would be left to pay."""
        left = self.totals.total
        for used in (self.from_balance, self.from_wallets):
            left = left - used if used else left
        return left


@dataclass(frozen=True, slots=True)
class Boundary:
    """A subscription at the instant at which it is billed.

    `closed` is the period whose usage is owed, `coming` the one whose fee is due in advance.
    `row` are the periods that the closed one is a part of, where a change has begun others;
    `is_last`: the subscription stops there, so that the day's usage belongs to the closed one;
    `late` is what came for it after it had been billed, by meter, and counts with it.
    """

    subscription: Subscription
    at: datetime
    closed: Period | None
    coming: Period | None
    row: BillingPeriods | None = None
    is_last: bool = False
    late: Mapping[int, Late] = field(default_factory=dict)

    @property
    def was_trial(self) -> bool:
        """Whether the closed period was one of a trial: only its usage is owed."""
        ends_at = self.subscription.trial_ends_at
        return self.closed is not None and ends_at is not None and self.closed.end <= ends_at

    @property
    def is_trial(self) -> bool:
        """Whether a trial goes on: no fee is due for what comes."""
        ends_at = self.subscription.trial_ends_at
        return ends_at is not None and self.at < ends_at

    @property
    def closed_usage(self) -> Period | None:
        """The closed period with the days before it in a trial whose usage is not billed yet."""
        subscription, closed = self.subscription, self.closed
        if closed is None or not subscription.bills_trial_usage:
            return closed
        if closed.start != subscription.trial_ends_at:
            return closed
        zone = subscription.time_zone
        begun = local_midnight(local_date(subscription.started_at, zone), zone)
        if local_date(closed.start, zone) <= self.closed_row.anchor_on:
            return Period(begun, closed.end)
        return Period(max(begun, self.closed_row.period_at(closed.start).start), closed.end)

    @property
    def closed_row(self) -> BillingPeriods:
        """The periods that the closed one is a part of."""
        return self.row or self.subscription.billing_periods

    def days_of(self, part: Period) -> int:
        """The local days of a part of the closed period: those whose usage counts in it.

        A day that is cut by the end belongs to what comes after, or to the last part.
        """
        zone = self.subscription.time_zone
        is_cut = local_midnight(local_date(part.end, zone), zone) < part.end
        return part.days(zone) + (is_cut and self.is_last and part.end == self.at)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the closed period on one price and quantity, and its share of the whole's days.

    `sets` is how many times what a price includes is for it: a plan once, an add-on as often as
    it is had, each for its days; `most` the same without regard to days. An add-on's usage
    counts from a day of its own, if one is said.
    """

    version_id: int
    quantity: int
    period: Period
    share: Fraction
    sets: Fraction
    most: int = 1
    is_add_on: bool = False
    usage_from: datetime | None = None


def stretch_of(
    boundary: Boundary,
    time: Period,
    *,
    version_id: int,
    quantity: int,
    is_add_on: bool = False,
    usage_from: datetime | None = None,
) -> Stretch | None:
    """What of a time lies in the closed period, with its share of the days of the whole one."""
    closed = boundary.closed
    part = time.intersection(closed) if closed else None
    if closed is None or part is None:
        return None
    zone = boundary.subscription.time_zone
    whole_days = max(boundary.closed_row.period_at(closed.start).days(zone), 1)
    share = min(Fraction(boundary.days_of(part), whole_days), Fraction(1))
    times = quantity if is_add_on else 1
    return Stretch(version_id, quantity, part, share, share * times, times, is_add_on, usage_from)


def on_one_price(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    """Stretches that differ only in quantity as one: more seats do not start the tiers anew."""
    held: Stretch | None = None
    for stretch in stretches:
        if held is not None and _goes_on(held, stretch):
            joined = Period(held.period.start, stretch.period.end)
            held = replace(
                stretch,
                period=joined,
                share=held.share + stretch.share,
                sets=held.sets + stretch.sets,
                most=max(held.most, stretch.most),
                usage_from=held.usage_from,
            )
            continue
        if held is not None:
            yield held
        held = stretch
    if held is not None:
        yield held


def _goes_on(held: Stretch, stretch: Stretch) -> bool:
    """Whether it is the same price again; an add-on that was off meanwhile begins anew."""
    is_gapless = not held.is_add_on or held.period.end == stretch.period.start
    return held.version_id == stretch.version_id and is_gapless
