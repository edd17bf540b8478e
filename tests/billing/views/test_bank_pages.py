"""The bank desk of staff, and the page on which customers give mandates."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import BankEntry, Invoice, Mandate, PaymentMethod
from billing.services.bank.rail import turn_bank_rail
from subscriptions.models import CustomerMember
from tests.bank_world import GOOD_IBAN, MONDAY, BankWorld
from tests.billing.services.bank_scene import DebitScene
from tests.factories.accounts import make_user
from tests.factories.billing import one_off_invoice
from tests.factories.subscriptions import make_customer, make_member
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db
AGREED = {"debtor_name": "Blauwal Analytik GmbH", "account_number": GOOD_IBAN, "agreed": "on"}


def signed_in(role: Role) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def waiting_entry(bank: BankWorld) -> tuple[BankEntry, Invoice]:
    """A transfer of exactly what is due, which names nothing."""
    invoice = one_off_invoice(MONDAY, customer=make_customer(currency="EUR"))
    bank.pay_in(9900, note="thank you", debtor={"name": "Kunde AG", "iban": GOOD_IBAN})
    turn_bank_rail(at=MONDAY)
    return BankEntry.objects.get(), invoice


def member(**about: str) -> tuple[Client, CustomerMember]:
    """Somebody who acts for a customer that pays in euros."""
    joined = make_member(make_customer(currency="EUR", **about))
    client = Client()
    client.force_login(joined.user)
    return client, joined


def test_one_click_pays_the_invoice_that_a_transfer_is_for(bank: BankWorld) -> None:
    entry, invoice = waiting_entry(bank)
    client = signed_in(Role.FINANCE)
    shown = client.get(reverse("bank_entry_list")).content.decode()

    assert f'value="{invoice.number}"' in shown
    assert "Kunde AG" in shown
    assert GOOD_IBAN not in shown
    client.post(reverse("bank_entry_match", args=[entry.pk]), {"number": invoice.number})

    entry.refresh_from_db()
    invoice.refresh_from_db()
    assert (entry.state, invoice.state) == ("matched", "paid")
    assert entry.decided_by is not None


def test_a_second_click_and_a_wrong_number_change_nothing(bank: BankWorld) -> None:
    entry, invoice = waiting_entry(bank)
    client, address = signed_in(Role.FINANCE), reverse("bank_entry_match", args=[entry.pk])
    wrong = client.post(address, {"number": "INV-NONE"}, follow=True).content.decode()
    assert "There is no issued invoice INV-NONE." in wrong

    client.post(address, {"number": invoice.number})
    again = client.post(address, {"number": invoice.number}, follow=True).content.decode()

    assert "Nothing was changed: this entry pays an invoice already." in again
    assert invoice.payments.count() == 1


def test_an_entry_is_put_aside_with_a_reason(bank: BankWorld) -> None:
    entry, _ = waiting_entry(bank)

    signed_in(Role.FINANCE).post(
        reverse("bank_entry_aside", args=[entry.pk]), {"reason": "a tax refund"}
    )

    entry.refresh_from_db()
    assert (entry.state, entry.why) == ("aside", "a tax refund")


@pytest.mark.parametrize("name", ["bank_entry_match", "bank_entry_aside"])
def test_support_looks_and_does_not_match(bank: BankWorld, name: str) -> None:
    entry, invoice = waiting_entry(bank)
    client = signed_in(Role.SUPPORT)

    assert client.get(reverse("bank_entry_list")).status_code == 200
    assert (
        client.post(reverse(name, args=[entry.pk]), {"number": invoice.number}).status_code == 403
    )


def test_staff_see_files_and_withdraw_a_mandate(bank: BankWorld) -> None:
    scene = DebitScene(bank)
    scene.charge()
    scene.turn()
    scene.turn()
    client = signed_in(Role.FINANCE)
    files = client.get(reverse("bank_file_list")).content.decode()
    mandates = client.get(reverse("mandate_list"), {"q": scene.mandate.reference}).content.decode()
    page = client.get(reverse("mandate_detail", args=[scene.mandate.reference])).content.decode()

    assert scene.order().file.message_id in files  # type: ignore[union-attr]
    assert scene.mandate.reference in mandates
    assert "Ich ermächtige (A) ACME Corporation" in page
    assert GOOD_IBAN not in files + mandates + page
    address = reverse("mandate_revocation", args=[scene.mandate.reference])
    client.post(address, {"reason": "by telephone"})

    scene.mandate.refresh_from_db()
    assert (scene.mandate.state, scene.mandate.ended_because) == ("revoked", "by telephone")


def test_a_customer_gives_a_mandate_in_the_words_of_its_language(bank: BankWorld) -> None:
    client, joined = member(locale="fr")
    page = client.get(reverse("portal_mandate")).content.decode()
    assert '<p lang="fr">En signant ce formulaire de mandat' in page

    client.post(reverse("portal_mandate"), AGREED)

    mandate = Mandate.objects.get()
    assert mandate.customer == joined.customer
    assert (mandate.signed_by, mandate.language) == (joined.user.email, "fr")
    assert mandate.consent in page.replace("&#x27;", "'")
    method = PaymentMethod.objects.get()
    assert (method.is_default, method.last4, str(method)) == (
        True,
        "3000",
        "Sepa debit ending 3000",
    )
    listed = client.get(reverse("portal_payment_methods")).content.decode()
    assert "Sepa debit ending 3000" in listed
    offered = client.get(reverse("portal_method_add")).content.decode()
    assert "Pay by direct debit" in offered


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"account_number": "DE00370400440532013000"}, "This is no account number (IBAN)"),
        ({"agreed": ""}, "This field is required"),
        ({"bank_code": "nonsense"}, "This is no bank code (BIC)"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(
    bank: BankWorld, change: dict[str, str], words: str
) -> None:
    client, _ = member()

    page = client.post(reverse("portal_mandate"), AGREED | change).content.decode()

    assert words in page
    assert re.search(r'aria-invalid="true"', page)
    assert Mandate.objects.count() == 0


def test_a_customer_who_pays_in_dollars_or_has_no_bank_is_not_offered_ours(bank: BankWorld) -> None:
    joined = make_member()
    client = Client()
    client.force_login(joined.user)

    assert client.get(reverse("portal_mandate")).status_code == 404
    offered = client.get(reverse("portal_method_add")).content.decode()
    assert reverse("portal_mandate") not in offered


def test_removing_the_method_withdraws_the_mandate(bank: BankWorld) -> None:
    client, _ = member()
    client.post(reverse("portal_mandate"), AGREED)
    method = PaymentMethod.objects.get()

    client.post(reverse("portal_method_removal", args=[method.pk]))

    mandate = Mandate.objects.get()
    assert (mandate.state, mandate.ended_because) == ("revoked", "the customer removed the method")
