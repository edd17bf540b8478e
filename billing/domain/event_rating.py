"""Steps of prices that look at events: shares of their amounts, fees on each, limits of each."""

from collections.abc import Iterable
from decimal import Decimal, localcontext

from billing.domain.price_terms import ChargeModel, PriceTerms
from billing.domain.rating_steps import Step, step
from billing.errors import QuantityInvalid
from subscriptions.domain.metering import LimitedEvents
from tiktoktoe.kernel.rates import EXACT_CONTEXT, exact_text

ZERO = Decimal(0)
HUNDRED = Decimal(100)


def limit_events(quantities: Iterable[Decimal], terms: PriceTerms) -> LimitedEvents:
    """Leave out what is included, and put the amount of each other event between the limits.

    In the order of time, the first events are free, fee and all: as many as are included,
    and while their units are. Whichever is said and comes first ends that; of the event that
    goes beyond the included units the rest is charged. Source: Lago's `free_units_per_events`
    and `free_units_per_total_aggregation`. (`subscriptions.queries` does the same for many.)
    """
    used, units, fees, low, high, included = ZERO, ZERO, 0, 0, 0, ZERO
    with localcontext(EXACT_CONTEXT):
        for number, quantity in enumerate(quantities, start=1):
            charged = _charged_of(quantity, used, number, terms)
            used += quantity
            included += quantity - (charged or ZERO)
            if charged is None:
                continue
            amount = charged * terms.percentage / HUNDRED + terms.unit_amount
            if terms.event_minimum is not None and amount < terms.event_minimum:
                low += 1
            elif terms.event_maximum is not None and amount > terms.event_maximum:
                high += 1
            else:
                units, fees = units + charged, fees + 1
    return LimitedEvents(units=units, fees=fees, at_minimum=low, at_maximum=high, included=included)


def _charged_of(quantity: Decimal, used: Decimal, number: int, terms: PriceTerms) -> Decimal | None:
    """What is charged of an event after so many units; None if it is free."""
    by_events, by_units = terms.included_events > 0, terms.included_units > 0
    if by_events and number > terms.included_events:
        return quantity
    if not by_units:
        return None if by_events else quantity
    left = terms.included_units - used
    if quantity <= left:
        return None
    return quantity - max(left, ZERO)


def event_steps(
    billable: Decimal,
    terms: PriceTerms,
    event_count: int,
    event_amount: Decimal,
    limited: LimitedEvents | None,
) -> tuple[Step, ...]:
    """What depends on the events as well as on their quantity."""
    if terms.model == ChargeModel.DYNAMIC:
        return (step(f"what {event_count} events say", Decimal(1), event_amount),)
    if not terms.needs_each_event:
        return _percentage(billable, terms, event_count)
    if limited is None:
        raise QuantityInvalid("the price needs each event", field="limited")
    steps = _percentage(limited.units, terms, limited.fees)
    if limited.at_minimum and terms.event_minimum is not None:
        steps += (step("events at the minimum", Decimal(limited.at_minimum), terms.event_minimum),)
    if limited.at_maximum and terms.event_maximum is not None:
        steps += (step("events at the maximum", Decimal(limited.at_maximum), terms.event_maximum),)
    return steps


def _percentage(units: Decimal, terms: PriceTerms, fees: int) -> tuple[Step, ...]:
    share = step(f"{exact_text(terms.percentage)} %", units, terms.percentage / HUNDRED)
    if not terms.unit_amount:
        return (share,)
    return (share, step("per event", Decimal(fees), terms.unit_amount))
