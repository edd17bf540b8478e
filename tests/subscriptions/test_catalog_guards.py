"""What prices and meters must be like, by PostgreSQL, whoever writes."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from subscriptions.errors import PriceInvalid
from subscriptions.models import Meter, PlanVersion, Price, SpendingThreshold, Tier
from subscriptions.services.catalog import draft_plan_version, publish_plan_version
from subscriptions.services.catalog_meters import MeterSpec, create_meter
from subscriptions.services.price_specs import ThresholdSpec
from tests.factories.accounts import make_user
from tests.factories.subscriptions import JAN_1, make_meter, make_plan, per_call, recurring

pytestmark = pytest.mark.django_db
D = Decimal


def draft(*, thresholds: tuple[ThresholdSpec, ...] = ()) -> PlanVersion:
    return draft_plan_version(
        plan=make_plan(),
        currency="USD",
        prices=[recurring(), per_call()],
        effective_from=JAN_1,
        thresholds=thresholds,
    )


def refused(statement: str, *values: int) -> str:
    with (
        pytest.raises(IntegrityError) as refusal,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, values)
    return str(refusal.value)


@pytest.mark.parametrize(
    "change",
    [
        "aggregation = 'max'",
        "dimensions = '{region}'",
        "is_carried_over = true",
        "rounding = 'up'",
        "code = 'other'",
    ],
)
def test_what_a_meter_means_stays(change: str) -> None:
    meter = make_meter()

    words = refused(f"UPDATE subscriptions_meter SET {change} WHERE id = %s", meter.pk)

    assert "a new meaning is a new meter" in words
    assert Meter.objects.get().aggregation == "sum"


def test_a_meter_may_be_renamed() -> None:
    Meter.objects.filter(pk=make_meter().pk).update(name="Calls")

    assert Meter.objects.get().name == "Calls"


@pytest.mark.parametrize("change", ["interval = 'year'", "interval_count = 3"])
def test_a_plan_with_prices_on_sale_keeps_its_interval(change: str) -> None:
    version = draft()
    statement = f"UPDATE subscriptions_plan SET {change} WHERE id = %s"
    with connection.cursor() as cursor:
        cursor.execute(statement, [version.plan_id])  # of drafts it may change
        cursor.execute("UPDATE subscriptions_plan SET interval = 'month', interval_count = 1")
    publish_plan_version(version=version, at=JAN_1)

    assert "another one is another plan" in refused(statement, version.plan_id)


def test_the_admin_offers_no_other_interval_of_a_plan_that_is_on_sale(client: Client) -> None:
    version = draft()
    client.force_login(make_user())
    address = f"/admin/subscriptions/plan/{version.plan_id}/change/"

    assert 'name="interval"' in client.get(address).content.decode()
    publish_plan_version(version=version, at=JAN_1)
    assert 'name="interval"' not in client.get(address).content.decode()


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"aggregation": "unique"}, "m.unique_property"),
        ({"unique_property": "user"}, "m.unique_property"),
        ({"aggregation": "max", "is_carried_over": True}, "m.is_carried_over"),
        ({"aggregation": "median"}, "m.aggregation"),
        ({"rounding": "up", "rounding_places": 11}, "m.rounding"),
        ({"dimensions": ["region", "region"]}, "m.dimensions"),
    ],
)
def test_a_meter_that_contradicts_itself_is_refused_by_field(
    terms: dict[str, Any], field: str
) -> None:
    with pytest.raises(PriceInvalid) as refusal:
        create_meter(spec=MeterSpec(code="m", name="M", unit="unit", **terms), at=JAN_1)

    assert refusal.value.field == field
    assert not Meter.objects.exists()


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"percentage": D(1)}, "price_of_events_is_a_percentage"),
        ({"included_events": 1}, "price_of_events_is_a_percentage"),
        (
            {"charge_model": "percentage", "event_minimum": D(5), "event_maximum": D(1)},
            "price_event_limits_are_in_order",
        ),
        ({"charge_model": "package"}, "price_of_a_package_has_a_size"),
        ({"minimum_amount": D(-1)}, "price_is_not_negative"),
        ({"match": {"region": ["eu"]}}, "price_variant_has_a_match"),
        ({"kind": "recurring"}, "price_of_usage_has_a_meter"),
        ({"kind": "setup"}, "price_of_usage_has_a_meter"),
    ],
)
def test_a_price_that_contradicts_itself_cannot_be_written(
    change: dict[str, Any], constraint: str
) -> None:
    draft()
    calls = Price.objects.get(code="calls")

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Price.objects.filter(pk=calls.pk).update(**change)


def test_a_fee_cannot_be_charged_like_usage() -> None:
    draft()

    with (
        pytest.raises(IntegrityError, match="price_of_a_fee_knows_no_usage"),
        transaction.atomic(),
    ):
        Price.objects.filter(code="base").update(charge_model="dynamic")


def _make_variant(version: PlanVersion, price: Price) -> None:
    """Write past the service, and let PostgreSQL look at once."""
    prices = Price.objects.filter(plan_version=version, code="calls")
    prices.update(variant_of=price, match={"region": ["eu"]})
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_variant_stays_in_the_version_of_its_price() -> None:
    mine, other = draft(), draft()
    calls = mine.prices.get(code="calls")

    with (
        pytest.raises(IntegrityError, match="price_variant_in_its_version"),
        transaction.atomic(),
    ):
        _make_variant(other, calls)


@pytest.mark.parametrize(
    "bounds", [[], ["10"], [None, None], ["10", "10", None], ["10", "5", None], ["0", None]]
)
def test_a_version_whose_tiers_are_not_whole_cannot_go_on_sale(bounds: list[str | None]) -> None:
    version = draft()
    calls = version.prices.get(code="calls")
    Price.objects.filter(pk=calls.pk).update(charge_model="graduated")
    for position, bound in enumerate(bounds):
        up_to = None if bound is None else D(bound)
        Tier.objects.create(price=calls, position=position, up_to=up_to, currency="USD")

    words = refused(
        "UPDATE subscriptions_planversion SET published_at = now() WHERE id = %s", version.pk
    )

    assert "the tiers of price calls" in words
    assert PlanVersion.objects.get().published_at is None


def test_thresholds_of_a_published_version_are_frozen() -> None:
    version = draft(thresholds=(ThresholdSpec(amount=D(200)),))
    publish_plan_version(version=version, at=JAN_1)

    words = [
        refused("UPDATE subscriptions_spendingthreshold SET amount = 1"),
        refused("DELETE FROM subscriptions_spendingthreshold"),
    ]

    assert all("frozen" in said for said in words)
    assert SpendingThreshold.objects.get().amount.amount == 200
