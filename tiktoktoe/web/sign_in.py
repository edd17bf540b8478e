"""Signing in and out, the password, and the way to one's first page."""

from typing import Any

from django.contrib.auth import views as auth_views
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse, reverse_lazy
from django.views.decorators.http import require_GET

from tiktoktoe.accounts.forms import SignInForm
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.throttling import (
    SIGN_IN_AS_PERSON,
    SIGN_IN_FROM_ADDRESS,
    TooManyTries,
    forgive,
    take_try,
)
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import public, signed_in
from tiktoktoe.web.limits import client_address, too_many_tries
from tiktoktoe.web.menu import PORTAL_MENU, STAFF_MENU, shown_menu

_sign_in = auth_views.LoginView.as_view(
    template_name="registration/sign_in.html",
    authentication_form=SignInForm,
    redirect_authenticated_user=True,
)
_sign_out = auth_views.LogoutView.as_view()
_password_change = auth_views.PasswordChangeView.as_view(
    template_name="registration/password_change.html", success_url=reverse_lazy("password_changed")
)


@public
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """Ask for e-mail and password, then go on to where the person was going."""
    person = str(request.POST.get("username", "")).strip().lower()[:254]
    if request.method == "POST":
        at = now()
        try:
            take_try(SIGN_IN_FROM_ADDRESS, who=client_address(request), at=at)
            take_try(SIGN_IN_AS_PERSON, who=person, at=at)
        except TooManyTries as refusal:
            return too_many_tries(request, refusal)
    response = _sign_in(request)
    if request.method == "POST" and response.status_code == 302:
        forgive(SIGN_IN_AS_PERSON, who=person)
    return response


@public
def admin_sign_in(request: HttpRequest) -> HttpResponseBase:
    """The admin has no door of its own: there is one sign-in, with one limit."""
    if request.user.is_authenticated:
        raise PermissionDenied
    return redirect_to_login(request.GET.get("next") or reverse("admin:index"), "sign_in")


@signed_in
def sign_out(request: HttpRequest) -> HttpResponseBase:
    """End the session; by POST only."""
    return _sign_out(request)


@signed_in
def password_change(request: HttpRequest) -> HttpResponseBase:
    """Let a person choose another password; their other sessions end."""
    return _password_change(request)


@require_GET
@signed_in
def password_changed(request: HttpRequest) -> HttpResponse:
    """Say that it worked."""
    return render(request, "registration/password_changed.html")


@require_GET
@signed_in
def home(request: HttpRequest) -> HttpResponse:
    """Go to the first page that this person may open."""
    user: Any = request.user
    return redirect(first_page(user))


def first_page(user: User) -> str:
    """The address of the first page in a person's navigation."""
    for group in shown_menu((*PORTAL_MENU, *STAFF_MENU), user=user, path="/"):
        return group.entries[0].url
    if user.is_staff:
        try:
            return reverse("admin:index")
        except NoReverseMatch:
            pass
    return reverse("password_change")
