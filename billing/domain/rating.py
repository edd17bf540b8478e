"""From a quantity and the terms of a price to an amount, with every step of the way.

Amounts are exact; `Rated.rounded` is the one rounding, to the currency's minor unit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext

from billing.domain.event_rating import event_steps
from billing.domain.price_terms import ChargeModel, PriceTerms
from billing.domain.rating_steps import Step, step
from billing.domain.tier_rating import graduated, level_steps, stairstep, volume
from billing.errors import QuantityInvalid
from subscriptions.domain.metering import LimitedEvents, TierLevels
from tiktoktoe.kernel.money import Money, quantize_amount
from tiktoktoe.kernel.rates import EXACT_CONTEXT, exact_sum, exact_text

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """What a quantity costs: exactly, and as a payable amount, and how it came about."""

    quantity: Decimal
    included: Decimal
    billable: Decimal
    amount: Decimal
    rounded: Money
    steps: tuple[Step, ...]


def rate(
    quantity: Decimal,
    terms: PriceTerms,
    *,
    event_count: int = 0,
    event_amount: Decimal = ZERO,
    limited: LimitedEvents | None = None,
    tiered: TierLevels | None = None,
) -> Rated:
    """Rate a quantity.

    Args:
        quantity: Units used; for a percentage, the amount of money that it is a share of.
        terms: The price.
        event_count: How many events made the quantity; a percentage may have a fee on each.
        event_amount: What the events say they cost, together; for a dynamic price.
        limited: What `limit_events` makes of the events, if the price needs each of them.
        tiered: A prorated level by tiers: units by their days, flat amounts of all it reached.

    Raises:
        QuantityInvalid: If the quantity is negative or not finite.
    """
    if not quantity.is_finite() or quantity < 0:
        raise QuantityInvalid(f"{quantity} cannot be rated", field="quantity")
    included = min(quantity, terms.included_units) if limited is None else limited.included
    with localcontext(EXACT_CONTEXT):
        billable = quantity - included
        if terms.model in {ChargeModel.PERCENTAGE, ChargeModel.DYNAMIC}:
            steps = event_steps(billable, terms, event_count, event_amount, limited)
        elif tiered is not None:
            steps = level_steps(billable, terms, tiered)
        else:
            steps = _STEPS[terms.model](billable, terms)
    amount = exact_sum(step.amount for step in steps)
    return Rated(
        quantity=quantity,
        included=included,
        billable=billable,
        amount=amount,
        rounded=quantize_amount(amount, terms.currency),
        steps=steps,
    )


def _flat(_billable: Decimal, terms: PriceTerms) -> tuple[Step, ...]:
    return (step("flat fee", Decimal(1), terms.unit_amount),)


def _per_unit(billable: Decimal, terms: PriceTerms) -> tuple[Step, ...]:
    return (step("per unit", billable, terms.unit_amount),)


def _package(billable: Decimal, terms: PriceTerms) -> tuple[Step, ...]:
    size = terms.package_size
    assert size is not None
    label = f"packages of {exact_text(size)}"
    return (step(label, billable, terms.unit_amount, block_size=size),)


_STEPS: Mapping[ChargeModel, Callable[[Decimal, PriceTerms], tuple[Step, ...]]] = {
    ChargeModel.FLAT: _flat,
    ChargeModel.PER_UNIT: _per_unit,
    ChargeModel.PACKAGE: _package,
    ChargeModel.GRADUATED: graduated,
    ChargeModel.GRADUATED_PERCENTAGE: graduated,
    ChargeModel.VOLUME: volume,
    ChargeModel.STAIRSTEP: stairstep,
}
