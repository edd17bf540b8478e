"""Meters are made."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from subscriptions.errors import PriceInvalid
from subscriptions.models import Meter
from subscriptions.services.catalog_rows import create_row


@dataclass(frozen=True, kw_only=True)
class MeterSpec:
    """What a meter is to be; see `Meter` for the words."""

    code: str
    name: str
    unit: str
    aggregation: str = "sum"
    is_carried_over: bool = False
    unique_property: str = ""
    amount_property: str = ""
    dimensions: Sequence[str] = field(default_factory=tuple)
    rounding: str = "none"
    rounding_places: int = 0


@transaction.atomic
def create_meter(*, spec: MeterSpec, at: datetime) -> Meter:
    """Make a meter; what it means stays.

    Raises:
        PriceInvalid: If it contradicts itself or the code is taken; names the field.
    """
    _check_meter(spec)
    return create_row(
        Meter(
            code=spec.code,
            name=spec.name,
            unit=spec.unit,
            aggregation=spec.aggregation,
            is_carried_over=spec.is_carried_over,
            unique_property=spec.unique_property,
            amount_property=spec.amount_property,
            dimensions=list(spec.dimensions),
            rounding=spec.rounding,
            rounding_places=spec.rounding_places,
            created_at=at,
        )
    )


def _check_meter(spec: MeterSpec) -> None:
    if spec.aggregation not in Meter.Aggregation.values:
        raise PriceInvalid(
            f"{spec.aggregation!r} is none of ours",
            field=f"{spec.code}.aggregation",
            remedy=", ".join(Meter.Aggregation.values),
        )
    if spec.rounding not in Meter.Rounding.values or not 0 <= spec.rounding_places <= 10:
        raise PriceInvalid(
            "none, up, down or half, to 0 to 10 places", field=f"{spec.code}.rounding"
        )
    if (spec.aggregation == Meter.Aggregation.UNIQUE) != bool(spec.unique_property):
        raise PriceInvalid(
            "the property whose values are counted goes with unique, and only with it",
            field=f"{spec.code}.unique_property",
        )
    if spec.is_carried_over and spec.aggregation in {"count", "max"}:
        raise PriceInvalid(
            f"a {spec.aggregation} has no level to carry over",
            field=f"{spec.code}.is_carried_over",
            remedy="sum, unique, latest or weighted",
        )
    if len(set(spec.dimensions)) < len(spec.dimensions) or not all(spec.dimensions):
        raise PriceInvalid("name each property once", field=f"{spec.code}.dimensions")
