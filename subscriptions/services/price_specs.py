"""What prices are to be, as they are asked for, and what is refused of it by field."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from subscriptions.errors import PriceInvalid
from subscriptions.models import Meter, Price
from subscriptions.models.prices import EVENT_PRICED, FALLING, GROWING, TIERED, USAGE_ONLY
from tiktoktoe.kernel.rates import exact_text

ZERO = Decimal(0)
AMOUNTS = ("unit_amount", "percentage", "included_units", "included_events", "minimum_amount")


@dataclass(frozen=True, kw_only=True)
class TierTerms:
    """One step of a tiered price; `up_to` is empty on the last one.

    With a `block_size`, `unit_amount` is the price of each started block of so many units;
    a graduated percentage has a `percentage` instead of a unit amount.
    """

    up_to: Decimal | None
    unit_amount: Decimal = ZERO
    flat_amount: Decimal = ZERO
    percentage: Decimal = ZERO
    block_size: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class PriceSpec:
    """What a price is to be: a recurring or set-up fee, or a price for a meter's usage.

    Args:
        unit_amount: Per unit, per package, the flat fee, or per event of a percentage.
        percentage: Of the quantity, which is an amount of money: 2.9 is 2.9 %.
        included_units: Taken off the quantity first; of a percentage, an amount of money.
        included_events: So many first events of a percentage cost nothing, while their units
            are included too, if any are.
        event_minimum: What a percentage of one event comes to at least; `event_maximum` at most.
        minimum_amount: What a whole period of it comes to at least; the rest is topped up.
        is_prorated: A level that is carried over counts by the days that it stood.
        tax_category: Which of a country's tax rates is charged; empty: its standard rate.
        match: Of a variant, which events it prices: `{"region": ["eu", "uk"]}`.
        variants: Prices for some of the events; the first that matches counts.
    """

    code: str
    name: str
    kind: str
    charge_model: str
    timing: str
    unit_amount: Decimal = ZERO
    meter: Meter | None = None
    package_size: Decimal | None = None
    percentage: Decimal = ZERO
    included_units: Decimal = ZERO
    included_events: int = 0
    event_minimum: Decimal | None = None
    event_maximum: Decimal | None = None
    minimum_amount: Decimal = ZERO
    is_prorated: bool = False
    tax_category: str = ""
    tiers: Sequence[TierTerms] = field(default_factory=tuple)
    match: Mapping[str, Sequence[str]] | None = None
    variants: Sequence["PriceSpec"] = field(default_factory=tuple)


@dataclass(frozen=True, kw_only=True)
class ThresholdSpec:
    """Usage of so much in an open period is billed at once; repeating: each time as much again."""

    amount: Decimal
    is_repeating: bool = False


def check_price(spec: PriceSpec) -> None:
    """Refuse a price that contradicts itself.

    Raises:
        PriceInvalid: With the price's code, the field and the way out.
    """
    for check in _CHECKS:
        check(spec)
    for variant in spec.variants:
        _check_variant(spec, variant)


def check_thresholds(thresholds: Sequence[ThresholdSpec]) -> None:
    """Refuse thresholds that nothing could cross, or that say the same twice.

    Raises:
        PriceInvalid: With the field and the way out.
    """
    for number, threshold in enumerate(thresholds, start=1):
        if threshold.amount <= 0:
            raise PriceInvalid("must be above zero", field=f"thresholds[{number}].amount")
    if len({(t.amount, t.is_repeating) for t in thresholds}) < len(thresholds):
        raise PriceInvalid("the same amount twice", field="thresholds")
    if sum(t.is_repeating for t in thresholds) > 1:
        raise PriceInvalid("only one repeats", field="thresholds", remedy="keep the smaller")


def _check_choices(spec: PriceSpec) -> None:
    for name, allowed in (
        ("kind", Price.Kind.values),
        ("charge_model", Price.ChargeModel.values),
        ("timing", Price.Timing.values),
    ):
        if getattr(spec, name) not in allowed:
            raise PriceInvalid(
                f"{getattr(spec, name)!r} is none of ours",
                field=f"{spec.code}.{name}",
                remedy=", ".join(allowed),
            )


def _check_kind(spec: PriceSpec) -> None:
    """What a fee is not, and what usage needs."""
    if spec.kind == Price.Kind.USAGE:
        _check_usage(spec)
        return
    if spec.meter is not None:
        raise PriceInvalid(f"a {spec.kind} fee has no meter", field=f"{spec.code}.meter")
    if spec.charge_model in USAGE_ONLY:
        raise PriceInvalid(f"{spec.charge_model} is for usage", field=f"{spec.code}.charge_model")
    if spec.kind == Price.Kind.SETUP and spec.timing != Price.Timing.ADVANCE:
        raise PriceInvalid("a set-up fee is billed in advance", field=f"{spec.code}.timing")
    for name in ("is_prorated", "minimum_amount", "variants", "match"):
        if getattr(spec, name):
            raise PriceInvalid("is for usage only", field=f"{spec.code}.{name}")


def _check_usage(spec: PriceSpec) -> None:
    meter = spec.meter
    if meter is None:
        raise PriceInvalid(
            "a usage price needs the meter that it prices", field=f"{spec.code}.meter"
        )
    if spec.timing == Price.Timing.ADVANCE and not _only_grows(spec, meter):
        raise PriceInvalid(
            "only usage that can but grow is billed as it comes",
            field=f"{spec.code}.timing",
            remedy="a sum, count, max or unique that is not carried over, without volume or stairs",
        )
    if spec.is_prorated and not meter.is_carried_over:
        raise PriceInvalid(
            "only a level that is carried over is prorated",
            field=f"{spec.code}.is_prorated",
            remedy="use a meter that is carried over",
        )
    if spec.charge_model == Price.ChargeModel.DYNAMIC and not meter.amount_property:
        raise PriceInvalid(
            f"the events of {meter} carry no amount",
            field=f"{spec.code}.meter",
            remedy="use a meter with an amount property",
        )


def _only_grows(spec: PriceSpec, meter: Meter) -> bool:
    """Whether more events can never make it cost less."""
    return (
        meter.aggregation in GROWING
        and not meter.is_carried_over
        and not any(one.charge_model in FALLING for one in (spec, *spec.variants))
    )


def _check_amounts(spec: PriceSpec) -> None:
    if any(getattr(spec, name) < 0 for name in AMOUNTS):
        raise PriceInvalid("amounts and included units cannot be negative", field=spec.code)
    if spec.charge_model == Price.ChargeModel.PACKAGE and not (spec.package_size or 0) > 0:
        raise PriceInvalid(
            "a package price needs a size above zero", field=f"{spec.code}.package_size"
        )


def _check_events(spec: PriceSpec) -> None:
    """What only a percentage has: it looks at each event."""
    names = ("percentage", "included_events", "event_minimum", "event_maximum")
    if spec.charge_model not in EVENT_PRICED:
        for name in names:
            if getattr(spec, name):
                raise PriceInvalid("is for a percentage only", field=f"{spec.code}.{name}")
        return
    low, high = spec.event_minimum, spec.event_maximum
    if (low is not None and low < 0) or (high is not None and high < 0):
        raise PriceInvalid("cannot be negative", field=f"{spec.code}.event_minimum")
    if low is not None and high is not None and high < low:
        raise PriceInvalid(
            f"{high} is below the minimum",
            field=f"{spec.code}.event_maximum",
            remedy=f"at least {low}",
        )


def _check_tiers(spec: PriceSpec) -> None:
    if (spec.charge_model in TIERED) != bool(spec.tiers):
        raise PriceInvalid(f"{', '.join(TIERED)} have tiers, others none", field=_tiers_of(spec))
    bound = ZERO
    for number, tier in enumerate(spec.tiers, start=1):
        place = f"{_tiers_of(spec)}[{number}]"
        if (tier.up_to is None) != (number == len(spec.tiers)):
            raise PriceInvalid("only the last tier is open", field=f"{place}.up_to")
        _check_tier(spec, tier, place)
        if tier.up_to is None:
            return
        if tier.up_to <= bound:
            raise PriceInvalid(
                f"{tier.up_to} is not above the tier before",
                field=f"{place}.up_to",
                remedy=f"more than {bound}",
            )
        bound = tier.up_to


def _check_tier(spec: PriceSpec, tier: TierTerms, place: str) -> None:
    if min(tier.unit_amount, tier.flat_amount, tier.percentage) < 0:
        raise PriceInvalid("amounts cannot be negative", field=place)
    if tier.block_size is not None and tier.block_size <= 0:
        raise PriceInvalid("must be above zero", field=f"{place}.block_size")
    is_share = spec.charge_model == Price.ChargeModel.GRADUATED_PERCENTAGE
    if is_share and (tier.unit_amount or tier.block_size is not None):
        raise PriceInvalid("a percentage has no unit amount or block", field=f"{place}.unit_amount")
    if not is_share and tier.percentage:
        raise PriceInvalid("is for a graduated percentage", field=f"{place}.percentage")


def _check_variant(spec: PriceSpec, variant: PriceSpec) -> None:
    if variant.variants:
        raise PriceInvalid("a variant has no variants", field=f"{variant.code}.variants")
    same = (variant.kind, variant.meter, variant.timing, variant.is_prorated)
    if same != (spec.kind, spec.meter, spec.timing, spec.is_prorated):
        raise PriceInvalid(
            f"a variant has the kind, meter and timing of {spec.code}",
            field=f"{variant.code}.meter",
        )
    if variant.minimum_amount:
        raise PriceInvalid(
            "a minimum is for all variants together",
            field=f"{variant.code}.minimum_amount",
            remedy=f"set it on {spec.code}",
        )
    if not variant.match or not all(variant.match.values()):
        raise PriceInvalid(
            "a variant needs the values that it is for",
            field=f"{variant.code}.match",
            remedy='such as {"region": ["eu"]}',
        )
    known = spec.meter.dimensions if spec.meter else []
    for name in variant.match:
        if name not in known:
            raise PriceInvalid(
                f"{name!r} is no dimension of the meter",
                field=f"{variant.code}.match",
                remedy=f"there are: {', '.join(known) or 'none'}",
            )
    check_price(variant)


def _check_decimals(spec: PriceSpec) -> None:
    """Terms of money that a rate column cannot keep exactly."""
    for name in ("unit_amount", "minimum_amount", "event_minimum", "event_maximum"):
        value = getattr(spec, name)
        if value is not None and value != value.quantize(Decimal("1E-10")):
            raise PriceInvalid(
                f"{exact_text(value)} has more than 10 decimals", field=f"{spec.code}.{name}"
            )


def _tiers_of(spec: PriceSpec) -> str:
    return f"{spec.code}.tiers"


_CHECKS: Sequence[Callable[[PriceSpec], None]] = (
    _check_choices,
    _check_kind,
    _check_amounts,
    _check_events,
    _check_decimals,
    _check_tiers,
)
