"""What the demo company sells: an inference platform, with plans, meters and prices."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from billing.models import TaxRate
from subscriptions.models import Feature, Meter, Plan, PlanVersion, Product
from subscriptions.services.catalog import create_plan, draft_plan_version, publish_plan_version
from subscriptions.services.features import GrantTerms, create_feature, grant_features
from subscriptions.services.price_specs import PriceSpec, TierTerms
from tiktoktoe.kernel.periods import Interval, IntervalUnit

CURRENCY = "EUR"
# Standard VAT rates. Source: European Commission, "VAT rates applied in the Member States"
# (Taxes in Europe database), as of 2025; United Kingdom and Switzerland are not charged.
VAT = {"DE": 19, "FR": 20, "NL": 21, "AT": 20, "ES": 21, "IT": 22, "SE": 25, "PL": 23}


@dataclass(frozen=True)
class Catalog:
    """The versions on sale, from small to large, and the yearly one."""

    starter: PlanVersion
    team: PlanVersion
    scale: PlanVersion
    yearly: PlanVersion
    extra: PlanVersion  # an add-on

    @property
    def ladder(self) -> tuple[PlanVersion, ...]:
        """The monthly plans, from small to large."""
        return (self.starter, self.team, self.scale)


def make_taxes() -> None:
    """The rates of the countries that the demo company charges tax in."""
    for country, percentage in VAT.items():
        TaxRate.objects.get_or_create(
            country=country,
            code="vat",
            valid_from=date(2020, 1, 1),
            defaults={"name": "VAT", "percentage": percentage},
        )


def make_catalog(at: datetime) -> Catalog:
    """The catalog as it was on the company's first day."""
    product = Product.objects.create(code="inference", name="Inference", created_at=at)
    tokens = Meter.objects.create(code="tokens", name="Tokens", unit="token", created_at=at)
    storage = Meter.objects.create(
        code="storage", name="Storage", unit="GB", aggregation=Meter.Aggregation.MAX, created_at=at
    )
    plans = [
        Plan.objects.create(
            product=product,
            code=code,
            name=name,
            description=description,
            interval=interval,
            trial_days=trial_days,
            rank=rank,
            created_at=at,
        )
        for rank, (code, name, description, interval, trial_days) in enumerate(PLANS)
    ]
    _make_features(tokens, at)
    starter, team, scale, yearly = plans
    return Catalog(
        starter=_publish(starter, at, _fee("29"), _tokens(tokens, "2000000", FLAT_TIERS)),
        team=_publish(
            team,
            at,
            _fee("99"),
            _seats("12"),
            _tokens(tokens, "20000000", TEAM_TIERS),
            _storage(storage, "50", "0.20"),
        ),
        scale=_publish(
            scale,
            at,
            _fee("349"),
            _seats("10"),
            _tokens(tokens, "100000000", SCALE_TIERS),
            _storage(storage, "250", "0.15"),
        ),
        yearly=_publish(yearly, at, _fee("990"), _seats("120")),
        extra=_publish(_make_add_on(product, at), at, _extra("4")),
    )


def _make_add_on(product: Product, at: datetime) -> Plan:
    return create_plan(
        product=product,
        code="extra-projects",
        name="Extra projects",
        description="Beside a monthly plan, each for itself",
        interval=Interval(unit=IntervalUnit.MONTH, count=1),
        is_add_on=True,
        at=at,
    )


def raise_team_price(catalog: Catalog, at: datetime) -> PlanVersion:
    """The second version of Team, for new customers: existing ones stay on the first."""
    tokens, storage = Meter.objects.get(code="tokens"), Meter.objects.get(code="storage")
    return _publish(
        catalog.team.plan,
        at,
        _fee("109"),
        _seats("12"),
        _tokens(tokens, "20000000", TEAM_TIERS),
        _storage(storage, "50", "0.20"),
    )


PLANS = (
    ("starter", "Starter", "For a first product", "month", 0),
    ("team", "Team", "For a company that ships", "month", 14),
    ("scale", "Scale", "For heavy traffic", "month", 0),
    ("team-yearly", "Team yearly", "Two months free, no usage", "year", 0),
)
FEATURES = (
    ("projects", "Projects", "limit", "project"),
    ("token-guard", "Tokens before a guard stops them", "metered", ""),
    ("sso", "Single sign-on", "boolean", ""),
    ("priority-support", "Priority support", "boolean", ""),
)
GRANTS: dict[str, dict[str, str | None]] = {
    "starter": {"projects": "2", "token-guard": "50000000"},
    "team": {"projects": "5", "token-guard": "500000000", "sso": None},
    "scale": {"projects": "25", "token-guard": None, "sso": None, "priority-support": None},
    "team-yearly": {"projects": "5", "sso": None},
    "extra-projects": {"projects": "1"},
}
FLAT_TIERS = (TierTerms(up_to=None, unit_amount=Decimal("0.0000040")),)
TEAM_TIERS = (
    TierTerms(up_to=Decimal(50_000_000), unit_amount=Decimal("0.0000035")),
    TierTerms(up_to=None, unit_amount=Decimal("0.0000028")),
)
SCALE_TIERS = (
    TierTerms(up_to=Decimal(200_000_000), unit_amount=Decimal("0.0000024")),
    TierTerms(up_to=Decimal(1_000_000_000), unit_amount=Decimal("0.0000018")),
    TierTerms(up_to=None, unit_amount=Decimal("0.0000012")),
)


def _publish(plan: Plan, at: datetime, *prices: PriceSpec) -> PlanVersion:
    version = draft_plan_version(plan=plan, currency=CURRENCY, prices=prices, effective_from=at)
    if version.number == 1:  # later versions carry the features on
        grant_features(version=version, grants=_grants(plan.code))
    return publish_plan_version(version=version, at=at)


def _make_features(tokens: Meter, at: datetime) -> None:
    for code, name, kind, unit in FEATURES:
        meter = tokens if kind == "metered" else None
        create_feature(code=code, name=name, kind=kind, unit=unit, meter=meter, at=at)


def _grants(plan_code: str) -> list[GrantTerms]:
    """What a plan brings; no limit: without limit, or had or not."""
    found = Feature.objects.in_bulk(GRANTS[plan_code], field_name="code")
    return [
        GrantTerms(
            feature=found[code],
            limit_units=None if limit is None else Decimal(limit),
            is_per_unit=code == "projects",
        )
        for code, limit in GRANTS[plan_code].items()
    ]


def _fee(amount: str) -> PriceSpec:
    return PriceSpec(
        code="base",
        name="Base fee",
        kind="recurring",
        charge_model="flat",
        timing="advance",
        unit_amount=Decimal(amount),
    )


def _extra(amount: str) -> PriceSpec:
    return PriceSpec(
        code="extra",
        name="Extra projects",
        kind="recurring",
        charge_model="per_unit",
        timing="advance",
        unit_amount=Decimal(amount),
    )


def _seats(amount: str) -> PriceSpec:
    return PriceSpec(
        code="seats",
        name="Seats",
        kind="recurring",
        charge_model="per_unit",
        timing="advance",
        unit_amount=Decimal(amount),
    )


def _tokens(meter: Meter, included: str, tiers: tuple[TierTerms, ...]) -> PriceSpec:
    return PriceSpec(
        code="tokens",
        name="Tokens",
        kind="usage",
        charge_model="graduated",
        timing="arrears",
        meter=meter,
        included_units=Decimal(included),
        tiers=tiers,
    )


def _storage(meter: Meter, included: str, amount: str) -> PriceSpec:
    return PriceSpec(
        code="storage",
        name="Storage at its peak",
        kind="usage",
        charge_model="per_unit",
        timing="arrears",
        meter=meter,
        included_units=Decimal(included),
        unit_amount=Decimal(amount),
    )
