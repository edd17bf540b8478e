from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from pytest_django import DjangoAssertNumQueries

from subscriptions.errors import FeatureInvalid, OverrideOverlaps, PlanVersionPublished
from subscriptions.models import Customer, Feature, FeatureGrant, FeatureOverride, PlanVersion
from subscriptions.queries.entitlements import Entitlement, entitlements
from subscriptions.services.catalog import draft_plan_version, publish_plan_version
from subscriptions.services.changes import switch_plan
from subscriptions.services.features import (
    GrantTerms,
    OverrideTerms,
    create_feature,
    end_override,
    grant_features,
    override_feature,
    revoke_grant,
)
from subscriptions.services.lifecycle import end_subscription
from subscriptions.services.restrictions import lift_restrictions, restrict_service
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_meter,
    make_plan,
    published_version,
    recurring,
    subscription_since,
)
from tests.factories.usage import use

pytestmark = pytest.mark.django_db
JAN_20 = datetime(2026, 1, 20, tzinfo=UTC)
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def make_feature(code: str = "projects", kind: str = "limit") -> Feature:
    meter = make_meter() if kind == "metered" else None
    return create_feature(code=code, name=code.title(), kind=kind, meter=meter, at=JAN_1)


def version_with(*grants: GrantTerms) -> PlanVersion:
    draft = draft_plan_version(
        plan=make_plan(), currency="USD", prices=[recurring()], effective_from=JAN_1
    )
    grant_features(version=draft, grants=grants)
    return publish_plan_version(version=draft, at=JAN_1)


def only(customer: Customer, at: datetime = JAN_20) -> Entitlement:
    (found,) = entitlements(customer.pk, at=at)
    return found


def override(
    customer: Customer,
    feature: Feature,
    start: datetime = JAN_20,
    end: datetime | None = None,
    limit: int | None = 99,
) -> FeatureOverride:
    terms = OverrideTerms(
        feature=feature,
        reason="promised by sales",
        limit_units=None if limit is None else Decimal(limit),
        starts_at=start,
        ends_at=end,
    )
    return override_feature(customer=customer, terms=terms, actor=TEST_ACTOR, at=JAN_20)


def test_a_plan_grants_its_limit_for_each_unit() -> None:
    terms = GrantTerms(feature=make_feature(), limit_units=Decimal(5), is_per_unit=True)
    subscription = subscription_since(version=version_with(terms), quantity=3)

    assert only(subscription.customer).terms.limit == 15


def test_a_feature_that_no_plan_brings_is_refused() -> None:
    make_feature()
    subscription = subscription_since()

    found = only(subscription.customer)

    assert (found.is_allowed, found.terms.granted_by) == (False, "nothing")


def test_metered_usage_is_counted_in_the_period_of_the_subscription() -> None:
    feature = make_feature("calls", "metered")
    version = version_with(GrantTerms(feature=feature, limit_units=Decimal(100)))
    subscription = subscription_since(datetime(2026, 1, 10, tzinfo=UTC), version=version)
    customer = subscription.customer
    use(customer, 50, datetime(2026, 1, 9, tzinfo=UTC))  # before its first period
    use(customer, 60, datetime(2026, 1, 12, tzinfo=UTC))
    use(customer, 39, datetime(2026, 2, 9, 23, tzinfo=UTC), received_at=FEB_1 + 9 * DAY)

    found = only(customer)
    assert (found.used, found.left, found.is_allowed) == (Decimal(99), Decimal(1), True)
    use(customer, 1, datetime(2026, 1, 31, tzinfo=UTC))
    assert not only(customer).is_allowed
    # The next period starts from nothing, even before the billing run has moved it on.
    assert only(customer, datetime(2026, 2, 10, tzinfo=UTC)).used == 0


def test_a_metered_feature_of_an_override_alone_counts_the_calendar_month_of_the_customer() -> None:
    feature = make_feature("calls", "metered")
    customer = make_customer(time_zone="Asia/Tokyo")
    use(customer, 7, datetime(2025, 12, 31, 14, tzinfo=UTC))  # 23:00 in December there
    use(customer, 2, datetime(2025, 12, 31, 15, tzinfo=UTC))  # midnight of January
    override(customer, feature, limit=10)

    found = only(customer)

    assert found.used == 2
    assert found.period is not None
    assert found.period.start == datetime(2025, 12, 31, 15, tzinfo=UTC)


def test_a_meter_that_counts_different_values_is_asked_of_its_events() -> None:
    meter = make_meter("users", aggregation="unique", unique_property="user")
    feature = create_feature(code="users", name="Users", kind="metered", meter=meter, at=JAN_1)
    version = version_with(GrantTerms(feature=feature, limit_units=Decimal(3)))
    customer = subscription_since(version=version).customer
    for day, user in ((2, "ann"), (3, "bob"), (4, "ann")):
        at = datetime(2026, 1, day, tzinfo=UTC)
        use(customer, 1, at, meter="users", properties={"user": user})

    found = only(customer)

    assert (found.used, found.left) == (Decimal(2), Decimal(1))


def test_an_ended_subscription_grants_nothing() -> None:
    terms = GrantTerms(feature=make_feature(), limit_units=Decimal(5))
    subscription = subscription_since(version=version_with(terms))

    end_subscription(subscription=subscription, effective_at=JAN_20, at=JAN_20)

    assert not only(subscription.customer).terms.is_granted


def test_what_is_restricted_counts_for_nothing_and_says_why() -> None:
    terms = GrantTerms(feature=make_feature(), limit_units=Decimal(5))
    subscription = subscription_since(version=version_with(terms))
    customer = subscription.customer
    reason = "invoice INV-000001 is past due"
    for _ in range(2):  # the second changes nothing
        restrict_service(
            customer=customer, subscription=subscription, reason=reason, source="test", at=JAN_20
        )

    found = only(customer)
    lift_restrictions(source="test", at=FEB_1)

    assert (found.is_allowed, found.terms.granted_by) == (False, "nothing")
    assert found.terms.restriction == reason
    assert only(customer, FEB_1).terms.limit == only(customer, JAN_20 - DAY).terms.limit == 5
    assert (only(customer, FEB_1).terms.restriction, customer.restrictions.count()) == ("", 1)


def test_another_subscription_grants_on_and_so_does_an_override() -> None:
    feature = make_feature()
    version = version_with(GrantTerms(feature=feature, limit_units=Decimal(5)))
    behind = subscription_since(version=version)
    customer = behind.customer
    subscription_since(version=version, customer=customer)
    restrict_service(
        customer=customer, subscription=behind, reason="unpaid", source="test", at=JAN_20
    )
    assert only(customer).terms.limit == 5
    assert only(customer).terms.restriction == "unpaid"

    restrict_service(customer=customer, reason="unpaid", source="another", at=JAN_20)
    assert not only(customer).is_allowed
    override(customer, feature)
    assert only(customer).terms.limit == 99


def test_another_plan_brings_other_features() -> None:
    feature = make_feature("sso", "boolean")
    subscription = subscription_since()
    assert not only(subscription.customer).is_allowed

    switch_plan(
        subscription=subscription,
        plan_version=version_with(GrantTerms(feature=feature)),
        quantity=1,
        effective_at=JAN_20,
        actor=TEST_ACTOR,
        at=JAN_20,
    )

    assert only(subscription.customer).is_allowed


def test_the_next_version_carries_the_features_on() -> None:
    version = version_with(GrantTerms(feature=make_feature(), limit_units=Decimal(5)))

    draft = draft_plan_version(
        plan=version.plan, currency="USD", prices=[recurring("109")], effective_from=FEB_1
    )

    assert list(draft.grants.values_list("feature__code", "limit_units")) == [
        ("projects", Decimal(5))
    ]


def test_published_grants_are_frozen_by_the_service_and_by_the_database() -> None:
    feature = make_feature()
    version = version_with(GrantTerms(feature=feature, limit_units=Decimal(5)))

    with pytest.raises(PlanVersionPublished, match="change its next version"):
        grant_features(version=version, grants=[GrantTerms(feature=feature)])
    with pytest.raises(PlanVersionPublished):
        revoke_grant(version=version, feature=feature)
    for attack in (
        lambda: FeatureGrant.objects.update(limit_units=6),
        lambda: FeatureGrant.objects.all().delete(),
        lambda: FeatureGrant.objects.create(
            plan_version=version, feature=make_feature("b", "boolean")
        ),
    ):
        with pytest.raises(DatabaseError, match="frozen"), transaction.atomic():
            attack()
    assert FeatureGrant.objects.get().limit_units == 5


def test_an_override_decides_for_its_time_only() -> None:
    terms = GrantTerms(feature=make_feature(), limit_units=Decimal(5))
    subscription = subscription_since(version=version_with(terms))
    customer = subscription.customer

    override(customer, terms.feature, JAN_20 + DAY, FEB_1)

    limits = [only(customer, at).terms.limit for at in (JAN_20, JAN_20 + DAY, FEB_1 - DAY, FEB_1)]
    assert limits == [5, 99, 99, 5]


def test_an_ended_override_lets_the_plans_decide_and_stays_on_record() -> None:
    feature = make_feature()
    customer = make_customer()
    kept = override(customer, feature)

    end_override(override=kept, at=JAN_20 + DAY)

    assert not only(customer, JAN_20 + DAY).terms.is_granted
    assert only(customer, JAN_20).terms.is_granted
    again = override(customer, feature, JAN_20 + DAY)
    assert again.pk != kept.pk
    assert FeatureOverride.objects.count() == 2


def test_overlapping_overrides_are_refused_by_the_service_and_by_the_database() -> None:
    feature, customer = make_feature(), make_customer()
    kept = override(customer, feature, JAN_20, FEB_1)
    override(customer, feature, FEB_1, FEB_1 + DAY)  # beside it, not over it
    override(make_customer(), feature, JAN_20, FEB_1)  # another customer
    override(customer, make_feature("seats"), JAN_20, FEB_1)  # another feature

    with pytest.raises(OverrideOverlaps, match="from 2026-01-20 until 2026-02-01; end that"):
        override(customer, feature, FEB_1 - DAY)
    with pytest.raises(IntegrityError, match="override_decides_alone"), transaction.atomic():
        FeatureOverride.objects.create(
            customer=customer,
            feature=feature,
            starts_at=JAN_20 + DAY,
            ends_at=JAN_20 + 2 * DAY,
            reason="behind the service's back",
            source="test",
        )
    assert customer.feature_overrides.filter(feature=feature).count() == 2
    kept.refresh_from_db()
    assert kept.ends_at == FEB_1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"reason": " "}, "reason"),
        ({"starts_at": JAN_20 - DAY}, "starts_at"),
        ({"ends_at": JAN_20}, "ends_at"),
        ({"is_granted": False, "limit_units": Decimal(1)}, "limit_units"),
        ({"limit_units": Decimal(-1)}, "limit_units"),
    ],
)
def test_an_impossible_override_names_the_field(fields: dict[str, object], field: str) -> None:
    terms = OverrideTerms(**{"feature": make_feature(), "reason": "why not", **fields})  # type: ignore[arg-type]

    with pytest.raises(FeatureInvalid) as refusal:
        override_feature(customer=make_customer(), terms=terms, actor=TEST_ACTOR, at=JAN_20)

    assert refusal.value.field == field
    assert not FeatureOverride.objects.exists()


@pytest.mark.parametrize(
    "change", ["limit_units = 100", "ends_at = NULL", "ends_at = '2027-01-01'", "reason = 'x'"]
)
def test_of_an_override_only_the_end_can_change_and_only_to_earlier(change: str) -> None:
    override(make_customer(), make_feature(), JAN_20, FEB_1)

    with (
        pytest.raises(DatabaseError, match="only the end can change"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE subscriptions_featureoverride SET {change}")


def test_what_was_decided_cannot_be_deleted() -> None:
    override(make_customer(), make_feature())

    with pytest.raises(DatabaseError, match="what was decided stays"):
        FeatureOverride.objects.all().delete()


def test_a_boolean_feature_has_no_limit_and_the_database_says_so_too() -> None:
    feature, version = make_feature("sso", "boolean"), published_version()
    draft = draft_plan_version(
        plan=version.plan, currency="USD", prices=[recurring()], effective_from=FEB_1
    )

    with pytest.raises(FeatureInvalid, match="leave it empty"):
        grant_features(version=draft, grants=[GrantTerms(feature=feature, limit_units=Decimal(1))])
    with pytest.raises(IntegrityError, match="has no limit"), transaction.atomic():
        FeatureGrant.objects.create(plan_version=draft, feature=feature, limit_units=1)


def test_what_a_feature_means_stays() -> None:
    make_feature()

    with pytest.raises(DatabaseError, match="make another"):
        Feature.objects.update(kind="boolean")


@pytest.mark.parametrize("kind", ["boolean", "limit"])
def test_only_a_metered_feature_has_a_meter(kind: str) -> None:
    with pytest.raises(FeatureInvalid, match="metered feature has a meter"):
        create_feature(code="x", name="X", kind=kind, meter=make_meter(), at=JAN_1)
    with pytest.raises(FeatureInvalid, match="metered feature has a meter"):
        create_feature(code="x", name="X", kind="metered", at=JAN_1)


def test_all_features_of_a_customer_take_two_queries(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    grants = [
        GrantTerms(feature=make_feature(f"calls{n}", "metered"), limit_units=Decimal(n))
        for n in range(10)
    ]
    customer = make_customer()
    for _ in range(3):
        subscription_since(customer=customer, version=version_with(*grants))

    with django_assert_num_queries(2):
        found = entitlements(customer.pk, at=JAN_20)

    assert [e.terms.limit for e in found] == [3 * n for n in range(10)]


@pytest.mark.django_db(transaction=True)
def test_of_two_overrides_at_once_one_is_refused() -> None:
    feature, customer = make_feature(), make_customer()
    together, outcomes = Barrier(2), list[str]()

    def decide() -> None:
        try:
            together.wait(10)
            override(customer, feature)
        except OverrideOverlaps:
            outcomes.append("refused")
        else:
            outcomes.append("made")
        finally:
            connection.close()

    threads = [Thread(target=decide) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(outcomes) == ["made", "refused"]
    assert FeatureOverride.objects.count() == 1
