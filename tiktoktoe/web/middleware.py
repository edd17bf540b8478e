"""What every answer carries, and the rule that a view which names no access has none."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from tiktoktoe.web.csp import policy

GetResponse = Callable[[HttpRequest], HttpResponseBase]
# Apps whose views guard themselves: the admin by staff permission, dj-stripe by signature.
SELF_GUARDED = (
    "django.contrib.admin",
    "django.contrib.auth",
    "djstripe",
    "django.contrib.staticfiles",
)


class SecurityHeaders:
    """Sets the content security policy, and keeps signed-in pages out of shared caches."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response
        self._policy = policy(settings.CSP_FORM_ACTION)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, with the headers."""
        response = self._get_response(request)
        response.headers.setdefault("Content-Security-Policy", self._policy)
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), microphone=(), geolocation=()"
        )
        if getattr(request, "user", None) is not None and request.user.is_authenticated:
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response


class DefaultDeny:
    """Refuses every view that does not say who may open it."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer."""
        return self._get_response(request)

    def process_view(
        self,
        _request: HttpRequest,
        view: Callable[..., HttpResponseBase],
        _args: list[Any],
        _kwargs: dict[str, Any],
    ) -> None:
        """Let a view through only if its access is known.

        Raises:
            PermissionDenied: If the view names no access.
        """
        if not names_its_access(view):
            raise PermissionDenied("this page does not say who may open it")


def names_its_access(view: Callable[..., HttpResponseBase]) -> bool:
    """Whether a view says who may open it, or belongs to an app that guards itself."""
    owner = getattr(view, "__module__", "")
    return hasattr(view, "access") or owner.startswith(SELF_GUARDED)
