from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.test import Client

from subscriptions.models import Feature, FeatureOverride
from subscriptions.services.catalog import draft_plan_version, publish_plan_version
from subscriptions.services.features import GrantTerms, create_feature, grant_features
from tests.factories.accounts import make_user
from tests.factories.subscriptions import (
    JAN_1,
    make_customer,
    make_member,
    make_meter,
    make_plan,
    recurring,
    subscription_since,
)
from tests.factories.usage import use
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel import clock

pytestmark = pytest.mark.django_db
JAN_20 = datetime(2026, 1, 20, tzinfo=UTC)


def signed_in(role: Role = Role.FINANCE) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def make_calls() -> Feature:
    return create_feature(code="calls", name="Calls", kind="metered", meter=make_meter(), at=JAN_1)


def test_a_feature_is_made_granted_and_shown_on_the_plan_page() -> None:
    make_meter()
    draft = draft_plan_version(
        plan=make_plan(), currency="USD", prices=[recurring()], effective_from=JAN_1
    )
    client = signed_in()

    client.post("/features/", {"name": "Projects", "code": "projects", "kind": "limit"})
    feature = Feature.objects.get()
    path = f"/plan-versions/{draft.pk}/features/"
    client.post(path, {"feature": feature.pk, "limit_units": "5", "is_per_unit": "on"})

    page = client.get(f"/catalog/{draft.plan.code}/").content.decode()
    assert "Projects: 5" in page
    assert ", for each unit" in page
    client.post(f"/grants/{draft.grants.get().pk}/removal/")
    assert not draft.grants.exists()


def test_a_published_version_refuses_on_the_page() -> None:
    draft = draft_plan_version(
        plan=make_plan(), currency="USD", prices=[recurring()], effective_from=JAN_1
    )
    version = publish_plan_version(version=draft, at=JAN_1)

    answer = signed_in().post(
        f"/plan-versions/{version.pk}/features/", {"feature": make_calls().pk}
    )

    assert "is on sale since 2026-01-01" in answer.content.decode()
    assert not version.grants.exists()


def test_an_override_is_decided_with_a_reason_and_ended_from_the_page() -> None:
    feature, customer = make_calls(), make_customer(time_zone="America/New_York")
    client = signed_in()
    path = f"/customers/{customer.pk}/features/"
    typed = {
        "feature": feature.pk,
        "is_granted": "yes",
        "limit_units": "500",
        "last_day": "2026-01-31",
        "reason": "promised by sales",
    }

    with clock.moved_to(JAN_20):
        assert "reason" in client.post(path, {**typed, "reason": ""}).context["form"].errors
        assert client.post(path, typed).status_code == 302
        page = client.get(path).content.decode()
        again = client.post(path, typed).content.decode()

    made = FeatureOverride.objects.get()
    assert made.ends_at == datetime(2026, 2, 1, 5, tzinfo=UTC)  # midnight in New York
    assert (made.actor, made.source) == (
        client.get(path).wsgi_request.user,
        "finance",
    )
    assert "promised by sales" in page
    assert "end that one first" in again
    with clock.moved_to(JAN_20):
        client.post(f"/overrides/{made.pk}/end/")
    made.refresh_from_db()
    assert made.ends_at == JAN_20


def test_support_reads_features_and_changes_none() -> None:
    feature, customer = make_calls(), make_customer()
    client = signed_in(Role.SUPPORT)

    assert client.get("/features/").status_code == 200
    assert client.get(f"/customers/{customer.pk}/features/").status_code == 200
    assert client.post("/features/", {"name": "X", "code": "x", "kind": "limit"}).status_code == 403
    typed = {"feature": feature.pk, "is_granted": "yes", "reason": "mine"}
    assert client.post(f"/customers/{customer.pk}/features/", typed).status_code == 403
    assert Feature.objects.count() == 1
    assert not FeatureOverride.objects.exists()


def test_the_portal_shows_what_can_be_used_and_hides_what_cannot() -> None:
    calls = make_calls()
    create_feature(code="sso", name="Single sign-on", kind="boolean", at=JAN_1)
    draft = draft_plan_version(
        plan=make_plan(), currency="USD", prices=[recurring()], effective_from=JAN_1
    )
    grant_features(version=draft, grants=[GrantTerms(feature=calls, limit_units=Decimal(100))])
    subscription = subscription_since(version=publish_plan_version(version=draft, at=JAN_1))
    use(subscription.customer, 40, JAN_20)
    client = Client()
    client.force_login(make_member(subscription.customer).user)

    with clock.moved_to(JAN_20):
        page = client.get("/portal/").content.decode()

    assert "What you can use" in page
    assert "<strong>40</strong> of 100" in page
    assert "Single sign-on" not in page
