"""The terms of a plan version: prices, variants, tiers and thresholds; read, checked, written."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from subscriptions.errors import PriceInvalid
from subscriptions.models import PlanVersion, Price, SpendingThreshold, Tier
from subscriptions.services.price_specs import PriceSpec, ThresholdSpec, TierTerms, check_price


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


def check_prices(prices: Sequence[PriceSpec], minimum_amount: Decimal) -> None:
    """Refuse prices that make no sense, together or each."""
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


def write_terms(
    version: PlanVersion, prices: Sequence[PriceSpec], thresholds: Sequence[ThresholdSpec]
) -> None:
    """Write the prices and thresholds of a draft that has none."""
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
