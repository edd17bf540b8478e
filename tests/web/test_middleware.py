"""Headers of every answer, and the zone times are shown in."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.factories.accounts import make_user
from tiktoktoe.web.middleware import ViewerZone, content_security_policy


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere(
    settings: Settings,
) -> None:
    settings.CSP_FORM_ACTION = ["https://pay.example"]

    assert content_security_policy() == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; font-src 'self'; form-action 'self' https://pay.example; "
        "base-uri 'none'; frame-ancestors 'none'; report-uri /csp-reports/"
    )


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/sign-in/", "/no-such-page/", "/admin/login/"])
def test_every_answer_carries_the_headers(client: Client, path: str) -> None:
    headers = client.get(path).headers

    assert headers["Content-Security-Policy"] == content_security_policy()
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]


@pytest.mark.django_db
def test_what_a_signed_in_person_sees_is_kept_by_nobody(client: Client) -> None:
    client.force_login(make_user())

    assert client.get("/password/changed/").headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("cookie", "zone"),
    [("Asia/Tokyo", "Asia/Tokyo"), ("../../etc/passwd", "UTC"), ("", "UTC"), ("Mars/Base", "UTC")],
)
def test_times_are_shown_in_the_zone_of_the_browser_if_there_is_such_a_zone(
    cookie: str, zone: str
) -> None:
    def page(_: HttpRequest) -> HttpResponse:
        return HttpResponse(timezone.get_current_timezone_name())

    request = RequestFactory().get("/")
    request.COOKIES["time_zone"] = cookie

    assert ViewerZone(page)(request).content.decode() == zone
    assert timezone.get_current_timezone_name() == "UTC"
