"""From a quantity and the terms of a price to an amount, with every step of the way.

Amounts are exact; `Rated.rounded` is the one rounding, to the currency's minor unit.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from enum import StrEnum

from billing.errors import PriceTermsInvalid, QuantityInvalid
from subscriptions.domain.metering import LimitedEvents, TierLevels
from tiktoktoe.kernel.money import Money, currency_of, quantize_amount
from tiktoktoe.kernel.rates import EXACT_CONTEXT, TIMES, blocks_of, exact_sum, exact_text

ZERO = Decimal(0)
HUNDRED = Decimal(100)


class ChargeModel(StrEnum):
    """How a price makes an amount of a quantity."""

    FLAT = "flat"  # the fee, whatever the quantity
    PER_UNIT = "per_unit"  # each unit the same
    GRADUATED = "graduated"  # each unit at the price of the tier that it falls in
    VOLUME = "volume"  # all units at the price of the tier that the last one falls in
    STAIRSTEP = "stairstep"  # the flat amount of the tier that the last one falls in
    PACKAGE = "package"  # each started package
    PERCENTAGE = "percentage"  # a share of an amount of money, and a fee per event
    GRADUATED_PERCENTAGE = "graduated_percentage"  # each part at the share of its tier
    DYNAMIC = "dynamic"  # what the events themselves say they cost


TIERED = frozenset(
    {
        ChargeModel.GRADUATED,
        ChargeModel.GRADUATED_PERCENTAGE,
        ChargeModel.VOLUME,
        ChargeModel.STAIRSTEP,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """The units above the tier before, up to and including `up_to`; None is without end.

    With a `block_size`, `unit_amount` is the price of a started block of that many units.
    A graduated percentage has a `percentage` instead.
    """

    up_to: Decimal | None
    unit_amount: Decimal = ZERO
    flat_amount: Decimal = ZERO
    block_size: Decimal | None = None
    percentage: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTerms:
    """What a price says; valid once made.

    `included_units` are taken off the quantity before anything is charged. Of a percentage
    the first `included_events` are free too: see `limit_events`. With `event_minimum` or
    `event_maximum`, what a percentage makes of each event lies between them.

    Raises:
        PriceTermsInvalid: If the terms contradict themselves; names the field.
    """

    model: ChargeModel
    currency: str
    unit_amount: Decimal = ZERO
    tiers: Sequence[Tier] = ()
    package_size: Decimal | None = None
    percentage: Decimal = ZERO
    included_units: Decimal = ZERO
    included_events: int = 0
    event_minimum: Decimal | None = None
    event_maximum: Decimal | None = None

    @property
    def needs_each_event(self) -> bool:
        """Whether a sum of events does not do: each has to be looked at."""
        if self.model != ChargeModel.PERCENTAGE:
            return False
        has_limits = self.event_minimum is not None or self.event_maximum is not None
        includes_fees = bool(self.included_units and self.unit_amount)
        return has_limits or includes_fees or self.included_events > 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "model", ChargeModel(self.model))
        object.__setattr__(self, "tiers", tuple(self.tiers))
        currency_of(self.currency)
        _check_terms(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of the arithmetic: units (or blocks) times unit amount + flat amount = amount."""

    label: str
    units: Decimal
    unit_amount: Decimal
    flat_amount: Decimal
    amount: Decimal
    blocks: Decimal | None = None

    @property
    def formula(self) -> str:
        """The step as it is written: 1000 times 0.002 + 5 = 7."""
        count = self.units if self.blocks is None else self.blocks
        parts = [f"{exact_text(count)} {TIMES} {exact_text(self.unit_amount)}"]
        if self.flat_amount:
            parts.append(exact_text(self.flat_amount))
        return f"{' + '.join(parts)} = {exact_text(self.amount)}"


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
            steps = _event_steps(billable, terms, event_count, event_amount, limited)
        elif tiered is not None:
            steps = _level_steps(billable, terms, tiered)
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
    return (_step("flat fee", Decimal(1), terms.unit_amount),)


def _per_unit(billable: Decimal, terms: PriceTerms) -> tuple[Step, ...]:
    return (_step("per unit", billable, terms.unit_amount),)


def _package(billable: Decimal, terms: PriceTerms) -> tuple[Step, ...]:
    size = terms.package_size
    assert size is not None
    label = f"packages of {exact_text(size)}"
    return (_step(label, billable, terms.unit_amount, block_size=size),)


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


def _event_steps(
    billable: Decimal,
    terms: PriceTerms,
    event_count: int,
    event_amount: Decimal,
    limited: LimitedEvents | None,
) -> tuple[Step, ...]:
    """What depends on the events as well as on their quantity."""
    if terms.model == ChargeModel.DYNAMIC:
        return (_step(f"what {event_count} events say", Decimal(1), event_amount),)
    if not terms.needs_each_event:
        return _percentage(billable, terms, event_count)
    if limited is None:
        raise QuantityInvalid("the price needs each event", field="limited")
    steps = _percentage(limited.units, terms, limited.fees)
    if limited.at_minimum and terms.event_minimum is not None:
        steps += (_step("events at the minimum", Decimal(limited.at_minimum), terms.event_minimum),)
    if limited.at_maximum and terms.event_maximum is not None:
        steps += (_step("events at the maximum", Decimal(limited.at_maximum), terms.event_maximum),)
    return steps


def _percentage(units: Decimal, terms: PriceTerms, fees: int) -> tuple[Step, ...]:
    share = _step(f"{exact_text(terms.percentage)} %", units, terms.percentage / HUNDRED)
    if not terms.unit_amount:
        return (share,)
    return (share, _step("per event", Decimal(fees), terms.unit_amount))


def _graduated(billable: Decimal, terms: PriceTerms) -> tuple[Step, ...]:
    """One step for each tier reached; the first is reached by any quantity, even none."""
    steps, below = [], ZERO
    for number, tier in enumerate(terms.tiers, start=1):
        if number > 1 and billable <= below:
            break
        top = billable if tier.up_to is None else min(billable, tier.up_to)
        steps.append(_tier_step(number, below, tier, top - below, terms.model))
        below = top if tier.up_to is None else tier.up_to
    return tuple(steps)


def _level_steps(billable: Decimal, terms: PriceTerms, levels: TierLevels) -> tuple[Step, ...]:
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


def _volume(billable: Decimal, terms: PriceTerms) -> tuple[Step, ...]:
    """All units at the tier of the last one; the first is reached by any quantity, even none."""
    number, below, tier = _tier_of(billable, terms.tiers)
    return (_tier_step(number, below, tier, billable, terms.model),)


def _stairstep(billable: Decimal, terms: PriceTerms) -> tuple[Step, ...]:
    """The flat amount of the tier of the last unit; nothing for none."""
    if not billable:
        return ()
    number, below, tier = _tier_of(billable, terms.tiers)
    return (_step(_tier_label(number, below, tier), Decimal(1), tier.flat_amount),)


_STEPS: Mapping[ChargeModel, Callable[[Decimal, PriceTerms], tuple[Step, ...]]] = {
    ChargeModel.FLAT: _flat,
    ChargeModel.PER_UNIT: _per_unit,
    ChargeModel.PACKAGE: _package,
    ChargeModel.GRADUATED: _graduated,
    ChargeModel.GRADUATED_PERCENTAGE: _graduated,
    ChargeModel.VOLUME: _volume,
    ChargeModel.STAIRSTEP: _stairstep,
}


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
    return _step(
        _tier_label(number, below, tier) + share,
        units,
        tier.percentage / HUNDRED if is_share else tier.unit_amount,
        flat_amount=tier.flat_amount,
        block_size=tier.block_size,
    )


def _tier_label(number: int, below: Decimal, tier: Tier) -> str:
    end = f"up to {exact_text(tier.up_to)}" if tier.up_to is not None else "and more"
    return f"tier {number}: above {exact_text(below)} {end}"


def _step(
    label: str,
    units: Decimal,
    unit_amount: Decimal,
    *,
    flat_amount: Decimal = ZERO,
    block_size: Decimal | None = None,
) -> Step:
    blocks = None if block_size is None else blocks_of(units, block_size)
    count = units if blocks is None else blocks
    return Step(
        label=label,
        units=units,
        unit_amount=unit_amount,
        flat_amount=flat_amount,
        amount=count * unit_amount + flat_amount,
        blocks=blocks,
    )


def _check_terms(terms: PriceTerms) -> None:
    for field in ("unit_amount", "percentage", "included_units", "event_minimum", "event_maximum"):
        if getattr(terms, field) is not None:
            _check_not_negative(getattr(terms, field), field)
    if terms.model == ChargeModel.PACKAGE:
        if terms.package_size is None:
            raise PriceTermsInvalid("a package price needs a size", field="package_size")
        _check_positive(terms.package_size, "package_size")
    if terms.model in TIERED and not terms.tiers:
        raise PriceTermsInvalid(
            f"a {terms.model} price needs tiers", field="tiers", remedy="add one without an end"
        )
    if terms.model not in TIERED and terms.tiers:
        raise PriceTermsInvalid(f"a {terms.model} price has no tiers", field="tiers")
    _check_tiers(terms.tiers)


def _check_tiers(tiers: Sequence[Tier]) -> None:
    below = ZERO
    for number, tier in enumerate(tiers, start=1):
        field = f"tiers[{number}]"
        _check_not_negative(tier.unit_amount, f"{field}.unit_amount")
        _check_not_negative(tier.flat_amount, f"{field}.flat_amount")
        _check_not_negative(tier.percentage, f"{field}.percentage")
        if tier.block_size is not None:
            _check_positive(tier.block_size, f"{field}.block_size")
        if tier.up_to is None:
            if number < len(tiers):
                raise PriceTermsInvalid(
                    "a tier without an end overlaps the next",
                    field=f"{field}.up_to",
                    remedy="give it an end, or make it the last",
                )
            return
        if not tier.up_to.is_finite() or tier.up_to <= below:
            raise PriceTermsInvalid(
                f"{tier.up_to} does not lie above the tier before, which ends at {below}",
                field=f"{field}.up_to",
                remedy="let tiers rise",
            )
        below = tier.up_to
    if tiers:
        raise PriceTermsInvalid(
            f"nothing says what more than {below} cost",
            field=f"tiers[{len(tiers)}].up_to",
            remedy="leave the end of the last tier open",
        )


def _check_not_negative(value: Decimal, field: str) -> None:
    if not value.is_finite() or value < 0:
        raise PriceTermsInvalid(f"{value} is negative or not a number", field=field)


def _check_positive(value: Decimal, field: str) -> None:
    if not value.is_finite() or value <= 0:
        raise PriceTermsInvalid(f"{value} is not above zero", field=field)
