"""The prices of a plan in the file, as the catalog's services want them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from subscriptions.models import Meter
from subscriptions.services.price_specs import PriceSpec, TierTerms
from tiktoktoe.simulator.errors import ScenarioInvalid
from tiktoktoe.simulator.scenario.catalog import Charge, Filter, Plan, TierRow
from tiktoktoe.simulator.scenario.values import Amount

ZERO = Decimal(0)
MODELS = {
    "": "per_unit",
    "standard": "per_unit",
    "unit": "per_unit",
    "per_seat": "per_unit",
    "tiered": "graduated",
    "all_tiers": "graduated",
    "top_tier": "volume",
    "block": "package",
    "stair_step": "stairstep",
}


def price_specs(plan: Plan, meters: Mapping[str, Meter], currency: str) -> list[PriceSpec]:
    """The fee of a plan, if it has one, and its other prices.

    Raises:
        ScenarioInvalid: If a price names a meter that the file does not have.
    """
    specs = []
    if plan.price is not None:
        specs.append(
            PriceSpec(
                code="fee",
                name="Fee",
                kind="recurring",
                charge_model="per_unit" if plan.per_unit else "flat",
                timing=plan.fee_timing,
                unit_amount=plan.price.exact(currency),
                tax_category=plan.tax_category,
            )
        )
    for number, charge in enumerate(plan.charges, start=1):
        specs.append(_spec(charge, number, plan, meters, currency))
    return specs


def _spec(
    charge: Charge, number: int, plan: Plan, meters: Mapping[str, Meter], currency: str
) -> PriceSpec:
    if charge.meter and charge.meter not in meters:
        allowed = ", ".join(meters) or "list it under meters"
        raise ScenarioInvalid(f"{charge.meter!r} is no meter", charge.place, allowed=allowed)
    code = charge.code or charge.meter or f"charge-{number}"
    model = MODELS.get(charge.model, charge.model)
    kind = "setup" if charge.setup else "usage" if charge.meter else "recurring"
    default = {"setup": "advance", "usage": "arrears", "recurring": plan.fee_timing}[kind]
    timing = charge.billed_in or default
    return PriceSpec(
        code=code,
        name=charge.name or code,
        kind=kind,
        charge_model="flat" if charge.setup and not charge.model else model,
        timing=timing,
        unit_amount=_exact(charge.price, currency),
        meter=meters.get(charge.meter),
        package_size=charge.package_size,
        percentage=charge.rate or ZERO,
        included_units=charge.included,
        included_events=charge.free_events,
        event_minimum=_limit(charge.event_minimum, currency),
        event_maximum=_limit(charge.event_maximum, currency),
        minimum_amount=_exact(charge.minimum, currency),
        is_prorated=charge.prorated,
        tax_category=charge.tax_category or plan.tax_category,
        tiers=_tiers(charge.tiers, currency),
        variants=[
            _variant(variant, f"{code}-{place}", charge, meters[charge.meter], currency)
            for place, variant in enumerate(charge.filters, start=1)
        ],
    )


def _variant(variant: Filter, code: str, charge: Charge, meter: Meter, currency: str) -> PriceSpec:
    """A price for some of the events; its model is that of the price unless it says another."""
    model = variant.model or charge.model
    return PriceSpec(
        code=variant.code or code,
        name=variant.name or ", ".join(value for row in variant.where.values() for value in row),
        kind="usage",
        charge_model=MODELS.get(model, model),
        timing=charge.billed_in or "arrears",
        unit_amount=_exact(variant.price, currency),
        meter=meter,
        package_size=variant.package_size,
        percentage=variant.rate or ZERO,
        included_units=variant.included,
        tiers=_tiers(variant.tiers, currency),
        match=dict(variant.where),
    )


def _tiers(rows: Sequence[TierRow], currency: str) -> list[TierTerms]:
    """Tiers by their upper bounds; where a row says how many blocks it has, they are added up."""
    tiers, bound = list[TierTerms](), ZERO
    for number, row in enumerate(rows, start=1):
        is_last = number == len(rows)
        up_to = row.up_to
        if row.block is not None and row.blocks is not None:
            bound += row.block * row.blocks
            up_to = None if is_last else bound
        tiers.append(
            TierTerms(
                up_to=up_to,
                unit_amount=_exact(row.unit_price, currency),
                flat_amount=_exact(row.flat_price, currency),
                percentage=row.rate or ZERO,
                block_size=row.block if row.block not in {None, Decimal(1)} else None,
            )
        )
    return tiers


def _exact(amount: Amount | None, currency: str) -> Decimal:
    return amount.exact(currency) if amount is not None else ZERO


def _limit(amount: Amount | None, currency: str) -> Decimal | None:
    return amount.exact(currency) if amount is not None else None
