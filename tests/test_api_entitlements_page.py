"""What docs/api-entitlements.md shows is what the address answers."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.conf import settings
from django.test import Client

from subscriptions.services.catalog import draft_plan_version, publish_plan_version
from subscriptions.services.event_sources import create_event_source, revoke_event_source
from subscriptions.services.features import (
    GrantTerms,
    OverrideTerms,
    create_feature,
    grant_features,
    override_feature,
)
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_meter,
    make_plan,
    recurring,
    subscription_since,
)
from tests.factories.usage import use
from tiktoktoe.kernel import clock

PAGE = settings.BASE_DIR / "docs" / "api-entitlements.md"
NOON = datetime(2026, 1, 20, 12, tzinfo=UTC)
ADDRESS = "/api/v1/entitlements"


def make_world() -> None:
    acme, meter = make_customer(external_id="acme"), make_meter()
    kinds = {"sso": "boolean", "projects": "limit", "exports": "limit", "calls": "metered"}
    features = {
        code: create_feature(
            code=code,
            name=code.title(),
            kind=kind,
            meter=meter if kind == "metered" else None,
            at=JAN_1,
        )
        for code, kind in kinds.items()
    }
    draft = draft_plan_version(
        plan=make_plan(), currency="USD", prices=[recurring()], effective_from=JAN_1
    )
    grants = [
        GrantTerms(feature=features["sso"]),
        GrantTerms(feature=features["projects"], limit_units=Decimal(5), is_per_unit=True),
        GrantTerms(feature=features["calls"], limit_units=Decimal(1000)),
    ]
    grant_features(version=draft, grants=grants)
    version = publish_plan_version(version=draft, at=JAN_1)
    subscription_since(customer=acme, version=version, quantity=2)
    use(acme, 250, datetime(2026, 1, 5, tzinfo=UTC))
    custom = OverrideTerms(
        feature=features["exports"],
        limit_units=Decimal(20),
        ends_at=datetime(2026, 2, 1, tzinfo=UTC),
        reason="A trial of exports",
    )
    override_feature(customer=acme, terms=custom, actor=TEST_ACTOR, at=JAN_1)


@pytest.mark.django_db
def test_every_request_of_the_page_is_answered_as_it_says() -> None:
    make_world()
    key = create_event_source(name="gateway", at=JAN_1).key
    blocks = re.findall(r"```http\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    pairs = list(zip(blocks[::2], blocks[1::2], strict=True))

    for request, answer in pairs:
        status, _, expected = answer.partition("\n\n")
        with clock.moved_to(NOON):
            found = Client().get(
                request.removeprefix("GET "), headers={"Authorization": f"Bearer {key}"}
            )
        assert (found.status_code, found.json()) == (int(status), json.loads(expected)), request

    assert len(pairs) == 4


@pytest.mark.django_db
def test_without_a_key_or_with_a_revoked_one_nothing_is_told() -> None:
    made = create_event_source(name="gateway", at=JAN_1)
    revoke_event_source(source=made.source, at=NOON)

    for headers in ({}, {"Authorization": f"Bearer {made.key}"}, {"Authorization": "Basic x"}):
        answer = Client().get(ADDRESS, {"customer": "acme"}, headers=headers)
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == "Bearer"
