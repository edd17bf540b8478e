"""Letting people act for a customer in the portal: invited by staff, with their own password."""

import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.core import signing
from django.db import IntegrityError, transaction

from subscriptions.errors import InvitationClosed, InvitationInvalid
from subscriptions.models import Customer, CustomerMember, Invitation
from subscriptions.services.customers import add_member
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.ids import uuid7

logger = logging.getLogger(__name__)

OPEN_FOR = timedelta(days=14)
_SALT = "subscriptions.invitation"


@transaction.atomic
def invite_member(
    *, customer: Customer, email: str, invited_by: User | None, at: datetime
) -> Invitation:
    """Invite somebody; inviting them again while it is open only gives them more time.

    Raises:
        InvitationInvalid: If they act for the customer already, or are of the staff.
    """
    address = email.strip().lower()
    locked = Customer.objects.select_for_update(of=("self",)).get(pk=customer.pk)
    known = User.objects.filter(email=address).first()
    if known is not None and known.role != Role.CUSTOMER:
        raise InvitationInvalid("this is somebody of the staff", field="email")
    if CustomerMember.objects.filter(customer=locked, user__email=address).exists():
        raise InvitationInvalid("they act for this customer already", field="email")
    invitation = Invitation.objects.open().filter(customer=locked, email=address).first()
    if invitation is None:
        invitation = Invitation(id=uuid7(), customer=locked, email=address)
    invitation.invited_by, invitation.invited_at = invited_by, at
    invitation.expires_at = at + OPEN_FOR
    invitation.save()
    logger.info("member invited", extra={"invitation": str(invitation.pk)})
    return invitation


@transaction.atomic
def revoke_invitation(*, invitation: Invitation, at: datetime) -> Invitation:
    """Take an invitation back.

    Raises:
        InvitationClosed: If it was accepted or taken back.
    """
    if not Invitation.objects.open().filter(pk=invitation.pk).update(revoked_at=at):
        raise InvitationClosed("it was accepted or taken back already")
    invitation.refresh_from_db()
    return invitation


def invitation_token(invitation: Invitation) -> str:
    """What the link carries: the invitation's id, signed, so that nobody can make one up."""
    return signing.Signer(salt=_SALT).sign(str(invitation.pk))


def invitation_of_token(token: str) -> Invitation | None:
    """The invitation that a link leads to; None if it is none of ours."""
    try:
        pk = UUID(signing.Signer(salt=_SALT).unsign(token))
    except (signing.BadSignature, ValueError):
        return None
    return Invitation.objects.select_related("customer").filter(pk=pk).first()


def ensure_open(invitation: Invitation, at: datetime) -> None:
    """Refuse what can no longer be accepted.

    Raises:
        InvitationClosed: If it was accepted, taken back, or is too old.
    """
    if invitation.accepted_at or invitation.revoked_at:
        raise InvitationClosed("this invitation was used or taken back")
    if invitation.expires_at <= at:
        raise InvitationClosed("this invitation is too old; ask for another one")


@transaction.atomic
def accept_as_new_person(
    *, invitation: Invitation, first_name: str, last_name: str, password: str, at: datetime
) -> User:
    """Make a person who acts for the customer. The caller has checked the password.

    Raises:
        InvitationClosed: If it can no longer be accepted.
        InvitationInvalid: If somebody signs in by this e-mail already.
    """
    locked = _lock(invitation, at)
    try:
        with transaction.atomic():
            user = User.objects.create_user(
                locked.email,
                password,
                role=Role.CUSTOMER,
                first_name=first_name,
                last_name=last_name,
            )
    except IntegrityError:
        raise InvitationInvalid("somebody signs in with it already", field="email") from None
    _join(locked, user, at)
    return user


@transaction.atomic
def accept_as(*, invitation: Invitation, user: User, at: datetime) -> CustomerMember:
    """Let a person whom we know act for one more customer.

    Raises:
        InvitationClosed: If it can no longer be accepted.
        InvitationInvalid: If somebody else was invited.
    """
    locked = _lock(invitation, at)
    if user.email != locked.email or user.role != Role.CUSTOMER:
        raise InvitationInvalid(f"{locked.email} was invited", field="email")
    return _join(locked, user, at)


def _lock(invitation: Invitation, at: datetime) -> Invitation:
    locked = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("customer")
        .get(pk=invitation.pk)
    )
    ensure_open(locked, at)
    return locked


def _join(invitation: Invitation, user: User, at: datetime) -> CustomerMember:
    invitation.accepted_at = at
    invitation.save(update_fields=["accepted_at"])
    logger.info("invitation accepted", extra={"invitation": str(invitation.pk)})
    return add_member(customer=invitation.customer, user=user, at=at)
