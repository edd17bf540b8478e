"""The pages of features and entitlements, for staff and in the portal."""

import os
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from subscriptions.models import Customer, Feature, FeatureOverride, Subscription
from subscriptions.services.catalog import draft_plan_version, publish_plan_version
from subscriptions.services.features import (
    GrantTerms,
    OverrideTerms,
    create_feature,
    end_override,
    grant_features,
    override_feature,
)
from tests.browser.reader import DESKTOP, PHONE, Reader
from tests.factories.subscriptions import (
    TEST_ACTOR,
    make_customer,
    make_member,
    make_meter,
    make_plan,
    recurring,
    subscription_since,
)
from tests.factories.usage import use
from tiktoktoe.kernel.clock import now

PICTURES = os.environ.get("PICTURES", "")


def override(customer: Customer, feature: Feature, reason: str, at: datetime) -> FeatureOverride:
    terms = OverrideTerms(feature=feature, reason=reason)
    return override_feature(customer=customer, terms=terms, actor=TEST_ACTOR, at=at)


@pytest.fixture
def entitled(transactional_db: None) -> Subscription:
    """A customer with every kind of feature, an override in force and one that ended."""
    at = now()
    calls = create_feature(
        code="calls", name="API calls", kind="metered", meter=make_meter(), at=at
    )
    seats = create_feature(code="seats", name="Seats", kind="limit", unit="seat", at=at)
    sso = create_feature(code="sso", name="Single sign-on", kind="boolean", at=at)
    plan = make_plan()
    start = at - timedelta(days=3)
    draft = draft_plan_version(
        plan=plan, currency="USD", prices=[recurring()], effective_from=start
    )
    grants = [
        GrantTerms(feature=calls, limit_units=Decimal(10_000)),
        GrantTerms(feature=seats, limit_units=Decimal(5), is_per_unit=True),
    ]
    grant_features(version=draft, grants=grants)
    version = publish_plan_version(version=draft, at=start)
    draft_plan_version(plan=plan, currency="USD", prices=[recurring("109")], effective_from=at)
    customer = make_customer(name="Acme Widgets International")
    subscription = subscription_since(start, customer=customer, version=version, quantity=3)
    use(customer, 6400, at)
    override(customer, sso, "Promised by Mia until the audit", at)
    end_override(override=override(customer, seats, "By mistake", at), at=at)
    return subscription


def test_the_pages_of_features_are_accessible_and_fit_a_phone(
    finance_reader: Reader, entitled: Subscription
) -> None:
    plan = entitled.plan_version.plan
    draft = plan.versions.order_by("number").last()
    assert draft is not None
    for path in (
        "/features/",
        f"/plan-versions/{draft.pk}/features/",
        f"/catalog/{plan.code}/",
        f"/customers/{entitled.customer_id}/features/",
    ):
        finance_reader.audit(path)
        take_pictures(finance_reader, path)


def test_the_portal_with_limits_is_accessible_and_fits_a_phone(
    reader: Reader, entitled: Subscription
) -> None:
    reader.sign_in(make_member(entitled.customer).user)

    reader.audit("/portal/")
    take_pictures(reader, "/portal/")


def take_pictures(reader: Reader, path: str) -> None:
    """Keep pictures for the eye when PICTURES names a folder."""
    if not PICTURES:
        return
    name = path.strip("/").replace("/", "-")
    for word, size in (("desktop", DESKTOP), ("phone", PHONE)):
        reader.page.set_viewport_size(size)  # type: ignore[arg-type]
        reader.page.screenshot(path=Path(PICTURES) / f"{name}-{word}.png", full_page=True)
