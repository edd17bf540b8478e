"""Who may open which page: nobody, unless the view says so."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.urls import URLPattern, URLResolver, get_resolver, path
from django.views.decorators.http import require_GET

from tests.factories.accounts import make_user
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import PERMISSIONS_BY_ROLE, Permission, Role
from tiktoktoe.web.access import access_rule, public, requires, signed_in
from tiktoktoe.web.middleware import GUARDED_ELSEWHERE

RULES = {"public", "signed_in", *(p.value for p in Permission)}
# Pages that strangers may open; a new one has to be put here on purpose.
PUBLIC_NAMES = {
    "csp_reports",
    "sign_in",
    "admin_sign_in",
    "invitation",
    "sign_up",
    "entitlements_api",
    "clock_advance_api",
    "events_api",
    "gateway_events",
    "stripe_events",
    "health",
    "notice_refusal",
    "pay_link",
    "pay_link_payment",
    "portal_payment",  # the portal's own check follows, unless a link has paid it
}


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("here")


def request_of(user: User | AnonymousUser) -> HttpRequest:
    request = RequestFactory().get("/books/?page=2")
    request.user = user
    return request


@pytest.mark.django_db
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("permission", list(Permission))
def test_a_page_opens_to_exactly_the_roles_with_its_permission(
    role: Role, permission: Permission
) -> None:
    view = requires(permission)(page)
    request = request_of(make_user(role))

    if permission in PERMISSIONS_BY_ROLE[role]:
        assert view(request).status_code == 200
    else:
        with pytest.raises(PermissionDenied):
            view(request)


@pytest.mark.parametrize("guard", [requires(Permission.VIEW_BOOKS), signed_in])
def test_a_stranger_is_sent_to_sign_in_and_back(guard: Callable[..., Any]) -> None:
    response = guard(page)(request_of(AnonymousUser()))

    assert response.status_code == 302
    assert response.headers["Location"] == "/sign-in/?next=/books/%3Fpage%3D2"


def test_what_a_stranger_posted_is_not_repeated_after_signing_in() -> None:
    request = RequestFactory().post("/refunds/")
    request.user = AnonymousUser()

    response = requires(Permission.REFUND)(page)(request)

    assert response.headers["Location"] == "/sign-in/?next=/"


def test_a_marker_survives_other_decorators() -> None:
    view = require_GET(requires(Permission.VIEW_BOOKS)(page))

    assert access_rule(view) == "view_books"
    assert view.required_permission is Permission.VIEW_BOOKS  # type: ignore[attr-defined]


def test_a_view_without_a_marker_has_no_rule() -> None:
    assert access_rule(page) == ""
    assert access_rule(public(page)) == "public"


class UrlsWithAnUnmarkedView:
    """A URL configuration somebody forgot to guard."""

    urlpatterns = [
        path("open/", public(page)),
        path("forgotten/", page),
        path("csp-reports/", public(page), name="csp_reports"),
        path("", public(page), name="home"),
    ]


@pytest.mark.django_db
@override_settings(ROOT_URLCONF=UrlsWithAnUnmarkedView)
def test_a_forgotten_view_is_refused_even_to_a_superuser(client: Client) -> None:
    client.force_login(make_user(is_superuser=True))

    assert client.get("/open/").status_code == 200
    assert client.get("/forgotten/").status_code == 403


def patterns(resolver: URLResolver, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from patterns(entry, entry.namespace or namespace)
        else:
            yield namespace, entry


OWN_PATTERNS = [
    pattern for namespace, pattern in patterns(get_resolver()) if namespace not in GUARDED_ELSEWHERE
]


def test_every_page_says_who_may_open_it() -> None:
    for pattern in OWN_PATTERNS:
        rule = access_rule(pattern.callback)

        assert rule in RULES, pattern
        assert rule != "public" or pattern.name in PUBLIC_NAMES, pattern
