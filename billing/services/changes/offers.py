"""What is on sale to everybody, each thing once, with every interval that it is billed in."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from billing.services.changes.intervals import IntervalOffer, compared
from billing.services.invoices.terms import PriceBook
from subscriptions.models import Plan, PlanVersion
from tiktoktoe.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One thing on sale: the way of paying that is looked at, and all there are."""

    shown: IntervalOffer
    ways: tuple[IntervalOffer, ...]

    @property
    def version(self) -> PlanVersion:
        """What is chosen by choosing it."""
        return self.shown.version

    @property
    def fee(self) -> Money:
        """What a whole period costs, as its prices say it."""
        return self.shown.fee


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalSwitch:
    """An interval that something is billed in, and how much less that can be in a year."""

    key: str
    words: str
    less_percent: int
    is_shown: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What is on sale, looked at by one interval; no switches where there is nothing to choose."""

    offers: tuple[Offer, ...]
    switches: tuple[IntervalSwitch, ...]

    def instead_of(self, version: PlanVersion) -> PlanVersion:
        """The version of the same offer that is shown now; else the one given."""
        for offer in self.offers:
            if any(way.version.pk == version.pk for way in offer.ways):
                return offer.version
        return version


def interval_key(plan: Plan) -> str:
    """Names an interval on a page."""
    return f"{plan.interval_count}-{plan.interval}"


def shelf(versions: Sequence[PlanVersion], *, quantity: int, key: str = "") -> Shelf:
    """Versions with their plans, grouped by offer and currency, in their order.

    Args:
        versions: What is on sale.
        quantity: For which fees are worked out.
        key: The interval to look at, as `interval_key` names it; else each offer's first.
    """
    book = PriceBook(version.pk for version in versions)
    groups: dict[tuple[int, str, str], list[PlanVersion]] = defaultdict(list)
    for version in versions:
        plan = version.plan
        groups[plan.product_id, plan.offer or f"={plan.code}", version.currency].append(version)
    found = [compared(group, book, quantity) for group in groups.values()]
    offers = tuple(Offer(shown=_shown(ways, key), ways=tuple(ways)) for ways in found)
    return Shelf(offers=offers, switches=_switches(offers, key))


def _shown(ways: Sequence[IntervalOffer], key: str) -> IntervalOffer:
    return next((way for way in ways if interval_key(way.version.plan) == key), ways[0])


def _switches(offers: Sequence[Offer], key: str) -> tuple[IntervalSwitch, ...]:
    """Of what is billed in several intervals, each once, the shortest first."""
    by_key: dict[str, list[IntervalOffer]] = defaultdict(list)
    for way in (way for offer in offers if len(offer.ways) > 1 for way in offer.ways):
        by_key[interval_key(way.version.plan)].append(way)
    shown = key if key in by_key else ""
    rows = sorted(by_key.items(), key=lambda row: _length(row[1][0].version.plan))
    return tuple(
        IntervalSwitch(
            key=name,
            words=ways[0].version.plan.interval_words,
            less_percent=max(way.less_percent for way in ways),
            is_shown=name == (shown or rows[0][0]),
        )
        for name, ways in rows
    )


def _length(plan: Plan) -> int:
    interval = plan.billing_interval
    return interval.months * 31 + interval.days
