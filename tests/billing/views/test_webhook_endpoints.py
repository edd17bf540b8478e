from datetime import timedelta

import pytest
from django.test import Client

from billing.models import Announcement, WebhookDelivery, WebhookEndpoint
from billing.services.announcements.webhook_deliveries import write_deliveries
from billing.services.announcements.webhook_endpoints import create_endpoint, secret_of
from tests.factories.accounts import make_user
from tests.factories.subscriptions import JAN_1, make_customer
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db
NOON = JAN_1 + timedelta(hours=12)
LIST = "/outgoing-webhooks/"


def signed_in(role: Role = Role.FINANCE) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def make_delivery() -> WebhookDelivery:
    create_endpoint(url="https://hooks.example/in", kinds=[], at=JAN_1)
    event = Announcement.objects.create(
        kind="invoice.paid",
        object_key="1",
        customer=make_customer(),
        happened_at=JAN_1,
        announced_at=NOON,
        facts={"invoice": "INV-1", "total": {"amount": "5", "currency": "EUR"}},
    )
    write_deliveries([event], at=NOON)
    return WebhookDelivery.objects.get()


def test_an_endpoint_is_added_and_its_secret_shown_once() -> None:
    client = signed_in()

    answer = client.post(LIST, {"url": "https://hooks.example/in", "kinds": ["invoice.paid"]})

    endpoint = WebhookEndpoint.objects.get()
    assert endpoint.kinds == ["invoice.paid"]
    assert secret_of(endpoint) in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert secret_of(endpoint) not in client.get(LIST).content.decode()
    page = client.get(f"{LIST}{endpoint.reference}/").content.decode()
    assert secret_of(endpoint) not in page


def test_an_address_that_cannot_be_used_is_refused_on_the_page() -> None:
    answer = signed_in().post(LIST, {"url": "http://hooks.example/in"})

    assert "must begin with https://" in answer.content.decode()
    assert not WebhookEndpoint.objects.exists()


def test_an_endpoint_is_switched_off_and_on_renewed_and_removed() -> None:
    endpoint = make_delivery().endpoint
    client, path = signed_in(), f"{LIST}{endpoint.reference}/"
    old = secret_of(endpoint)

    client.post(f"{path}state/", {"state": "disabled"})
    assert "switched off by" in client.get(path).content.decode()
    client.post(f"{path}state/", {"state": "active"})
    renewed = client.post(f"{path}secret/").content.decode()
    endpoint.refresh_from_db()
    assert endpoint.state == "active"
    assert secret_of(endpoint) in renewed
    assert old not in renewed
    client.post(f"{path}state/", {"state": "removed"})
    endpoint.refresh_from_db()
    assert endpoint.state == "removed"


def test_a_delivery_shows_the_event_and_is_replayed_one_by_one_or_all() -> None:
    delivery = make_delivery()
    client = signed_in()
    path = f"{LIST}deliveries/{delivery.pk}/"
    failed = WebhookDelivery.objects.filter(pk=delivery.pk)

    page = client.get(path).content.decode()
    assert "5.00 EUR" in page
    failed.update(state="failed", next_try_at=None)
    client.post(f"{path}replay/")
    delivery.refresh_from_db()
    assert delivery.state == "queued"
    failed.update(state="failed", next_try_at=None)
    client.post(f"{LIST}{delivery.endpoint.reference}/replay/")
    delivery.refresh_from_db()
    assert delivery.state == "queued"


def test_support_reads_deliveries_and_changes_nothing() -> None:
    delivery = make_delivery()
    client = signed_in(Role.SUPPORT)
    path = f"{LIST}{delivery.endpoint.reference}/"

    assert client.get(path).status_code == 200
    assert client.get(f"{LIST}deliveries/{delivery.pk}/").status_code == 200
    assert client.get(LIST).status_code == 403  # it is where secrets are made
    for change in ("state/", "secret/", "replay/"):
        assert client.post(path + change).status_code == 403
    assert client.post(f"{LIST}deliveries/{delivery.pk}/replay/").status_code == 403
