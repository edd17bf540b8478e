"""Doors that can be tried too often: a clear answer, with when to come back."""

from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory

from subscriptions.services.event_sources import create_event_source
from tests.factories.accounts import PASSWORD, make_user
from tests.factories.subscriptions import JAN_1
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel import clock
from tiktoktoe.web.limits import client_address

pytestmark = pytest.mark.django_db


def sign_in(email: str, password: str = "wrong", **headers: Any) -> HttpResponse:
    return Client().post("/sign-in/", {"username": email, "password": password}, **headers)  # type: ignore[return-value]


def test_a_persons_password_cannot_be_guessed_quickly_from_anywhere() -> None:
    user = make_user()
    with clock.moved_to(JAN_1):
        for number in range(10):
            assert sign_in(user.email, REMOTE_ADDR=f"10.0.0.{number}").status_code == 200

        refused = sign_in(user.email.upper(), PASSWORD, REMOTE_ADDR="10.0.1.1")

    assert refused.status_code == 429
    assert refused["Retry-After"] == "60"
    assert "Please wait 60 seconds" in refused.content.decode()


def test_after_the_wait_the_right_password_opens_and_gives_all_tries_back() -> None:
    user = make_user()
    with clock.moved_to(JAN_1):
        for number in range(11):
            sign_in(user.email, REMOTE_ADDR=f"10.0.0.{number}")
    with clock.moved_to(JAN_1 + timedelta(seconds=60)):
        assert sign_in(user.email, PASSWORD).status_code == 302
        assert sign_in(user.email).status_code == 200


def test_an_address_cannot_try_many_people() -> None:
    with clock.moved_to(JAN_1):
        codes = [sign_in(f"person{n}@example.com").status_code for n in range(31)]

    assert codes == [200] * 30 + [429]


def test_the_admin_has_the_same_door_and_limit() -> None:
    response = Client().get("/admin/login/?next=/admin/billing/")

    assert response.status_code == 302
    assert response["Location"] == "/sign-in/?next=/admin/billing/"


def test_who_is_signed_in_and_no_staff_is_not_sent_in_circles(client: Client) -> None:
    client.force_login(make_user(Role.CUSTOMER))

    assert client.get("/admin/", follow=True).status_code == 403


def test_sign_ups_from_one_address_are_limited() -> None:
    with clock.moved_to(JAN_1):
        codes = [Client().post("/sign-up/", {}).status_code for _ in range(11)]

    assert codes == [200] * 10 + [429]


def test_wrong_keys_are_limited_and_a_right_one_is_not_held_up_by_them() -> None:
    key = create_event_source(name="gateway", at=JAN_1).key

    def send(sent: str) -> Any:
        headers = {"Authorization": f"Bearer {sent}"}
        return Client().post(
            "/api/v1/events", data="[]", content_type="application/json", headers=headers
        )

    with clock.moved_to(JAN_1):
        codes = [send(f"ttt_{n}").status_code for n in range(31)]
        refused = send("ttt_more")

    assert codes == [401] * 30 + [429]
    assert refused["Retry-After"] == "10"
    assert refused.json()["error"]["code"] == "too_many_wrong_keys"
    assert send(key).status_code == 200


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "1.1.1.1", "127.0.0.1"),
        (1, "6.6.6.6, 1.1.1.1", "1.1.1.1"),
        (2, "6.6.6.6, 1.1.1.1, 10.0.0.1", "1.1.1.1"),
        (2, "1.1.1.1", "127.0.0.1"),
    ],
)
def test_only_what_our_own_proxies_say_about_an_address_is_believed(
    settings: Any, proxies: int, forwarded: str, address: str
) -> None:
    settings.PROXY_COUNT = proxies
    request = RequestFactory().get("/", headers={"X-Forwarded-For": forwarded})

    assert client_address(request) == address
