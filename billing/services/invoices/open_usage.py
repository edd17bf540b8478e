"""Usage of open periods against what is included in them, as the bill will count it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from billing.services.invoices.add_on_lines import AddOnBook
from billing.services.invoices.draft_parts import Boundary
from billing.services.invoices.period_lines import used_in_periods
from billing.services.invoices.usage_lines import UsageOf
from subscriptions.models import Price, Subscription
from subscriptions.queries.measures import Part
from subscriptions.queries.quantities import measure_parts, roll_ups
from subscriptions.services.policies import PolicyBook

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenUsage:
    """A usage price in an open period: what is used of it, and what of it is included.

    Of a plan that was changed to meanwhile, or an add-on that came, from its first day on.
    """

    subscription: Subscription
    price: Price
    used: Decimal
    included: Decimal
    unit: str
    first_day: date
    last_day: date


def open_usage(
    subscriptions: Sequence[Subscription], *, with_levels: bool = True
) -> list[OpenUsage]:
    """Every usage price of what these have now, plans before add-ons, exact at this instant.

    In a fixed number of queries. `with_levels`: a prorated level by the days that it will have
    stood; else as high as it is.
    """
    counted = list(_counted(subscriptions))
    measures = [of.measure for of in counted]
    if not with_levels:
        measures = [replace(measure, is_prorated=False) for measure in measures]
    parts = [
        Part(measure=measure, groups=groups)
        for measure, groups in zip(measures, roll_ups(measures), strict=True)
    ]
    return [
        OpenUsage(
            subscription=of.boundary.subscription,
            price=of.loaded.price,
            used=found.quantity,
            included=of.loaded.terms_for_share(of.included).included_units,
            unit=_unit_beside(of.loaded.price),
            first_day=measure.span.from_day,
            last_day=measure.span.to_day - ONE_DAY,
        )
        for of, measure, found in zip(counted, measures, measure_parts(parts), strict=True)
    ]


def _counted(subscriptions: Sequence[Subscription]) -> Iterator[UsageOf]:
    """The last stretch of each usage price that counts now."""
    boundaries = [
        Boundary(one, one.current_period_end, one.current_period, None) for one in subscriptions
    ]
    versions = {one.plan_version_id for one in subscriptions}
    known = AddOnBook((one.pk for one in subscriptions), PolicyBook(), versions)
    last: dict[tuple[int, int], UsageOf] = {}
    for usage in used_in_periods(boundaries, known):
        subscription = usage.boundary.subscription
        is_there = usage.stretch.is_add_on or (
            usage.stretch.version_id == subscription.plan_version_id
        )
        if is_there:
            last[subscription.pk, usage.loaded.price.pk] = usage
    return iter(last.values())


def _unit_beside(price: Price) -> str:
    """The unit, unless the price's name says it already."""
    unit = price.meter.unit if price.meter else ""
    return "" if unit.lower() in price.name.lower() else unit
