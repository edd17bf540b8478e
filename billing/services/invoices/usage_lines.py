"""Lines of usage: what was measured in each stretch, by variant of the price, rated.

A variant is a price for some of the events. A price without variants always has a line, so
that a customer sees that nothing was used; one with variants has a line for each that was.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

from billing.domain.derivation import EventFilter, less_billed_ahead, rated_derivation
from billing.domain.price_terms import ChargeModel, PriceTerms
from billing.domain.rating import rate
from billing.models import InvoiceLine
from billing.queries.thresholds import AheadKey, billed_ahead
from billing.services.invoices.draft_parts import Boundary, DraftLine, Stretch, on_one_price
from billing.services.invoices.terms import LoadedPrice, PriceBook
from subscriptions.domain.metering import Aggregation, matches
from subscriptions.models import Price
from subscriptions.models.prices import FALLING, GROWING
from subscriptions.queries.measures import (
    DayTotals,
    EventTerms,
    Measure,
    Measured,
    Part,
    TierBounds,
    measure_of,
)
from subscriptions.queries.quantities import measure_parts, roll_ups
from subscriptions.services.policies import PolicyBook
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.periods import Period

BY_DAY = frozenset({Aggregation.SUM, Aggregation.UNIQUE, Aggregation.LATEST})
LEVELLED = frozenset({ChargeModel.GRADUATED, ChargeModel.GRADUATED_PERCENTAGE, ChargeModel.VOLUME})


@dataclass(frozen=True, slots=True)
class UsageOf:
    """A usage price for a stretch of time, and what is to be measured for it.

    `included` is how many times what the price includes is for the stretch.
    """

    boundary: Boundary
    loaded: LoadedPrice
    stretch: Stretch
    measure: Measure
    included: Fraction

    @property
    def is_ahead(self) -> bool:
        """Whether it is billed as it comes, not when the period is over."""
        return self.loaded.price.timing == Price.Timing.ADVANCE

    @property
    def only_grows(self) -> bool:
        """Whether more events can never make it cost less: no level, no price by the last tier."""
        variants = (self.loaded, *self.loaded.variants)
        return (
            not self.measure.meter.is_carried_over
            and self.measure.aggregation in GROWING
            and not any(loaded.terms.model in FALLING for loaded in variants)
        )


@dataclass(frozen=True, slots=True)
class UsageLine:
    """A line with the price and stretch that it belongs to, and all that its usage costs.

    That is more than the line's amount where some was billed as it came.
    """

    usage: UsageOf
    line: DraftLine
    charged: Money


@dataclass(frozen=True, slots=True)
class _Share:
    """What a price, or a variant of it, charges of what was measured."""

    usage: UsageOf
    loaded: LoadedPrice
    terms: PriceTerms
    part: Part


def usage_lines(
    stretches: Iterable[tuple[Boundary, Sequence[Stretch]]], book: PriceBook, policies: PolicyBook
) -> Mapping[int, list[UsageLine]]:
    """The lines of usage of each boundary, by its id(); a fixed number of queries."""
    wanted = [
        usage
        for boundary, parts in stretches
        for usage in usages_of(boundary, parts, book, policies)
    ]
    counted = roll_ups([usage.measure for usage in wanted])
    shares = [
        share
        for usage, groups in zip(wanted, counted, strict=True)
        for share in _shares(usage, groups)
    ]
    measured = measure_parts([share.part for share in shares])
    before = billed_ahead({_key(share) for share in shares if share.usage.is_ahead})
    lines: dict[int, list[UsageLine]] = defaultdict(list)
    for share, found in zip(shares, measured, strict=True):
        made = _line(share, found, before.get(_key(share)))
        lines[id(share.usage.boundary)].append(made)
    return lines


def usages_of(
    boundary: Boundary, stretches: Iterable[Stretch], book: PriceBook, policies: PolicyBook
) -> Iterator[UsageOf]:
    """What is to be measured of each usage price in each stretch of a closed period."""
    subscription = boundary.subscription
    for whole_stretch in on_one_price(stretches):
        is_add_on = whole_stretch.is_add_on
        stretch = _its_own(whole_stretch, subscription.usage_from)
        if stretch is not None and is_add_on:
            stretch = _its_own(stretch, stretch.usage_from)
        if stretch is None:
            continue
        for loaded in book.usage(stretch.version_id):
            assert loaded.meter is not None
            if _is_billed_later(loaded, stretch, boundary):
                continue
            policy = policies.of_plan(loaded.plan_id, boundary.at)
            measure = measure_of(
                customer_id=subscription.customer_id,
                meter=loaded.meter,
                stretch=stretch.period,
                whole=boundary.closed_row.period_at(stretch.period.start),
                has_last_day=boundary.is_last and stretch.period.end == boundary.at,
                time_zone=subscription.time_zone,
                is_prorated=loaded.price.is_prorated,
                rounds_up_to=policy.usage_places,
                has_amounts=loaded.terms.model == ChargeModel.DYNAMIC,
                late=boundary.late.get(loaded.meter.pk),
            )
            included = stretch.sets if policy.prorates_included else Fraction(stretch.most)
            yield UsageOf(boundary, loaded, stretch, measure, included)


def _its_own(stretch: Stretch, usage_from: datetime | None) -> Stretch | None:
    """A stretch without days whose usage is billed already, here or by another subscription."""
    period = stretch.period
    if usage_from is None or usage_from <= period.start:
        return stretch
    if usage_from >= period.end:
        return None
    return replace(stretch, period=Period(usage_from, period.end))


def _is_billed_later(loaded: LoadedPrice, stretch: Stretch, boundary: Boundary) -> bool:
    """Whether a level counts once, by the plan that it meets at the end of the period."""
    meter = loaded.meter
    assert meter is not None
    counts_once = (
        meter.is_carried_over
        and not loaded.price.is_prorated
        and meter.aggregation != Aggregation.WEIGHTED
    )
    closed = boundary.closed
    return counts_once and closed is not None and stretch.period.end != closed.end


def _shares(usage: UsageOf, groups: Sequence[DayTotals]) -> Iterator[_Share]:
    """The usage of each variant: the first one that matches takes it, else the price itself."""
    taken: dict[int, list[DayTotals]] = defaultdict(list)
    variants = usage.loaded.variants
    for group in groups:
        fits = (i for i, v in enumerate(variants) if matches(group.dimensions, v.match))
        taken[next(fits, len(variants))].append(group)
    for index, loaded in enumerate((*variants, usage.loaded)):
        if index in taken or (index == len(variants) and not taken):
            terms = loaded.terms_for_share(usage.included)
            part = Part(
                measure=usage.measure,
                groups=tuple(taken[index]),
                events=_event_terms(terms),
                tiers=_tier_bounds(usage.measure, terms),
            )
            yield _Share(usage, loaded, terms, part)


def _event_terms(terms: PriceTerms) -> EventTerms | None:
    if not terms.needs_each_event:
        return None
    return EventTerms(
        percentage=terms.percentage,
        fee=terms.unit_amount,
        included_units=terms.included_units,
        included_events=terms.included_events,
        minimum=terms.event_minimum,
        maximum=terms.event_maximum,
    )


def _tier_bounds(measure: Measure, terms: PriceTerms) -> TierBounds | None:
    """The tiers that a prorated level is laid into, day by day."""
    is_level = measure.is_prorated and measure.meter.is_carried_over
    if not is_level or measure.aggregation not in BY_DAY or terms.model not in LEVELLED:
        return None
    bounds = tuple(tier.up_to for tier in terms.tiers)
    return TierBounds(bounds=bounds, included=terms.included_units)


def _key(share: _Share) -> AheadKey:
    """What usage that was billed as it came is known by."""
    subscription = share.usage.boundary.subscription
    return (subscription.pk, share.loaded.price.pk, share.usage.stretch.period.start)


def _line(share: _Share, found: Measured, before: Money | None) -> UsageLine:
    loaded, terms, stretch = share.loaded, share.terms, share.usage.stretch
    rated = rate(
        found.quantity,
        terms,
        event_count=found.event_count,
        event_amount=found.event_amount,
        limited=found.limited,
        tiered=found.tiered,
    )
    derivation = rated_derivation(
        rated, terms, kind="usage", price=loaded.identity, events=_events(share)
    )
    amount = rated.rounded
    if before is not None:
        amount -= before
        derivation = less_billed_ahead(derivation, before=before, left=amount)
    line = DraftLine(
        kind=InvoiceLine.Kind.USAGE,
        description=f"{loaded.identity['plan']}: {loaded.price.name}",
        price_id=loaded.price.pk,
        period=stretch.period,
        quantity=found.quantity,
        unit_amount=None if _needs_steps(terms) or before is not None else terms.unit_amount,
        amount=amount,
        derivation=derivation,
        includes_tax=loaded.includes_tax,
    )
    return UsageLine(share.usage, line, rated.rounded)


def _needs_steps(terms: PriceTerms) -> bool:
    """Whether a quantity times a unit amount does not say it all."""
    by_events = terms.model in {ChargeModel.PERCENTAGE, ChargeModel.DYNAMIC}
    return bool(terms.tiers) or by_events


def _events(share: _Share) -> EventFilter:
    measure, usage = share.part.measure, share.usage
    whole = usage.boundary.closed_row.period_at(usage.stretch.period.start)
    is_share = measure.is_prorated or measure.aggregation == Aggregation.WEIGHTED
    return EventFilter(
        customer_id=measure.span.customer_id,
        meter=measure.meter.code,
        period=Period(measure.since, measure.until)
        if measure.since < measure.until
        else usage.stretch.period,
        dimensions=tuple(group.key for group in share.part.groups)
        if measure.meter.dimensions
        else None,
        whole=whole if is_share else None,
        is_prorated=measure.is_prorated,
        rounds_up_to=measure.rounds_up_to,
    )
