"""Two people put versions of the routing in force, or draft one, at the same instant."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection, transaction

from billing.models import RoutingPolicy
from billing.services.payments.routing_policies import activate_policy, draft_policy
from tests.factories.accounts import make_user
from tests.stripe_world import NOW

pytestmark = pytest.mark.django_db(transaction=True)


def _closing(act: Callable[[], RoutingPolicy]) -> RoutingPolicy:
    try:
        return act()
    finally:
        connection.close()


def test_who_was_second_is_the_last_one_in_force_and_a_draft_copies_what_is() -> None:
    person = make_user()
    first, second = (draft_policy(user=person, at=NOW) for _ in range(2))

    with ThreadPoolExecutor(2) as others:
        with transaction.atomic():
            activate_policy(policy=first, user=person, at=NOW)
            waits = others.submit(
                _closing, partial(activate_policy, policy=second, user=person, at=NOW)
            )
            time.sleep(0.3)  # it waits for the lock
        waits.result()
        with transaction.atomic():
            activate_policy(policy=draft_policy(user=person, at=NOW), user=person, at=NOW)
            drafts = others.submit(_closing, partial(draft_policy, user=person, at=NOW))
            time.sleep(0.3)
        drafts.result()

    states = dict(RoutingPolicy.objects.order_by("version").values_list("version", "state"))
    assert states == {1: "retired", 2: "retired", 3: "retired", 4: "active", 5: "draft"}
