"""People come to act for a customer by invitation, with a password of their own."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from subscriptions.errors import InvitationClosed, InvitationInvalid
from subscriptions.models import Customer, CustomerMember, Invitation
from subscriptions.services.invitations import (
    accept_as,
    accept_as_new_person,
    invitation_token,
    invite_member,
    revoke_invitation,
)
from tests.factories.accounts import make_user
from tests.factories.subscriptions import JAN_1, make_customer, make_member
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel import clock
from tiktoktoe.kernel.ids import uuid7

pytestmark = pytest.mark.django_db
ACCEPTED = {"first_name": "Ada", "last_name": "Byron", "password": "noughts and crosses"}


def invited(customer: Customer, email: str = "ada@beta.example") -> Invitation:
    return invite_member(customer=customer, email=email, invited_by=None, at=JAN_1)


def link(invitation: Invitation) -> str:
    return f"/invitations/{invitation_token(invitation)}/"


def client_of(user: User | None) -> Client:
    client = Client()
    if user:
        client.force_login(user)
    return client


@pytest.mark.parametrize("role", [Role.FINANCE, Role.SUPPORT])
def test_staff_invites_and_the_person_chooses_a_password(role: Role) -> None:
    customer = make_customer()
    staff = client_of(make_user(role))

    with clock.moved_to(JAN_1):
        answer = staff.post(
            f"/customers/{customer.pk}/invitations/", {"email": "Ada@Beta.example"}, follow=True
        )
        invitation = Invitation.objects.get()
        assert link(invitation) in answer.content.decode()
        person = Client()
        assert "ada@beta.example" in person.get(link(invitation)).content.decode()
        done = person.post(link(invitation), ACCEPTED, follow=True)

    user = User.objects.get(email="ada@beta.example")
    assert done.redirect_chain[-1][0] == "/portal/"
    assert (user.role, user.is_staff, user.first_name) == ("customer", False, "Ada")
    assert user.check_password("noughts and crosses")
    assert CustomerMember.objects.get(user=user).customer == customer
    invitation.refresh_from_db()
    assert invitation.accepted_at == JAN_1


def test_who_is_known_already_accepts_as_themselves_and_nobody_else_can() -> None:
    first, second = make_customer(), make_customer()
    user = make_member(first).user
    invitation = invited(second, user.email)

    with clock.moved_to(JAN_1):
        stranger = client_of(None).get(link(invitation))
        other = client_of(make_member(first).user)
        assert stranger["Location"].startswith("/sign-in/?next=/invitations/")
        assert other.get(link(invitation)).status_code == 409
        assert other.post(link(invitation)).status_code == 409
        assert not second.members.exists()
        client_of(user).post(link(invitation))

    assert second.members.get().user == user


def test_an_invitation_works_once_and_only_for_two_weeks() -> None:
    customer = make_customer()
    used, late = invited(customer), invited(customer, "late@beta.example")
    accept_as_new_person(invitation=used, at=JAN_1, **ACCEPTED)

    with clock.moved_to(JAN_1 + timedelta(days=14)):
        assert client_of(None).post(link(late), ACCEPTED).status_code == 409
    with pytest.raises(InvitationClosed):
        accept_as(invitation=used, user=User.objects.get(), at=JAN_1)

    assert customer.members.count() == 1


def test_what_was_taken_back_leads_nowhere() -> None:
    invitation = invited(make_customer())
    support = client_of(make_user(Role.SUPPORT))

    support.post(f"/invitations/{invitation.pk}/revocation/")

    with clock.moved_to(JAN_1):
        assert client_of(None).post(link(invitation), ACCEPTED).status_code == 409
    with pytest.raises(InvitationClosed):
        revoke_invitation(invitation=invitation, at=JAN_1)
    assert not User.objects.filter(email="ada@beta.example").exists()


def test_a_made_up_link_leads_nowhere() -> None:
    token = invitation_token(invited(make_customer()))

    for made_up in ("x", f"{uuid7()}", token[:-2] + "xx"):
        assert client_of(None).get(f"/invitations/{made_up}/").status_code == 404


def test_staff_and_members_are_not_invited() -> None:
    customer = make_customer()
    member = make_member(customer).user
    staff = make_user(Role.SUPPORT)

    for email in (member.email, staff.email.upper()):
        with pytest.raises(InvitationInvalid):
            invited(customer, email)

    assert not Invitation.objects.exists()


def test_inviting_again_gives_more_time_and_no_second_invitation() -> None:
    customer = make_customer()
    first = invited(customer)

    again = invite_member(
        customer=customer,
        email="ada@beta.example",
        invited_by=None,
        at=JAN_1 + timedelta(days=3),
    )

    assert again.pk == first.pk
    assert again.expires_at == JAN_1 + timedelta(days=17)
    with pytest.raises(IntegrityError, match="invitation_one_open"), transaction.atomic():
        Invitation.objects.create(
            id=uuid7(),
            customer=customer,
            email=first.email,
            invited_at=JAN_1,
            expires_at=JAN_1,
        )


@pytest.mark.parametrize("role", [Role.CUSTOMER, None])
def test_customers_and_strangers_invite_nobody(role: Role | None) -> None:
    customer = make_customer()
    client = client_of(make_user(role) if role else None)

    answer: Any = client.post(f"/customers/{customer.pk}/invitations/", {"email": "a@b.example"})

    assert answer.status_code == (403 if role else 302)
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("password", ["short", "password123", "ada@beta.example"])
def test_a_bad_password_is_refused_with_the_reason(password: str) -> None:
    invitation = invited(make_customer())

    with clock.moved_to(JAN_1):
        page = client_of(None).post(link(invitation), {**ACCEPTED, "password": password})

    assert page.status_code == 200
    assert page.context["form"].errors["password"]
    assert not User.objects.exists()
