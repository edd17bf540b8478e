"""What counts usage in the open periods of subscriptions: prices of plans, and of add-ons."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from billing.domain.included import included_share
from subscriptions.models import Meter, Price, Subscription, SubscriptionAddOn
from tiktoktoe.kernel.periods import Period

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeteredPrice:
    """A usage price of a subscription, the part of its period that counts, what is included."""

    subscription: Subscription
    price: Price
    meter: Meter
    part: Period

    @property
    def included(self) -> Decimal:
        """The units included in that part: of an add-on that came meanwhile, a share."""
        units = self.price.included_units or ZERO
        if self.part == self.subscription.current_period:
            return units
        zone = self.subscription.time_zone
        whole = self.subscription.billing_periods.period_at(self.part.start)
        share = Fraction(self.part.days(zone) or 1, max(whole.days(zone), 1))
        return included_share(units, min(share, Fraction(1)))


def metered_in_open_periods(subscriptions: Sequence[Subscription]) -> list[MeteredPrice]:
    """Every usage price of theirs, the plan's first, then those of add-ons; two queries."""
    times = _times_of_add_ons(subscriptions)
    versions = {s.plan_version_id for s in subscriptions}
    versions |= {version for of in times.values() for version in of}
    prices: dict[int, list[Price]] = defaultdict(list)
    for price in (
        Price.objects.filter(
            plan_version__in=versions, meter__isnull=False, variant_of__isnull=True
        )
        .select_related("meter")
        .order_by("position", "code")
    ):
        prices[price.plan_version_id].append(price)
    return [
        MeteredPrice(subscription=subscription, price=price, meter=price.meter, part=part)
        for subscription in subscriptions
        for version, part in {
            subscription.plan_version_id: subscription.current_period,
            **times.get(subscription.pk, {}),
        }.items()
        for price in prices[version]
        if price.meter is not None
    ]


def included_in_open_periods(subscriptions: Sequence[Subscription]) -> list[MeteredPrice]:
    """Those of them that include some units."""
    return [of for of in metered_in_open_periods(subscriptions) if of.included > 0]


def _times_of_add_ons(
    subscriptions: Sequence[Subscription],
) -> Mapping[int, Mapping[int, Period]]:
    """When each version of an add-on was there in the open period, by subscription."""
    by_id = {s.pk: s for s in subscriptions}
    found: dict[int, dict[int, Period]] = defaultdict(dict)
    rows = SubscriptionAddOn.objects.filter(subscription__in=by_id).order_by("starts_at")
    for row, period in _of_period(rows, by_id):
        times = found[row.subscription_id]
        own = by_id[row.subscription_id].usage_from or period.start
        begun = max(row.usage_from or row.starts_at, period.start, own)
        if row.plan_version_id in times:
            begun = times[row.plan_version_id].start
        end = min(row.ends_at or period.end, period.end)
        if begun < end:
            times[row.plan_version_id] = Period(begun, end)
    return found


def _of_period(
    rows: Iterable[SubscriptionAddOn], by_id: Mapping[int, Subscription]
) -> Iterable[tuple[SubscriptionAddOn, Period]]:
    for row in rows:
        period = by_id[row.subscription_id].current_period
        has_ended = row.ends_at is not None and row.ends_at <= period.start
        if row.starts_at < period.end and not has_ended:
            yield row, period
