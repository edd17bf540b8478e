"""Products, meters, plans and their versions: made, priced, published."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from django.db import IntegrityError, transaction
from django.db.models import Max

from subscriptions.errors import PlanVersionPublished, PriceInvalid
from subscriptions.models import (
    Meter,
    Plan,
    PlanVersion,
    Price,
    Product,
    SpendingThreshold,
    Tier,
)
from subscriptions.services.features import carry_grants
from subscriptions.services.price_specs import (
    PriceSpec,
    ThresholdSpec,
    TierTerms,
    check_price,
    check_thresholds,
)
from tiktoktoe.kernel.money import currency_of
from tiktoktoe.kernel.periods import Interval

Row = TypeVar("Row", Product, Meter, Plan)
__all__ = ["MeterSpec", "PriceSpec", "ThresholdSpec", "TierTerms", "check_price"]


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
def create_product(*, code: str, name: str, at: datetime, description: str = "") -> Product:
    """Make a product.

    Raises:
        PriceInvalid: If the code is taken.
    """
    product = Product(code=code, name=name, description=description, created_at=at)
    return _create(product)


@transaction.atomic
def create_meter(*, spec: MeterSpec, at: datetime) -> Meter:
    """Make a meter; what it means stays.

    Raises:
        PriceInvalid: If it contradicts itself or the code is taken; names the field.
    """
    _check_meter(spec)
    return _create(
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


@transaction.atomic
def create_plan(
    *,
    product: Product,
    code: str,
    name: str,
    interval: Interval,
    at: datetime,
    description: str = "",
    trial_days: int = 0,
    rank: int = 0,
    is_public: bool = True,
    is_add_on: bool = False,
    offer: str = "",
) -> Plan:
    """Make a plan, or an add-on, without prices yet.

    Raises:
        PriceInvalid: If the code is taken, or the offer has a plan of that interval.
    """
    taken = {"interval": interval.unit.value, "interval_count": interval.count}
    if offer and Plan.objects.filter(product=product, offer=offer, **taken).exists():
        raise PriceInvalid(
            f"{offer!r} has a plan of that interval",
            field="offer",
            remedy="an offer has one plan for each interval",
        )
    return _create(
        Plan(
            product=product,
            code=code,
            name=name,
            description=description,
            offer=offer,
            interval=interval.unit.value,
            interval_count=interval.count,
            trial_days=trial_days,
            rank=rank,
            is_public=is_public,
            is_add_on=is_add_on,
            created_at=at,
        )
    )


@transaction.atomic
def draft_plan_version(
    *,
    plan: Plan,
    currency: str,
    prices: Sequence[PriceSpec],
    effective_from: datetime,
    minimum_amount: Decimal = Decimal(0),
    thresholds: Sequence[ThresholdSpec] = (),
    includes_tax: bool = False,
) -> PlanVersion:
    """Write down the next version of a plan's prices in a currency; not yet for sale.

    It brings the features of the version before, until `grant_features` says otherwise.

    Args:
        plan: Whose prices.
        currency: Of all amounts.
        prices: In the order in which they are billed.
        effective_from: From when it can be subscribed to, once published.
        minimum_amount: What a whole period comes to at least; the rest is topped up.
        thresholds: Usage of so much in an open period is billed at once.
        includes_tax: Whether every amount contains the tax of whoever buys.

    Raises:
        PriceInvalid: If a price contradicts itself; the error names its code and field.
    """
    _check_prices(prices, minimum_amount)
    check_thresholds(thresholds)
    Plan.objects.select_for_update().get(pk=plan.pk)
    currency_of(currency)
    last = PlanVersion.objects.filter(plan=plan, currency=currency).aggregate(n=Max("number"))["n"]
    version = PlanVersion.objects.create(
        plan=plan,
        currency=currency,
        number=(last or 0) + 1,
        effective_from=effective_from,
        minimum_amount=minimum_amount,
        includes_tax=includes_tax,
    )
    _write_terms(version, prices, thresholds)
    carry_grants(version)
    return version


@transaction.atomic
def publish_plan_version(*, version: PlanVersion, at: datetime) -> PlanVersion:
    """Put a version on sale; from then on neither it nor its prices can change.

    Raises:
        PlanVersionPublished: If it is on sale already.
        PriceInvalid: If it has no price.
    """
    locked = PlanVersion.objects.select_for_update().get(pk=version.pk)
    if locked.published_at is not None:
        raise PlanVersionPublished(f"{locked} is on sale since {locked.published_at:%Y-%m-%d}")
    if not locked.prices.exists():
        raise PriceInvalid("a plan version needs at least one price", field="prices")
    if locked.plan.is_add_on:
        _check_add_on(locked)
    locked.published_at = at
    locked.save(update_fields=["published_at"])
    return locked


def _check_add_on(version: PlanVersion) -> None:
    """An add-on has fees, and usage that is billed with the period; the rest is a plan's."""
    ahead = version.prices.filter(kind=Price.Kind.USAGE, timing=Price.Timing.ADVANCE)
    if version.minimum_amount.amount or version.thresholds.exists():
        raise PriceInvalid("minimums and thresholds are a plan's, not an add-on's", field="prices")
    if ahead.exists():
        raise PriceInvalid(
            "usage of an add-on is billed with the period",
            field="prices",
            remedy="let it be in arrears",
        )


@transaction.atomic
def next_version(*, version: PlanVersion, at: datetime) -> PlanVersion:
    """A draft with the terms of an earlier version, to be changed and put on sale."""
    return draft_plan_version(
        plan=version.plan,
        currency=version.currency,
        prices=specs_of(version),
        effective_from=at,
        minimum_amount=version.minimum_amount.amount,
        thresholds=thresholds_of(version),
        includes_tax=version.includes_tax,
    )


@transaction.atomic
def rewrite_draft(
    *,
    version: PlanVersion,
    prices: Sequence[PriceSpec],
    minimum_amount: Decimal | None = None,
    thresholds: Sequence[ThresholdSpec] | None = None,
    includes_tax: bool | None = None,
) -> PlanVersion:
    """Give a draft other prices; what is not given stays.

    Raises:
        PlanVersionPublished: If it is on sale: a new price is a new version.
        PriceInvalid: If a price contradicts itself; nothing is changed.
    """
    locked = PlanVersion.objects.select_for_update().get(pk=version.pk)
    if locked.published_at is not None:
        raise PlanVersionPublished(f"{locked} is on sale: make a new version of it")
    minimum = locked.minimum_amount.amount if minimum_amount is None else minimum_amount
    kept = thresholds_of(locked) if thresholds is None else thresholds
    _check_prices(prices, minimum)
    check_thresholds(kept)
    Tier.objects.filter(price__plan_version=locked).delete()
    Price.objects.filter(plan_version=locked, variant_of__isnull=False).delete()
    Price.objects.filter(plan_version=locked).delete()
    SpendingThreshold.objects.filter(plan_version=locked).delete()
    locked.minimum_amount = minimum
    if includes_tax is not None:
        locked.includes_tax = includes_tax
    locked.save(update_fields=["minimum_amount", "includes_tax"])
    _write_terms(locked, prices, kept)
    return locked


def specs_of(version: PlanVersion) -> list[PriceSpec]:
    """The prices of a version as they would be asked for, variants within them."""
    rows = list(
        version.prices.select_related("meter").prefetch_related("tiers").order_by("position", "pk")
    )
    variants: dict[int, list[PriceSpec]] = defaultdict(list)
    for row in rows:
        if row.variant_of_id is not None:
            variants[row.variant_of_id].append(_spec(row))
    return [
        replace(_spec(row), variants=tuple(variants[row.pk]))
        for row in rows
        if row.variant_of_id is None
    ]


def thresholds_of(version: PlanVersion) -> list[ThresholdSpec]:
    """The thresholds of a version as they would be asked for."""
    return [
        ThresholdSpec(amount=row.amount.amount, is_repeating=row.is_repeating)
        for row in version.thresholds.all()
    ]


def _spec(price: Price) -> PriceSpec:
    return PriceSpec(
        code=price.code,
        name=price.name,
        kind=price.kind,
        charge_model=price.charge_model,
        timing=price.timing,
        unit_amount=price.unit_amount.amount,
        meter=price.meter,
        package_size=price.package_size,
        percentage=price.percentage,
        included_units=price.included_units,
        included_events=price.included_events,
        event_minimum=price.event_minimum,
        event_maximum=price.event_maximum,
        minimum_amount=price.minimum_amount.amount,
        is_prorated=price.is_prorated,
        tax_category=price.tax_category,
        match=price.match,
        tiers=tuple(
            TierTerms(
                up_to=tier.up_to,
                unit_amount=tier.unit_amount.amount,
                flat_amount=tier.flat_amount.amount,
                percentage=tier.percentage,
                block_size=tier.block_size,
            )
            for tier in price.tiers.all()
        ),
    )


def _check_prices(prices: Sequence[PriceSpec], minimum_amount: Decimal) -> None:
    codes: set[str] = set()
    for spec in [one for price in prices for one in (price, *price.variants)]:
        if spec.code in codes:
            raise PriceInvalid(f"{spec.code!r} is there twice", field=f"{spec.code}.code")
        codes.add(spec.code)
    for spec in prices:
        if spec.match is not None:
            raise PriceInvalid("only a variant has one", field=f"{spec.code}.match")
        check_price(spec)
    if minimum_amount < 0:
        raise PriceInvalid("cannot be negative", field="minimum_amount")


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


def _create(row: Row) -> Row:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise PriceInvalid(f"{row.code!r} is taken", field="code") from None
    return row


def _write_terms(
    version: PlanVersion, prices: Sequence[PriceSpec], thresholds: Sequence[ThresholdSpec]
) -> None:
    for position, spec in enumerate(prices):
        price = _write_price(version, spec, position)
        for number, variant in enumerate(spec.variants):
            _write_price(version, variant, number, variant_of=price)
    SpendingThreshold.objects.bulk_create(
        SpendingThreshold(
            plan_version=version,
            amount=threshold.amount,
            currency=version.currency,
            is_repeating=threshold.is_repeating,
        )
        for threshold in thresholds
    )


def _write_price(
    version: PlanVersion, spec: PriceSpec, position: int, variant_of: Price | None = None
) -> Price:
    price = Price.objects.create(
        plan_version=version,
        code=spec.code,
        name=spec.name,
        kind=spec.kind,
        charge_model=spec.charge_model,
        timing=spec.timing,
        meter=spec.meter,
        variant_of=variant_of,
        match=None if spec.match is None else {k: list(v) for k, v in spec.match.items()},
        unit_amount=spec.unit_amount,
        currency=version.currency,
        package_size=spec.package_size,
        percentage=spec.percentage,
        included_units=spec.included_units,
        included_events=spec.included_events,
        event_minimum=spec.event_minimum,
        event_maximum=spec.event_maximum,
        minimum_amount=spec.minimum_amount,
        is_prorated=spec.is_prorated,
        tax_category=spec.tax_category or (variant_of.tax_category if variant_of else ""),
        position=position,
    )
    Tier.objects.bulk_create(
        Tier(
            price=price,
            position=number,
            up_to=tier.up_to,
            unit_amount=tier.unit_amount,
            flat_amount=tier.flat_amount,
            percentage=tier.percentage,
            block_size=tier.block_size,
            currency=version.currency,
        )
        for number, tier in enumerate(spec.tiers)
    )
    return price
