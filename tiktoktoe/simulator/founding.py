"""The world is made: taxes, meters, plans and customers of the file, by the real services."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

from django.conf import settings

from billing.models import TaxRate
from subscriptions.models import Customer, Meter, Plan, PlanVersion, Product
from subscriptions.services.catalog import (
    PriceSpec,
    TierTerms,
    draft_plan_version,
    publish_plan_version,
)
from subscriptions.services.customers import CustomerDetails, create_customer
from subscriptions.services.event_sources import create_event_source
from subscriptions.services.policies import assign_policy, publish_policy
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.kernel.money import currency_of
from tiktoktoe.simulator.errors import Place, ScenarioInvalid, StepRefused
from tiktoktoe.simulator.scenario import catalog
from tiktoktoe.simulator.scenario.timeline import Scenario
from tiktoktoe.simulator.scenario.values import Amount
from tiktoktoe.simulator.world import ACTOR, World

EVER = date(1970, 1, 1)
MODELS = {
    "": "per_unit",
    "standard": "per_unit",
    "unit": "per_unit",
    "per_seat": "per_unit",
    "tiered": "graduated",
    "all_tiers": "graduated",
    "top_tier": "volume",
    "block": "package",
}
AGGREGATIONS = {"count_agg": "count", "sum_agg": "sum", "max_agg": "max"}


def found_world(scenario: Scenario, *, at: datetime) -> World:
    """Write what a scenario starts from.

    Raises:
        ScenarioInvalid, StepRefused: If a part of it cannot be; with its line.
    """
    _let_policy_count(scenario, at)
    source = create_event_source(name="simulation", at=at).source
    customers = {row.id: _customer(row, scenario, at) for row in scenario.customers}
    _make_taxes(scenario, customers)
    meters = {row.code: _meter(row) for row in scenario.meters}
    versions = dict[tuple[str, str], PlanVersion]()
    product = Product.objects.create(code="simulated", name="Simulated", created_at=at)
    for row in scenario.plans:
        currency = (row.currency or scenario.currency).upper()
        if (row.code, currency) in versions:
            raise ScenarioInvalid(f"{row.code!r} is there twice", row.place)
        versions[row.code, currency] = _publish(row, product, meters, currency, at)
    return World(scenario, source, customers, versions)


def _let_policy_count(scenario: Scenario, at: datetime) -> None:
    rules = scenario.policy.policy
    code = scenario.policy.preset
    policy = publish_policy(code=code, name=code, rules=rules, at=at)
    assign_policy(policy=policy, actor=ACTOR, at=at)


def _customer(row: catalog.CustomerRow, scenario: Scenario, at: datetime) -> Customer:
    details = CustomerDetails(
        external_id=row.id,
        name=row.id,
        email="simulated@example.com",
        country=row.country.upper() or str(settings.COMPANY["country"]),
        currency=_currency(row.currency or scenario.currency, row.place),
        time_zone=row.time_zone or scenario.time_zone,
        locale=row.locale,
        tax_number=row.tax_number,
        is_tax_exempt=row.tax_exempt or not scenario.taxes,
    )
    try:
        return create_customer(details=details, at=at)
    except (InvalidInput, Conflict) as problem:
        raise StepRefused(row.place, problem) from problem


def _currency(code: str, place: Place) -> str:
    try:
        return str(currency_of(code.upper()).code)
    except InvalidInput as problem:
        raise ScenarioInvalid(problem.message, place, allowed=problem.remedy) from None


def _make_taxes(scenario: Scenario, customers: dict[str, Customer]) -> None:
    everywhere = {customer.country for customer in customers.values()}
    for number, row in enumerate(scenario.taxes, start=1):
        for country in [row.country.upper()] if row.country else sorted(everywhere):
            TaxRate.objects.create(
                code=row.code if row.code != "tax" else f"tax-{number}",
                name=row.name,
                country=country,
                percentage=row.rate,
                valid_from=row.valid_from or EVER,
                valid_to=row.valid_to,
            )


def _meter(row: catalog.MeterRow) -> Meter:
    aggregation = AGGREGATIONS.get(row.aggregation, row.aggregation)
    if aggregation not in Meter.Aggregation.values:
        allowed = ", ".join(Meter.Aggregation.values)
        raise ScenarioInvalid(f"{row.aggregation!r} is not known", row.place, allowed=allowed)
    return Meter.objects.create(
        code=row.code, name=row.name or row.code, unit=row.unit, aggregation=aggregation
    )


def _publish(
    row: catalog.Plan, product: Product, meters: dict[str, Meter], currency: str, at: datetime
) -> PlanVersion:
    plan, _ = Plan.objects.get_or_create(
        code=row.code,
        defaults={
            "product": product,
            "name": row.name or row.code,
            "interval": row.interval.unit.value,
            "interval_count": row.interval.count,
            "trial_days": row.trial_days,
            "rank": row.rank,
        },
    )
    specs = list(_specs(row, meters, currency))
    try:
        version = draft_plan_version(plan=plan, currency=currency, prices=specs, effective_from=at)
        return publish_plan_version(version=version, at=at)
    except (InvalidInput, Conflict) as problem:
        raise StepRefused(row.place, problem) from problem


def _specs(row: catalog.Plan, meters: dict[str, Meter], currency: str) -> Iterator[PriceSpec]:
    if row.price is not None:
        yield PriceSpec(
            code="fee",
            name="Fee",
            kind="recurring",
            charge_model="per_unit" if row.per_unit else "flat",
            timing=row.fee_timing,
            unit_amount=row.price.exact(currency),
        )
    for number, charge in enumerate(row.charges, start=1):
        yield _spec(charge, number, row, meters, currency)


def _spec(
    charge: catalog.Charge,
    number: int,
    plan: catalog.Plan,
    meters: dict[str, Meter],
    currency: str,
) -> PriceSpec:
    if charge.meter and charge.meter not in meters:
        allowed = ", ".join(meters) or "list it under meters"
        raise ScenarioInvalid(f"{charge.meter!r} is no meter", charge.place, allowed=allowed)
    code = charge.code or charge.meter or f"charge-{number}"
    return PriceSpec(
        code=code,
        name=charge.name or code,
        kind="usage" if charge.meter else "recurring",
        charge_model=MODELS.get(charge.model, charge.model),
        timing=charge.timing or ("arrears" if charge.meter else plan.fee_timing),
        unit_amount=_exact(charge.price, currency),
        meter=meters.get(charge.meter),
        package_size=charge.package_size,
        included_units=charge.included,
        tiers=[
            TierTerms(
                up_to=tier.up_to,
                unit_amount=_exact(tier.unit_price, currency),
                flat_amount=_exact(tier.flat_price, currency),
            )
            for tier in charge.tiers
        ],
    )


def _exact(amount: Amount | None, currency: str) -> Decimal:
    return amount.exact(currency) if amount is not None else Decimal(0)
