"""Only who asked for a file may fetch it, while they act for the customer, and not for long."""

from datetime import timedelta

import pytest
from django.test import Client

from billing.models import CustomerDownload
from billing.services.documents.downloads import KEPT_FOR
from subscriptions.models import CustomerMember
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import JAN_1, make_customer, make_member
from tiktoktoe.accounts.models import User
from tiktoktoe.kernel import clock

pytestmark = pytest.mark.django_db


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_a_small_file_is_made_at_once_and_fetched_by_its_owner_alone() -> None:
    customer = make_customer()
    open_invoice(JAN_1, customer=customer)
    owner, colleague, stranger = (
        make_member(c).user for c in (customer, customer, make_customer())
    )

    with clock.moved_to(JAN_1):
        page = client_of(owner).post("/portal/downloads/new/", follow=True).content.decode()
        download = CustomerDownload.objects.get()
        address = f"/portal/downloads/{download.pk}/"
        mine = client_of(owner).get(address)
        others = [client_of(user).get(address).status_code for user in (colleague, stranger)]

    assert "Your file is ready." in page
    assert address in page
    assert mine.headers["Content-Type"] == "application/zip"
    assert mine.headers["Cache-Control"] == "private, no-store"
    assert mine.content[:2] == b"PK"
    assert others == [404, 404]


def test_it_cannot_be_fetched_later_or_by_who_no_longer_acts_for_the_customer() -> None:
    member = make_member()
    client = client_of(member.user)
    with clock.moved_to(JAN_1):
        client.post("/portal/downloads/new/")
        address = f"/portal/downloads/{CustomerDownload.objects.get().pk}/"
        assert client.get(address).status_code == 200
    with clock.moved_to(JAN_1 + KEPT_FOR):
        assert client.get(address).status_code == 404

    CustomerMember.objects.filter(pk=member.pk).delete()
    with clock.moved_to(JAN_1 + timedelta(hours=1)):
        assert client.get(address).status_code == 404


def test_a_large_file_is_made_by_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.services.documents.downloads.SMALL", -1)
    member = make_member()

    answer = client_of(member.user).post("/portal/downloads/new/", follow=True)

    assert "Your file is being made" in answer.content.decode()
    assert CustomerDownload.objects.get().state == "ready"  # tests run tasks where they are called
