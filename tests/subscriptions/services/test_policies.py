from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, InternalError, connection, transaction

from subscriptions.domain.proration_policy import (
    KILLBILL,
    LAGO,
    OWN,
    POLICIES,
    ProrationPolicy,
    Timing,
    UnusedTime,
)
from subscriptions.errors import PolicyInvalid
from subscriptions.models import BillingPolicy, PolicyRule
from subscriptions.services.policies import (
    ChangeOverride,
    PolicyBook,
    assign_policy,
    policy_of,
    publish_policy,
)
from tests.factories.subscriptions import JAN_1, TEST_ACTOR, make_plan

pytestmark = pytest.mark.django_db
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)


def preset(code: str) -> BillingPolicy:
    return BillingPolicy.objects.get(code=code)


def test_the_presets_are_there_from_the_start_and_ours_counts() -> None:
    kept = {policy.code: policy.rules for policy in BillingPolicy.objects.all()}

    assert kept == dict(POLICIES)
    assert policy_of(make_plan(), JAN_1) == OWN


def test_the_most_specific_rule_counts_and_the_newest_of_its_kind() -> None:
    small, large, other = make_plan(), make_plan(), make_plan()
    assign_policy(policy=preset("lago"), at=JAN_1, actor=TEST_ACTOR)
    assign_policy(policy=preset("stripe"), from_plan=small, at=JAN_1, actor=TEST_ACTOR)
    assign_policy(policy=preset("killbill"), from_plan=small, at=FEB_1, actor=TEST_ACTOR)
    assign_policy(
        from_plan=small,
        to_plan=large,
        timing=Timing.PERIOD_END,
        unused_time=UnusedTime.SKIP,
        at=FEB_1,
        actor=TEST_ACTOR,
    )

    book = PolicyBook()

    assert book.of_plan(small.pk, JAN_1).name == "stripe"
    assert book.of_plan(small.pk, FEB_1) == KILLBILL
    assert book.of_plan(other.pk, FEB_1) == LAGO
    pair = book.of_change(small.pk, large.pk, FEB_1)
    assert (pair.policy, pair.timing, pair.unused_time) == (
        KILLBILL,
        Timing.PERIOD_END,
        UnusedTime.SKIP,
    )
    assert book.of_change(small.pk, other.pk, FEB_1).timing is None
    assert book.of_change(small.pk, large.pk, JAN_1).timing is None


def test_a_single_change_may_depart_from_everything() -> None:
    small, large = make_plan(), make_plan()
    override = ChangeOverride(policy=LAGO, timing=Timing.PERIOD_END, prorates=False)

    terms = PolicyBook().of_change(small.pk, large.pk, JAN_1, override)

    assert (terms.policy, terms.timing, terms.prorates) == (LAGO, Timing.PERIOD_END, False)
    assert terms.unused_time == UnusedTime.CREDIT


def test_new_rules_are_the_next_number_and_keep_what_was() -> None:
    own = replace(OWN, unused_time=UnusedTime.SKIP)

    second = publish_policy(code="own", name="No credit", rules=own, at=JAN_1)

    assert (second.number, second.rules) == (2, replace(own, name="own v2"))
    assert BillingPolicy.objects.get(code="own", number=1).rules == OWN


@pytest.mark.parametrize("rules", list(POLICIES.values()), ids=lambda rules: rules.name)
def test_rules_are_kept_field_by_field(rules: ProrationPolicy) -> None:
    assert publish_policy(code="copy", name="Copy", rules=rules, at=JAN_1).rules == replace(
        rules, name="copy"
    )


def test_a_rule_that_says_nothing_or_contradicts_itself_is_refused() -> None:
    plan = make_plan()

    with pytest.raises(PolicyInvalid):
        assign_policy(from_plan=plan, at=JAN_1, actor=TEST_ACTOR)
    with pytest.raises(PolicyInvalid):
        assign_policy(timing=Timing.IMMEDIATE, at=JAN_1, actor=TEST_ACTOR)
    with pytest.raises(PolicyInvalid):
        assign_policy(to_plan=plan, policy=preset("own"), at=JAN_1, actor=TEST_ACTOR)
    with pytest.raises(IntegrityError), transaction.atomic():
        PolicyRule.objects.create(effective_from=JAN_1)
    assert PolicyRule.objects.count() == 1


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE subscriptions_billingpolicy SET cancel_day = 'later'",
        "DELETE FROM subscriptions_billingpolicy",
        "TRUNCATE subscriptions_billingpolicy CASCADE",
        "UPDATE subscriptions_policyrule SET effective_from = now()",
        "DELETE FROM subscriptions_policyrule",
        "TRUNCATE subscriptions_policyrule",
    ],
)
def test_the_database_keeps_policies_and_what_counted(attack: str) -> None:
    with (
        pytest.raises((IntegrityError, InternalError)),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(attack)
