"""Products, plans and their versions: made, priced, published."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Max

from subscriptions.errors import PlanVersionPublished, PriceInvalid
from subscriptions.models import Meter, Plan, PlanVersion, Price, Tier
from subscriptions.services.features import carry_grants


@dataclass(frozen=True, kw_only=True)
class TierTerms:
    """One step of a tiered price; `up_to` is empty on the last one."""

    up_to: Decimal | None
    unit_amount: Decimal
    flat_amount: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class PriceSpec:
    """What a price is to be: a recurring fee, or a price for a meter's usage."""

    code: str
    name: str
    kind: str
    charge_model: str
    timing: str
    unit_amount: Decimal = Decimal(0)
    meter: Meter | None = None
    package_size: Decimal | None = None
    included_units: Decimal = Decimal(0)
    tiers: Sequence[TierTerms] = field(default_factory=tuple)


@transaction.atomic
def draft_plan_version(
    *, plan: Plan, currency: str, prices: Sequence[PriceSpec], effective_from: datetime
) -> PlanVersion:
    """Write down the next version of a plan's prices in a currency; not yet for sale.

    It brings the features of the version before, until `grant_features` says otherwise.

    Raises:
        PriceInvalid: If a price contradicts itself; the error names its code and field.
    """
    for spec in prices:
        check_price(spec)
    Plan.objects.select_for_update().get(pk=plan.pk)
    last = PlanVersion.objects.filter(plan=plan, currency=currency).aggregate(n=Max("number"))["n"]
    version = PlanVersion.objects.create(
        plan=plan, currency=currency, number=(last or 0) + 1, effective_from=effective_from
    )
    for position, spec in enumerate(prices):
        _write_price(version, spec, position)
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
    locked.published_at = at
    locked.save(update_fields=["published_at"])
    return locked


def check_price(spec: PriceSpec) -> None:
    """Refuse a price that contradicts itself.

    Raises:
        PriceInvalid: With the price's code, the field and the way out.
    """
    is_tiered = spec.charge_model in {Price.ChargeModel.GRADUATED, Price.ChargeModel.VOLUME}
    if spec.kind == Price.Kind.USAGE and spec.meter is None:
        raise PriceInvalid(
            "a usage price needs the meter that it prices", field=f"{spec.code}.meter"
        )
    if spec.kind == Price.Kind.RECURRING and spec.meter is not None:
        raise PriceInvalid("a recurring fee has no meter", field=f"{spec.code}.meter")
    if spec.kind == Price.Kind.USAGE and spec.timing != Price.Timing.ARREARS:
        raise PriceInvalid("usage is billed in arrears", field=f"{spec.code}.timing")
    if spec.unit_amount < 0 or spec.included_units < 0:
        raise PriceInvalid("amounts and included units cannot be negative", field=spec.code)
    if is_tiered != bool(spec.tiers):
        raise PriceInvalid(
            "graduated and volume prices have tiers, others none", field=f"{spec.code}.tiers"
        )
    if spec.charge_model == Price.ChargeModel.PACKAGE and not (spec.package_size or 0) > 0:
        raise PriceInvalid(
            "a package price needs a size above zero", field=f"{spec.code}.package_size"
        )
    _check_tiers(spec)


def _check_tiers(spec: PriceSpec) -> None:
    bound = Decimal(0)
    for number, tier in enumerate(spec.tiers, start=1):
        place = f"{spec.code}.tiers[{number}]"
        if (tier.up_to is None) != (number == len(spec.tiers)):
            raise PriceInvalid("only the last tier is open", field=f"{place}.up_to")
        if tier.unit_amount < 0 or tier.flat_amount < 0:
            raise PriceInvalid("amounts cannot be negative", field=place)
        if tier.up_to is None:
            return
        if tier.up_to <= bound:
            raise PriceInvalid(
                f"{tier.up_to} is not above the tier before",
                field=f"{place}.up_to",
                remedy=f"more than {bound}",
            )
        bound = tier.up_to


def _write_price(version: PlanVersion, spec: PriceSpec, position: int) -> None:
    price = Price.objects.create(
        plan_version=version,
        code=spec.code,
        name=spec.name,
        kind=spec.kind,
        charge_model=spec.charge_model,
        timing=spec.timing,
        meter=spec.meter,
        unit_amount=spec.unit_amount,
        currency=version.currency,
        package_size=spec.package_size,
        included_units=spec.included_units,
        position=position,
    )
    Tier.objects.bulk_create(
        Tier(
            price=price,
            position=number,
            up_to=tier.up_to,
            unit_amount=tier.unit_amount,
            flat_amount=tier.flat_amount,
            currency=version.currency,
        )
        for number, tier in enumerate(spec.tiers)
    )
