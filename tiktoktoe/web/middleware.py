"""What every answer and every request goes through."""

import logging
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control

from tiktoktoe.accounts.models import User
from tiktoktoe.web.access import access_rule

logger = logging.getLogger(__name__)

Next = Callable[[HttpRequest], HttpResponse]

ZONE_COOKIE = "time_zone"
ZONES = frozenset(available_timezones())
# Pages of packages that check their callers themselves: the admin by its own permissions,
# dj-stripe's webhooks by their signature.
GUARDED_ELSEWHERE = frozenset({"admin", "djstripe"})
PERMISSIONS_POLICY = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"


class DefaultDeny:
    """Refuses every view that does not say who may open it; see tiktoktoe.web.access."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], *_: Any
    ) -> HttpResponseBase | None:
        """Stop a request to a view without a marker."""
        match = request.resolver_match
        namespaces = set(match.namespaces) if match else set()
        if access_rule(view) or namespaces & GUARDED_ELSEWHERE:
            return None
        logger.error("a view says not who may open it", extra={"view": match and match.view_name})
        raise PermissionDenied


class NoNulCharacters:
    """Knows no page by a name with a NUL character: PostgreSQL keeps none, so nothing has one.

    What is posted with one is refused; a system's door reads its body itself.
    """

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\x00" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
            raise Http404
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *_: Any) -> None:
        """Refuse a form with such a text in it."""
        if request.method != "POST" or getattr(view, "csrf_exempt", False):
            return
        if any("\x00" in text for _, texts in request.POST.lists() for text in texts):
            raise BadRequest("a NUL character in a form")


class SecurityHeaders:
    """The content security policy, and what else a browser should keep to."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", content_security_policy())
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        user = getattr(request, "user", None)
        if isinstance(user, User) and not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_store=True)
        return response


def content_security_policy() -> str:
    """The policy: everything from here, nothing inline, forms also to the payment page."""
    form_targets = " ".join(["'self'", *settings.CSP_FORM_ACTION])
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "connect-src 'self'",
            "font-src 'self'",
            f"form-action {form_targets}",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            f"report-uri {reverse('csp_reports')}",
        ]
    )


class ViewerZone:
    """Shows instants in the zone that the browser is in, which static/js/zone.js tells."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = request.COOKIES.get(ZONE_COOKIE, "")
        if name not in ZONES:
            return self.get_response(request)
        with timezone.override(ZoneInfo(name)):
            return self.get_response(request)
