"""The world is made: taxes, meters, plans and customers of the file, by the real services."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

from django.conf import settings

from billing.models import NumberingRule, TaxRate
from billing.services.credit.coupons import CouponDetails, create_coupon
from billing.services.invoices.consolidating import set_invoicing
from billing.services.invoices.numbering import set_numbering
from subscriptions.models import Customer, Meter, Plan, PlanVersion, Price, Product
from subscriptions.services.catalog import draft_plan_version, publish_plan_version
from subscriptions.services.catalog_meters import MeterSpec, create_meter
from subscriptions.services.customers import CustomerDetails, create_customer
from subscriptions.services.event_sources import create_event_source
from subscriptions.services.policies import assign_policy, publish_policy
from subscriptions.services.price_specs import ThresholdSpec
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.kernel.money import Money, currency_of
from tiktoktoe.simulator.dunning import put_dunning_in_force
from tiktoktoe.simulator.errors import Place, ScenarioInvalid, StepRefused
from tiktoktoe.simulator.pricing import price_specs
from tiktoktoe.simulator.scenario import catalog
from tiktoktoe.simulator.scenario.timeline import Scenario
from tiktoktoe.simulator.world import ACTOR, World

T = TypeVar("T")
EVER = date(1970, 1, 1)
RATE_MAX, TRIAL_DAYS_MAX = 100, 3650
AGGREGATIONS = {
    "count_agg": "count",
    "sum_agg": "sum",
    "max_agg": "max",
    "unique_count": "unique",
    "unique_count_agg": "unique",
    "latest_agg": "latest",
    "weighted_sum": "weighted",
    "weighted_sum_agg": "weighted",
}


def found_world(scenario: Scenario, *, at: datetime) -> World:
    """Write what a scenario starts from.

    Raises:
        ScenarioInvalid, StepRefused: If a part of it cannot be; with its line.
    """
    _let_policy_count(scenario, at)
    if scenario.company is not None:
        _number(scenario.company, at)
    if scenario.dunning is not None:
        put_dunning_in_force(scenario.dunning, scenario.currency, at)
    source = create_event_source(name="simulation", at=at).source
    customers = {row.id: _customer(row, scenario, at) for row in scenario.customers}
    _make_taxes(scenario, customers)
    meters = {row.code: _meter(row, scenario, at) for row in scenario.meters}
    versions = dict[tuple[str, str], PlanVersion]()
    product = Product.objects.create(code="simulated", name="Simulated", created_at=at)
    for row in scenario.plans:
        currency = (row.currency or scenario.currency).upper()
        if (row.code, currency) in versions:
            raise ScenarioInvalid(f"{row.code!r} is there twice", row.place)
        versions[row.code, currency] = _publish(row, product, meters, currency, at)
    _make_coupons(scenario, meters, at)
    cards: dict[str, str] = {row.id: row.card for row in scenario.customers if row.card != "none"}
    return World(scenario, source, customers, versions, cards=cards)


def _let_policy_count(scenario: Scenario, at: datetime) -> None:
    rules = scenario.policy.policy
    code = scenario.policy.preset
    policy = publish_policy(code=code, name=code, rules=rules, at=at)
    assign_policy(policy=policy, actor=ACTOR, at=at)


def _number(row: catalog.Company, at: datetime) -> None:
    mode = NumberingRule.Mode(row.numbering)
    try:
        set_numbering(mode=mode, prefix=row.invoice_prefix, actor=ACTOR, at=at)
    except InvalidInput as problem:
        raise StepRefused(row.place, problem) from problem


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
        customer = create_customer(details=details, at=at)
    except (InvalidInput, Conflict) as problem:
        raise StepRefused(row.place, problem) from problem
    currencies = {_currency(p.currency, p.place) for p in scenario.plans if p.currency}
    for currency in {customer.currency, *currencies} if row.one_invoice else ():
        set_invoicing(
            customer=customer, currency=currency, is_consolidated=True, actor=ACTOR, at=at
        )
    return customer


def _currency(code: str, place: Place) -> str:
    try:
        return str(currency_of(code.upper()).code)
    except InvalidInput as problem:
        raise ScenarioInvalid(problem.message, place, allowed=problem.remedy) from None


def _make_taxes(scenario: Scenario, customers: dict[str, Customer]) -> None:
    said, codes = set[tuple[str, str, str, str, date]](), set[tuple[str, str, date]]()
    everywhere = {customer.country for customer in customers.values()}
    for number, row in enumerate(scenario.taxes, start=1):
        if not 0 <= row.rate <= RATE_MAX:
            raise ScenarioInvalid(f"{row.rate} is no rate", row.place, allowed="0 to 100, of %")
        for country in [row.country.upper()] if row.country else sorted(everywhere):
            since = row.valid_from or EVER
            code = row.code if row.code != "tax" else f"tax-{number}"
            first = (country, row.region, row.levy, row.category, since)
            levy = code if first in said and not row.levy else row.levy
            named = (country, code, since)
            if named in codes or (country, row.region, levy, row.category, since) in said:
                raise ScenarioInvalid(
                    "is a second rate of that country, category and levy from that day",
                    row.place,
                    allowed="another code, to be charged beside it, or a category",
                )
            codes.add(named)
            said.add((country, row.region, levy, row.category, since))
            TaxRate.objects.create(
                code=code,
                name=row.name,
                country=country,
                region=row.region,
                levy=levy,
                is_compound=row.compound,
                category=row.category,
                percentage=row.rate,
                valid_from=since,
                valid_to=row.valid_to,
            )


def _meter(row: catalog.MeterRow, scenario: Scenario, at: datetime) -> Meter:
    """A meter; what prices tell apart need not be said again as its dimensions."""
    told_apart = [
        key
        for plan in scenario.plans
        for charge in plan.charges
        if charge.meter == row.code
        for variant in charge.filters
        for key in variant.where
    ]
    spec = MeterSpec(
        code=row.code,
        name=row.name or row.code,
        unit=row.unit,
        aggregation=AGGREGATIONS.get(row.aggregation, row.aggregation),
        is_carried_over=row.carried_over,
        unique_property=row.unique_property,
        amount_property=row.amount_property,
        dimensions=tuple(dict.fromkeys((*row.dimensions, *told_apart))),
        rounding=row.rounding,
        rounding_places=row.rounding_places,
    )
    try:
        return create_meter(spec=spec, at=at)
    except (InvalidInput, Conflict) as problem:
        raise StepRefused(row.place, problem) from problem


def _make_coupons(scenario: Scenario, meters: dict[str, Meter], at: datetime) -> None:
    plans = {plan.code: plan for plan in Plan.objects.filter(product__code="simulated")}
    for row in scenario.coupons:
        currency = _currency(row.currency or scenario.currency, row.place)
        details = CouponDetails(
            code=row.code,
            name=row.name or row.code,
            amount=Money(row.amount.payable(currency), currency) if row.amount else None,
            percentage=row.percent,
            monthly_cap=(
                Money(row.monthly_cap.payable(currency), currency) if row.monthly_cap else None
            ),
            duration="repeating" if row.duration == "recurring" else row.duration,
            periods=row.periods,
            max_redemptions=row.max_redemptions,
            max_per_customer=row.max_per_customer,
            expires_at=row.expires.at(scenario.time_zone) if row.expires else None,
            plans=[_known(plans, code, row.place) for code in row.plans],
            meters=[_known(meters, code, row.place) for code in row.meters],
            price_codes=[_known(_price_codes(), code, row.place) for code in row.prices],
        )
        try:
            create_coupon(details=details, at=at)
        except (InvalidInput, Conflict) as problem:
            raise StepRefused(row.place, problem) from problem


def _price_codes() -> dict[str, str]:
    """The codes of all prices of the file."""
    prices = Price.objects.filter(plan_version__plan__product__code="simulated")
    return {code: code for code in prices.order_by("pk").values_list("code", flat=True)}


def _known(rows: Mapping[str, T], code: str, place: Place) -> T:
    if code not in rows:
        raise ScenarioInvalid(f"{code!r} is not in the file", place, allowed=", ".join(rows))
    return rows[code]


def _publish(
    row: catalog.Plan, product: Product, meters: dict[str, Meter], currency: str, at: datetime
) -> PlanVersion:
    if not 0 <= row.trial_days <= TRIAL_DAYS_MAX:
        raise ScenarioInvalid(
            f"{row.trial_days} is no trial", row.place, allowed=f"0 to {TRIAL_DAYS_MAX} days"
        )
    plan, _ = Plan.objects.get_or_create(
        code=row.code,
        defaults={
            "product": product,
            "name": row.name or row.code,
            "interval": row.interval.unit.value,
            "interval_count": row.interval.count,
            "trial_days": row.trial_days,
            "rank": row.rank,
            "is_add_on": row.add_on,
        },
    )
    specs = price_specs(row, meters, currency)
    try:
        version = draft_plan_version(
            plan=plan,
            currency=currency,
            prices=specs,
            effective_from=at,
            minimum_amount=row.minimum.payable(currency) if row.minimum else Decimal(0),
            includes_tax=row.includes_tax,
            thresholds=_thresholds(row, currency),
        )
        return publish_plan_version(version=version, at=at)
    except (InvalidInput, Conflict) as problem:
        raise StepRefused(row.place, problem) from problem


def _thresholds(row: catalog.Plan, currency: str) -> list[ThresholdSpec]:
    specs = [ThresholdSpec(amount=amount.payable(currency)) for amount in row.thresholds]
    if row.recurring_threshold is not None:
        amount = row.recurring_threshold.payable(currency)
        specs.append(ThresholdSpec(amount=amount, is_repeating=True))
    return specs
