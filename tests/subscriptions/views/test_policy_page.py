"""The billing policy of a plan is shown, and set by finance."""

import pytest
from django.test import Client

from subscriptions.models import BillingPolicy, PolicyRule
from subscriptions.services.policies import PolicyBook, policy_of
from tests.factories.accounts import make_user
from tests.factories.subscriptions import make_plan
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.clock import now

pytestmark = pytest.mark.django_db


def signed_in(role: Role = Role.FINANCE) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def test_finance_lets_another_policy_count_for_a_plan() -> None:
    plan = make_plan()
    path = f"/catalog/{plan.code}/policy/"
    client = signed_in()
    assert b"Counts now: own" in client.get(path).content

    answer = client.post(path, {"policy": BillingPolicy.objects.get(code="stripe").pk})

    assert answer.status_code == 302
    assert policy_of(plan, now()).name == "stripe"
    assert b"Counts now: stripe" in client.get(path).content
    assert PolicyRule.objects.latest("pk").actor is not None


def test_a_change_between_two_plans_can_depart_from_it() -> None:
    plan, other = make_plan(), make_plan()

    signed_in().post(f"/catalog/{plan.code}/policy/", {"to_plan": other.pk, "timing": "period_end"})

    assert PolicyBook().of_change(plan.pk, other.pk, now()).timing == "period_end"


def test_nothing_is_said_by_an_empty_form_and_support_may_not_say_anything() -> None:
    plan = make_plan()
    path = f"/catalog/{plan.code}/policy/"
    before = PolicyRule.objects.count()

    answer = signed_in().post(path, {})

    assert (answer.status_code, PolicyRule.objects.count()) == (200, before)
    assert signed_in(Role.SUPPORT).post(path, {}).status_code == 403
