"""A session lasts until its end, and for as long as its person may sign in."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from tests.factories.accounts import make_user
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(make_user(Role.FINANCE))
    assert opens(client)
    return client


def opens(client: Client) -> bool:
    page = client.get(reverse("invoice_list"))
    return page.status_code == 200 or page.wsgi_request.user.is_authenticated


def test_a_session_that_has_ended_opens_nothing(client: Client) -> None:
    session = Session.objects.get()
    session.expire_date -= timedelta(days=15)
    session.save()

    assert not opens(client)


def test_a_session_that_was_deleted_opens_nothing(client: Client) -> None:
    Session.objects.all().delete()

    assert not opens(client)


def test_who_may_not_sign_in_any_more_is_signed_out(client: Client) -> None:
    User.objects.update(is_active=False)

    assert not opens(client)


def test_another_password_ends_the_sessions(client: Client) -> None:
    person = User.objects.get()
    person.set_password("another one altogether")
    person.save()

    assert not opens(client)
