"""Who may open a page. A view without one of these markers is refused by the middleware."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission

View = Callable[..., HttpResponseBase]
MARKER = "access_rule"


def requires(permission: Permission) -> Callable[[View], View]:
    """Open a view to people with a permission.

    A stranger is sent to the sign-in page; a person without the permission gets 403.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not isinstance(request.user, User):
                return to_sign_in(request)
            if not request.user.may(permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        setattr(guarded, MARKER, permission.value)
        guarded.required_permission = permission  # type: ignore[attr-defined]
        return guarded

    return decorate


def signed_in(view: View) -> View:
    """Open a view to everyone who has signed in, whatever their role."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not isinstance(request.user, User):
            return to_sign_in(request)
        return view(request, *args, **kwargs)

    setattr(guarded, MARKER, "signed_in")
    return guarded


def public(view: View) -> View:
    """Open a view to strangers; it answers for its own checks, such as an API key."""

    @wraps(view)
    def opened(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return view(request, *args, **kwargs)

    setattr(opened, MARKER, "public")
    return opened


def access_rule(view: Callable[..., object]) -> str:
    """What a view's marker says; empty when it has none, which means: nobody."""
    return str(getattr(view, MARKER, ""))


def to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """Send a stranger to sign in and back, by a GET that repeats nothing they posted."""
    wanted = request.get_full_path() if request.method in {"GET", "HEAD"} else "/"
    return redirect_to_login(wanted, settings.LOGIN_URL)
