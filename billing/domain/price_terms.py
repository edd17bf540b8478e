"""What a price says: its charge model, tiers and limits; valid once made."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from billing.errors import PriceTermsInvalid
from tiktoktoe.kernel.money import currency_of

ZERO = Decimal(0)


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
