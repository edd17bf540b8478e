from decimal import Decimal
from typing import Any

import pytest

from subscriptions.errors import PlanVersionPublished, PriceInvalid
from subscriptions.models import PlanVersion
from subscriptions.services.catalog import draft_plan_version, publish_plan_version
from subscriptions.services.catalog_meters import MeterSpec, create_meter
from subscriptions.services.price_specs import PriceSpec, ThresholdSpec, TierTerms
from tests.factories.subscriptions import JAN_1, make_plan, per_call, published_version, recurring
from tiktoktoe.kernel.errors import InvalidInput

pytestmark = pytest.mark.django_db


def draft(*prices: PriceSpec) -> PlanVersion:
    return draft_plan_version(plan=make_plan(), currency="USD", prices=prices, effective_from=JAN_1)


def test_versions_are_numbered_per_plan_and_currency() -> None:
    plan = make_plan()

    numbers = [published_version(recurring(), plan=plan).number for _ in range(2)]
    euro = published_version(recurring(), plan=plan, currency="EUR")

    assert (numbers, euro.number) == ([1, 2], 1)


def test_a_version_keeps_its_prices_and_tiers_in_order() -> None:
    tiers = [
        TierTerms(up_to=Decimal(1000), unit_amount=Decimal("0.01")),
        TierTerms(up_to=None, unit_amount=Decimal("0.005"), flat_amount=Decimal(5)),
    ]

    version = draft(recurring(), per_call(charge_model="graduated", tiers=tiers))

    base, calls = version.prices.all()
    assert (base.code, calls.code) == ("base", "calls")
    assert [tier.up_to for tier in calls.tiers.all()] == [Decimal(1000), None]
    assert str(calls.tiers.all()[1].flat_amount.amount) == "5.0000000000"


@pytest.mark.parametrize("currency", ["ZZZ", "eur", "", "EURO"])
def test_prices_in_an_unknown_currency_are_refused_and_nothing_is_kept(currency: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        draft_plan_version(
            plan=make_plan(), currency=currency, prices=[recurring()], effective_from=JAN_1
        )

    assert refusal.value.field == "currency"
    assert not PlanVersion.objects.exists()


def test_publishing_twice_is_refused() -> None:
    version = published_version(recurring())

    with pytest.raises(PlanVersionPublished):
        publish_plan_version(version=version, at=JAN_1)


def test_publishing_without_prices_is_refused() -> None:
    with pytest.raises(PriceInvalid, match="at least one price"):
        publish_plan_version(version=draft(), at=JAN_1)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"meter": None}, "calls.meter"),
        ({"timing": "advance", "charge_model": "stairstep"}, "calls.timing"),
        ({"unit_amount": Decimal(-1)}, "calls"),
        ({"charge_model": "graduated"}, "calls.tiers"),
        ({"charge_model": "package"}, "calls.package_size"),
        ({"charge_model": "surge"}, "calls.charge_model"),
        ({"charge_model": "dynamic"}, "calls.meter"),
        ({"percentage": Decimal(1)}, "calls.percentage"),
        ({"included_events": 3}, "calls.included_events"),
        ({"is_prorated": True}, "calls.is_prorated"),
        ({"kind": "recurring"}, "calls.meter"),
        ({"kind": "recurring", "meter": None, "charge_model": "dynamic"}, "calls.charge_model"),
        ({"kind": "setup", "meter": None}, "calls.timing"),
        (
            {"kind": "recurring", "meter": None, "minimum_amount": Decimal(1)},
            "calls.minimum_amount",
        ),
        ({"unit_amount": Decimal("0.00000000001")}, "calls.unit_amount"),
        ({"match": {"region": ["eu"]}}, "calls.match"),
        (
            {
                "charge_model": "percentage",
                "event_minimum": Decimal(2),
                "event_maximum": Decimal(1),
            },
            "calls.event_maximum",
        ),
    ],
)
def test_a_price_that_contradicts_itself_is_refused_by_field(
    terms: dict[str, Any], field: str
) -> None:
    with pytest.raises(PriceInvalid) as refusal:
        draft(per_call(**terms))

    assert refusal.value.field == field
    assert not PlanVersion.objects.exists()


@pytest.mark.parametrize(
    "bounds",
    [[None, None], ["10", "10", None], ["10", "5", None], ["10"]],
)
def test_tiers_that_overlap_or_do_not_end_open_are_refused(bounds: list[str | None]) -> None:
    tiers = [TierTerms(up_to=Decimal(b) if b else None, unit_amount=Decimal(1)) for b in bounds]

    with pytest.raises(PriceInvalid):
        draft(per_call(charge_model="graduated", tiers=tiers))


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"match": {"colour": ["red"]}}, "eu.match"),
        ({"match": {"region": []}}, "eu.match"),
        ({"match": None}, "eu.match"),
        ({"minimum_amount": Decimal(5)}, "eu.minimum_amount"),
        ({"charge_model": "graduated"}, "eu.tiers"),
        ({"code": "calls"}, "calls.code"),
    ],
)
def test_a_variant_that_contradicts_itself_is_refused_by_field(
    terms: dict[str, Any], field: str
) -> None:
    regional = create_meter(
        spec=MeterSpec(code="regional", name="Calls", unit="call", dimensions=["region"]), at=JAN_1
    )
    variant = per_call(
        meter=regional, **{"code": "eu", "name": "Europe", "match": {"region": ["eu"]}, **terms}
    )

    with pytest.raises(PriceInvalid) as refusal:
        draft(per_call(meter=regional, variants=[variant]))

    assert refusal.value.field == field
    assert not PlanVersion.objects.exists()


@pytest.mark.parametrize(
    ("thresholds", "field"),
    [
        ([ThresholdSpec(amount=Decimal(0))], "thresholds[1].amount"),
        ([ThresholdSpec(amount=Decimal(5))] * 2, "thresholds"),
        ([ThresholdSpec(amount=Decimal(n), is_repeating=True) for n in (5, 6)], "thresholds"),
    ],
)
def test_thresholds_that_cannot_be_are_refused(thresholds: list[ThresholdSpec], field: str) -> None:
    with pytest.raises(PriceInvalid) as refusal:
        draft_plan_version(
            plan=make_plan(),
            currency="USD",
            prices=[recurring()],
            effective_from=JAN_1,
            thresholds=thresholds,
        )

    assert refusal.value.field == field
