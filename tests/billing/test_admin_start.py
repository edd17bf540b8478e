"""A subscription is started in the admin, and billed as anywhere else."""

from datetime import timedelta

import pytest
from django.test import Client

from billing.models import Invoice
from subscriptions.models import Subscription
from tests.factories.accounts import make_user
from tests.factories.subscriptions import make_customer, published_version, recurring
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.clock import now

pytestmark = pytest.mark.django_db
PATH = "/admin/subscriptions/subscription/add/"


def client_of(role: Role) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def test_finance_starts_a_subscription_and_its_first_fee_is_billed() -> None:
    client = client_of(Role.FINANCE)
    customer, version = make_customer(), published_version(recurring("99"))
    assert client.get(PATH).status_code == 200

    client.post(PATH, {"customer": customer.pk, "plan_version": version.pk, "quantity": 1})

    subscription = Subscription.objects.get()
    assert subscription.transitions.get().source == "admin"
    assert Invoice.objects.get().total.amount == 99
    page = client.get(f"/admin/subscriptions/subscription/{subscription.pk}/change/")
    assert page.status_code == 200
    assert subscription.reference in page.content.decode()
    assert 'name="quantity"' not in page.content.decode()


def test_a_refusal_is_said_and_nothing_is_kept() -> None:
    client = client_of(Role.FINANCE)
    later = published_version(recurring(), at=now() + timedelta(days=1))
    data = {"customer": make_customer().pk, "plan_version": later.pk, "quantity": 1}

    answer = client.post(PATH, data, follow=True)

    assert "is not on sale yet" in answer.content.decode()
    assert not Subscription.objects.exists()


def test_support_reads_and_does_not_start() -> None:
    client = client_of(Role.SUPPORT)

    assert client.get("/admin/subscriptions/subscription/").status_code == 200
    assert client.get(PATH).status_code == 403
