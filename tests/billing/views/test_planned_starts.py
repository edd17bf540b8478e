"""Staff plan a subscription for a day to come, see it on the customer's page, and take it back."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.html import strip_tags

from billing.models import DryRun, PlannedStart
from billing.queries.waiting import waiting_for_people
from subscriptions.models import Customer, Subscription
from tests.factories.accounts import make_user
from tests.factories.lifecycle import fee_of
from tests.factories.subscriptions import make_customer
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.clock import now

pytestmark = pytest.mark.django_db


def words(answer: Any) -> str:
    """What a page says."""
    return " ".join(strip_tags(answer.content.decode()).split())


def signed_in(role: Role = Role.FINANCE) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def planned(customer: Customer, days: int = 10, **fields: Any) -> Any:
    """What the form of a new subscription answers, for a day from today on."""
    given = {
        "plan_version": fee_of("31.00").pk,
        "quantity": "2",
        "starts_on": f"{now() + timedelta(days=days):%Y-%m-%d}",
        **fields,
    }
    return signed_in().post(f"/customers/{customer.pk}/subscriptions/new/", given)


def test_it_is_planned_listed_and_taken_back() -> None:
    customer, client = make_customer(), signed_in()

    answer = planned(customer)

    start = PlannedStart.objects.get()
    assert answer["Location"] == f"/customers/{customer.pk}/"
    assert not Subscription.objects.exists()
    part = f"/customers/{customer.pk}/planned-starts/"
    assert part in client.get(f"/customers/{customer.pk}/").content.decode()
    assert "Withdraw" in client.get(part).content.decode()
    client.post(f"/planned-starts/{start.pk}/withdrawal/")
    start.refresh_from_db()
    assert start.state == "withdrawn"
    assert "Withdraw" not in client.get(part).content.decode()


def test_what_it_will_charge_is_seen_before_it_is_planned_and_after() -> None:
    customer, client = make_customer(), signed_in()

    seen = words(planned(customer, see="1"))

    assert not PlannedStart.objects.exists()
    assert "Due then, with tax $31.00" in seen
    assert "Each period after $31.00" in seen
    assert "Plan it" in seen
    planned(customer, reason="their wish")
    page = words(client.get(f"/planned-starts/{PlannedStart.objects.get().pk}/"))
    assert "Due then, with tax $31.00" in page
    assert "their wish" in page
    today = words(planned(customer, starts_on="", see="1"))
    assert "Due now, with tax $31.00" in today
    assert not Subscription.objects.exists()


def test_what_will_not_start_says_so_beforehand() -> None:
    customer = make_customer(country="DE")

    assert "DE" in words(planned(customer, see="1"))
    planned(customer)

    page = words(signed_in().get(f"/planned-starts/{PlannedStart.objects.get().pk}/"))
    assert "As things stand it will not start" in page
    assert "Due then" not in page


def test_a_form_that_is_sent_twice_plans_one() -> None:
    customer, version = make_customer(), fee_of("31.00")
    given: dict[str, Any] = {"plan_version": version.pk, "reference": "sub_0123456789ab"}

    planned(customer, **given)
    planned(customer, **given)

    assert PlannedStart.objects.get().reference == "sub_0123456789ab"


def test_a_day_that_is_over_is_refused() -> None:
    answer = planned(make_customer(), days=-3)

    assert "is not to come" in answer.content.decode()
    assert not PlannedStart.objects.exists()


def test_what_did_not_start_says_why() -> None:
    customer = make_customer()
    planned(customer)
    PlannedStart.objects.update(state="refused", why="it is not on sale", done_at=now())

    page = signed_in().get(f"/customers/{customer.pk}/planned-starts/").content.decode()

    assert "it is not on sale" in page
    assert "Withdraw" not in page
    listed = signed_in(Role.SUPPORT).get("/planned-starts/?state=refused").content.decode()
    assert "it is not on sale" in listed
    waiting = signed_in().get("/planned-starts/?state=waiting").content.decode()
    assert "it is not on sale" not in waiting
    told = [(row.count, row.url_name) for row in waiting_for_people(now())]
    assert told == [(1, "planned_start_list")]
    assert waiting_for_people(now() + timedelta(days=8)) == []


def test_support_sees_it_and_takes_nothing_back_and_customers_see_nothing() -> None:
    customer = make_customer()
    planned(customer)
    start = PlannedStart.objects.get()
    part, back = (
        f"/customers/{customer.pk}/planned-starts/",
        f"/planned-starts/{start.pk}/withdrawal/",
    )

    seen = signed_in(Role.SUPPORT).get(part)
    assert seen.status_code == 200
    assert "Withdraw" not in seen.content.decode()
    assert signed_in(Role.SUPPORT).post(back).status_code == 403
    assert signed_in(Role.CUSTOMER).get(part).status_code == 403
    assert signed_in(Role.CUSTOMER).get("/planned-starts/").status_code == 403
    assert signed_in(Role.CUSTOMER).get(f"/planned-starts/{start.pk}/").status_code == 403
    assert signed_in(Role.CUSTOMER).post(back).status_code == 403
    start.refresh_from_db()
    assert start.state == "waiting"


def test_a_dry_run_says_how_many_starts_until_then_are_not_in_it() -> None:
    planned(make_customer(), days=10)
    at = now()
    runs = [
        DryRun.objects.create(
            at=at + timedelta(days=days), state="done", due_count=0, started_at=at, finished_at=at
        )
        for days in (5, 15)
    ]

    before, after = (words(signed_in().get(f"/billing-runs/dry/{run.pk}/")) for run in runs)

    assert "planned start" not in before
    assert "Without what 1 planned start until then will charge." in after
