"""Steps of prices with tiers: graduated, by volume, in stairs, and levels laid into them."""

from collections.abc import Sequence
from decimal import Decimal

from billing.domain.price_terms import ChargeModel, PriceTerms, Tier
from billing.domain.rating_steps import Step, step
from subscriptions.domain.metering import TierLevels
from tiktoktoe.kernel.rates import exact_text

ZERO = Decimal(0)
HUNDRED = Decimal(100)


def graduated(billable: Decimal, terms: PriceTerms) -> tuple[Step, ...]:
    """One step for each tier reached; the first is reached by any quantity, even none."""
    steps, below = [], ZERO
    for number, tier in enumerate(terms.tiers, start=1):
        if number > 1 and billable <= below:
            break
        top = billable if tier.up_to is None else min(billable, tier.up_to)
        steps.append(_tier_step(number, below, tier, top - below, terms.model))
        below = top if tier.up_to is None else tier.up_to
    return tuple(steps)


def level_steps(billable: Decimal, terms: PriceTerms, levels: TierLevels) -> tuple[Step, ...]:
    """The days of a level: by volume all at the tier of its last day, else each in its own."""
    if terms.model == ChargeModel.VOLUME:
        number, below, tier = _tier_of(levels.last, terms.tiers)
        return (_tier_step(number, below, tier, billable, terms.model),)
    steps, below = [], ZERO
    for number, (tier, units) in enumerate(zip(terms.tiers, levels.units, strict=True), start=1):
        if number > 1 and levels.highest <= below:
            break
        steps.append(_tier_step(number, below, tier, units, terms.model))
        below = below if tier.up_to is None else tier.up_to
    return tuple(steps)


def volume(billable: Decimal, terms: PriceTerms) -> tuple[Step, ...]:
    """All units at the tier of the last one; the first is reached by any quantity, even none."""
    number, below, tier = _tier_of(billable, terms.tiers)
    return (_tier_step(number, below, tier, billable, terms.model),)


def stairstep(billable: Decimal, terms: PriceTerms) -> tuple[Step, ...]:
    """The flat amount of the tier of the last unit; nothing for none."""
    if not billable:
        return ()
    number, below, tier = _tier_of(billable, terms.tiers)
    return (step(_tier_label(number, below, tier), Decimal(1), tier.flat_amount),)


def _tier_of(billable: Decimal, tiers: Sequence[Tier]) -> tuple[int, Decimal, Tier]:
    """The tier that the last unit falls in: its number, what lies below it, and itself."""
    below = ZERO
    for number, tier in enumerate(tiers, start=1):
        if tier.up_to is None or billable <= tier.up_to:
            return number, below, tier
        below = tier.up_to
    raise AssertionError("the last tier has no end")


def _tier_step(number: int, below: Decimal, tier: Tier, units: Decimal, model: ChargeModel) -> Step:
    is_share = model == ChargeModel.GRADUATED_PERCENTAGE
    share = f", {exact_text(tier.percentage)} %" if is_share else ""
    return step(
        _tier_label(number, below, tier) + share,
        units,
        tier.percentage / HUNDRED if is_share else tier.unit_amount,
        flat_amount=tier.flat_amount,
        block_size=tier.block_size,
    )


def _tier_label(number: int, below: Decimal, tier: Tier) -> str:
    end = f"up to {exact_text(tier.up_to)}" if tier.up_to is not None else "and more"
    return f"tier {number}: above {exact_text(below)} {end}"
