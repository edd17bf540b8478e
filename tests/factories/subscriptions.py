"""Customers, a catalog and subscriptions, valid and fixed by default.

The catalog is the one of the documentation: Team costs 99.00 a month in advance, and
API calls 0.002 each above 10,000 included ones, in arrears.
"""

from datetime import UTC, datetime
from decimal import Decimal

import factory
from factory.declarations import LazyAttribute, Sequence, SubFactory

from subscriptions.models import (
    Customer,
    CustomerMember,
    EventSource,
    Meter,
    Plan,
    PlanVersion,
    Product,
    Subscription,
)
from subscriptions.services.catalog import PriceSpec, draft_plan_version, publish_plan_version
from subscriptions.services.signup import subscribe
from subscriptions.services.transitions import Actor
from tests.factories.accounts import UserFactory
from tiktoktoe.accounts.roles import Role

JAN_1 = datetime(2026, 1, 1, tzinfo=UTC)
TEST_ACTOR = Actor(source="test")


class CustomerFactory(factory.django.DjangoModelFactory[Customer]):
    """A company in New York paying in USD, in UTC."""

    class Meta:
        model = Customer

    external_id = Sequence(lambda n: f"cus_{n}")
    name = Sequence(lambda n: f"Acme Widgets {n}")
    email = Sequence(lambda n: f"billing{n}@acme.example")
    address_line1 = "1 Main Street"
    city = "New York"
    region = "NY"
    postal_code = "10001"
    country = "US"
    currency = "USD"
    time_zone = "UTC"
    created_at = JAN_1


class MemberFactory(factory.django.DjangoModelFactory[CustomerMember]):
    """A person who acts for a customer."""

    class Meta:
        model = CustomerMember

    customer = SubFactory(CustomerFactory)
    user = SubFactory(UserFactory, role=Role.CUSTOMER)
    created_at = JAN_1


class ProductFactory(factory.django.DjangoModelFactory[Product]):
    """The one product."""

    class Meta:
        model = Product
        django_get_or_create = ("code",)

    code = "platform"
    name = "Platform"


class MeterFactory(factory.django.DjangoModelFactory[Meter]):
    """API calls, added up."""

    class Meta:
        model = Meter
        django_get_or_create = ("code",)

    code = "api_calls"
    name = "API calls"
    unit = "call"
    aggregation = Meter.Aggregation.SUM


class PlanFactory(factory.django.DjangoModelFactory[Plan]):
    """A monthly plan without a trial."""

    class Meta:
        model = Plan

    product = SubFactory(ProductFactory)
    code = Sequence(lambda n: f"team{n}")
    name = "Team"


class EventSourceFactory(factory.django.DjangoModelFactory[EventSource]):
    """A system that sends usage; its key is never known, tests make real ones by service."""

    class Meta:
        model = EventSource

    name = Sequence(lambda n: f"source {n}")
    key_prefix = "ttt_test"
    key_hash = LazyAttribute(lambda source: source.name.encode().ljust(32)[:32])
    created_at = JAN_1


def recurring(amount: str = "99.00", **terms: object) -> PriceSpec:
    """A monthly fee in advance."""
    fields: dict[str, object] = {
        "code": "base",
        "name": "Base fee",
        "kind": "recurring",
        "charge_model": "flat",
        "timing": "advance",
        "unit_amount": Decimal(amount),
        **terms,
    }
    return PriceSpec(**fields)  # type: ignore[arg-type]


def per_call(amount: str = "0.002", *, included: str = "10000", **terms: object) -> PriceSpec:
    """A price per API call above the included ones, in arrears."""
    fields: dict[str, object] = {
        "code": "calls",
        "name": "API calls",
        "kind": "usage",
        "charge_model": "per_unit",
        "timing": "arrears",
        "unit_amount": Decimal(amount),
        "included_units": Decimal(included),
        "meter": MeterFactory(),
        **terms,
    }
    return PriceSpec(**fields)  # type: ignore[arg-type]


def published_version(
    *prices: PriceSpec, plan: Plan | None = None, currency: str = "USD", at: datetime = JAN_1
) -> PlanVersion:
    """A version on sale since `at`; without prices it has the documentation's two."""
    version = draft_plan_version(
        plan=plan or PlanFactory(),
        currency=currency,
        prices=prices or (recurring(), per_call()),
        effective_from=at,
    )
    return publish_plan_version(version=version, at=at)


def subscription_since(
    at: datetime = JAN_1,
    *,
    customer: Customer | None = None,
    version: PlanVersion | None = None,
    quantity: int = 1,
    trial_days: int | None = None,
) -> Subscription:
    """A subscription made by the real service."""
    return subscribe(
        customer=customer or CustomerFactory(),
        plan_version=version or published_version(at=min(at, JAN_1)),
        quantity=quantity,
        trial_days=trial_days,
        at=at,
        actor=TEST_ACTOR,
    )
