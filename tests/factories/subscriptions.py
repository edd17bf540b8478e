"""Customers, a catalog and subscriptions, valid and fixed by default.

The catalog is the one of the documentation: Team costs 99.00 a month in advance, and
API calls 0.002 each above 10,000 included ones, in arrears.
"""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from django.db.models import QuerySet

from subscriptions.models import (
    Customer,
    CustomerMember,
    Meter,
    Plan,
    PlanVersion,
    Product,
    Subscription,
)
from subscriptions.services.catalog import draft_plan_version, publish_plan_version
from subscriptions.services.price_specs import PriceSpec
from subscriptions.services.signup import subscribe
from subscriptions.services.transitions import Actor
from tests.factories.accounts import make_user
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Role
from tiktoktoe.standing import standing

JAN_1 = datetime(2026, 1, 1, tzinfo=UTC)
TEST_ACTOR = Actor(source="test")
_numbers = count(1)


def make_customer(**fields: object) -> Customer:
    """A company in New York paying in USD, in UTC."""
    number = next(_numbers)
    given: dict[str, object] = {
        "external_id": f"cus_{number}",
        "name": f"Acme Widgets {number}",
        "email": f"billing{number}@acme.example",
        "address_line1": "1 Main Street",
        "city": "New York",
        "region": "NY",
        "postal_code": "10001",
        "country": "US",
        "currency": "USD",
        "time_zone": "UTC",
        "created_at": JAN_1,
        **fields,
    }
    return Customer.objects.create(**given)


def make_member(customer: Customer | None = None, user: User | None = None) -> CustomerMember:
    """A person who acts for a customer."""
    return CustomerMember.objects.create(
        customer=customer or make_customer(),
        user=user or make_user(Role.CUSTOMER),
        created_at=JAN_1,
    )


def make_meter(code: str = "api_calls", **fields: object) -> Meter:
    """API calls, added up; the same one for the same code."""
    given: dict[str, object] = {"name": "API calls", "unit": "call", **fields}
    return _meter.first(code=code) or Meter.objects.create(code=code, **given)


@standing
def _meter(code: str) -> "QuerySet[Meter]":
    return Meter.objects.filter(code=code)


def make_plan(**fields: object) -> Plan:
    """A monthly plan without a trial, of the one product."""
    product = _product.first(code="platform") or Product.objects.create(
        code="platform", name="Platform"
    )
    given: dict[str, object] = {"code": f"team{next(_numbers)}", "name": "Team", **fields}
    return Plan.objects.create(product=product, **given)


@standing
def _product(code: str) -> "QuerySet[Product]":
    return Product.objects.filter(code=code)


def recurring(amount: str = "99.00", **terms: Any) -> PriceSpec:
    """A monthly fee in advance."""
    fields: dict[str, Any] = {
        "code": "base",
        "name": "Base fee",
        "kind": "recurring",
        "charge_model": "flat",
        "timing": "advance",
        "unit_amount": Decimal(amount),
        **terms,
    }
    return PriceSpec(**fields)


def per_call(amount: str = "0.002", *, included: str = "10000", **terms: Any) -> PriceSpec:
    """A price per API call above the included ones, in arrears."""
    fields: dict[str, Any] = {
        "code": "calls",
        "name": "API calls",
        "kind": "usage",
        "charge_model": "per_unit",
        "timing": "arrears",
        "unit_amount": Decimal(amount),
        "included_units": Decimal(included),
        "meter": make_meter(),
        **terms,
    }
    return PriceSpec(**fields)


def published_version(
    *prices: PriceSpec,
    plan: Plan | None = None,
    currency: str = "USD",
    at: datetime = JAN_1,
    **terms: Any,
) -> PlanVersion:
    """A version on sale since `at`; without prices it has the documentation's two."""
    version = draft_plan_version(
        plan=plan or make_plan(),
        currency=currency,
        prices=prices or (recurring(), per_call()),
        effective_from=at,
        **terms,
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
        customer=customer or make_customer(),
        plan_version=version or published_version(at=min(at, JAN_1)),
        quantity=quantity,
        trial_days=trial_days,
        at=at,
        actor=TEST_ACTOR,
    )
