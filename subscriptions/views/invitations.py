"""Inviting people to the portal, and accepting: the one page of it that strangers may open."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from subscriptions.errors import InvitationClosed, InvitationInvalid
from subscriptions.forms.invitations import AcceptForm, InvitationForm
from subscriptions.models import Customer, Invitation
from subscriptions.services.invitations import (
    accept_as,
    accept_as_new_person,
    ensure_open,
    invitation_of_token,
    invite_member,
    revoke_invitation,
)
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.accounts.throttling import INVITATION, TooManyTries, take_try
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import public, requires
from tiktoktoe.web.limits import client_address, too_many_tries


@require_POST
@requires(Permission.INVITE)
def invitation_create(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Invite somebody to act for a customer; the customer's page then shows the link."""
    customer = get_object_or_404(Customer, pk=customer_id)
    form = InvitationForm(request.POST)
    assert isinstance(request.user, User)
    if not form.is_valid():
        messages.error(request, "Nobody was invited: that is no e-mail address.")
        return redirect("customer_detail", customer.pk)
    email = form.cleaned_data["email"]
    try:
        invite_member(customer=customer, email=email, invited_by=request.user, at=now())
    except InvitationInvalid as refusal:
        messages.error(request, f"Nobody was invited: {refusal.message}.")
    else:
        messages.success(request, f"{email} is invited. Send them the link below.")
    return redirect("customer_detail", customer.pk)


@require_POST
@requires(Permission.INVITE)
def invitation_revocation(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    """Take an invitation back."""
    invitation = get_object_or_404(Invitation, pk=invitation_id)
    try:
        revoke_invitation(invitation=invitation, at=now())
    except InvitationClosed as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, "The invitation is taken back; its link leads nowhere now.")
    return redirect("customer_detail", invitation.customer_id)


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
@public
def invitation_detail(request: HttpRequest, token: str) -> HttpResponseBase:
    """Accept an invitation: with a name and a password, or as who is signed in."""
    invitation, at = invitation_of_token(token), now()
    if invitation is None:
        raise Http404
    if request.method == "POST":
        try:
            take_try(INVITATION, who=client_address(request), at=at)
        except TooManyTries as refusal:
            return too_many_tries(request, refusal)
    try:
        ensure_open(invitation, at)
        if User.objects.filter(email=invitation.email).exists():
            return _accept_as_known(request, invitation)
        return _accept_as_new(request, invitation)
    except (InvitationClosed, InvitationInvalid) as refusal:
        context = {"invitation": invitation, "refusal": refusal}
        return render(request, "subscriptions/invitation.html", context, status=409)


def _accept_as_known(request: HttpRequest, invitation: Invitation) -> HttpResponseBase:
    if not isinstance(request.user, User):
        return redirect_to_login(request.get_full_path(), "sign_in")
    if request.method == "POST":
        accept_as(invitation=invitation, user=request.user, at=now())
        messages.success(request, f"You act for {invitation.customer} now.")
        return redirect(f"/portal/?customer={invitation.customer.external_id}")
    if request.user.email != invitation.email:
        raise InvitationInvalid(f"{invitation.email} was invited; sign in as them")
    return render(request, "subscriptions/invitation.html", {"invitation": invitation})


def _accept_as_new(request: HttpRequest, invitation: Invitation) -> HttpResponseBase:
    form = AcceptForm(request.POST or None, email=invitation.email)
    if request.method == "POST" and form.is_valid():
        user = accept_as_new_person(invitation=invitation, at=now(), **form.cleaned_data)
        login(request, user)
        messages.success(request, f"Welcome. You act for {invitation.customer} now.")
        return redirect("home")
    context = {"invitation": invitation, "form": form}
    return render(request, "subscriptions/invitation.html", context)
