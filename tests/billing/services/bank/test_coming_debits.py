"""The debit of an invoice is told on the invoice: day, account, mandate, and who debits."""

from datetime import date

import pytest
from django.test import Client

from billing.services.bank.coming_debits import coming_debit
from billing.services.bank.mandates import revoke_mandate
from billing.services.documents.invoice_pages import invoice_content
from tests.bank_world import BankWorld
from tests.billing.services.bank_scene import DebitScene
from tests.factories.accounts import make_user
from tests.stripe_world import PERSON
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(bank: BankWorld) -> DebitScene:
    """A customer with a mandate on a good account, two days' notice agreed."""
    return DebitScene(bank)


def _paper(scene: DebitScene) -> str:
    scene.invoice.refresh_from_db()
    return " ".join(invoice_content(scene.invoice)["pay"] or [])


def test_before_there_is_an_order_the_invoice_says_from_when_on(scene: DebitScene) -> None:
    debit = coming_debit(scene.invoice)

    assert debit is not None
    assert (debit.on, debit.is_planned) == (date(2026, 3, 4), False)
    assert debit.amount == scene.invoice.amount_due
    paper = _paper(scene)
    assert scene.mandate.reference in paper
    assert scene.mandate.creditor_id in paper
    assert scene.mandate.last4 in paper


def test_an_order_has_the_day_itself(scene: DebitScene) -> None:
    scene.charge()
    scene.turn()

    debit = coming_debit(scene.invoice)

    assert debit is not None
    assert (debit.on, debit.is_planned) == (scene.order().due_on, True)


def test_what_was_taken_is_not_announced_any_more(booked: DebitScene) -> None:
    booked.invoice.refresh_from_db()

    assert coming_debit(booked.invoice) is None
    assert _paper(booked) == ""


def test_without_a_mandate_nothing_is_debited(scene: DebitScene) -> None:
    revoke_mandate(mandate=scene.mandate, reason="asked", actor=PERSON, at=scene.at)

    assert coming_debit(scene.invoice) is None
    assert scene.mandate.reference not in _paper(scene)


def test_staff_see_it_on_the_invoices_page(scene: DebitScene, client: Client) -> None:
    client.force_login(make_user(role=Role.FINANCE))

    page = client.get(f"/invoices/{scene.invoice.number}/").content.decode()

    assert "Debited, not before 2026-03-04" in page
    assert scene.mandate.creditor_id in page
