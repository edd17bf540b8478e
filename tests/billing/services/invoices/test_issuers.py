"""Several companies of ours: each with its name, numbers and tax on its documents, for ever."""

from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from pypdf import PdfReader
from pytest_django import Settings

from billing.models import Invoice, TaxRate
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.documents.invoice_pages import invoice_content
from billing.services.documents.pdf import credit_note_pdf, invoice_pdf
from billing.services.invoices.consolidating import set_invoicing
from billing.services.invoices.invoicing import bill_start
from billing.services.invoices.one_off import ChargeLine, OneOffCharge, charge_once
from billing.services.invoices.renewal import run_billing
from finance.services.posting import post_documents
from subscriptions.errors import IssuerInvalid
from subscriptions.models import Customer, Issuer
from subscriptions.services.issuers import (
    IssuerDetails,
    assign_customer,
    assign_plan,
    correct_issuer,
    create_issuer,
)
from tests.factories.accounts import make_user
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_plan,
    published_version,
    recurring,
    subscription_since,
)
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)


def details(**more: Any) -> IssuerDetails:
    given: dict[str, Any] = {
        "code": "uk",
        "name": "Crosses Ltd",
        "address": "1 High Street, London",
        "country": "GB",
        "tax_number": "GB999999973",
        "email": "billing@crosses.example",
        "bank": "IBAN GB33BUKB20201555555555",
        "logo_text": "CROSSES",
        "colour": "#0a7d4f",
        "footer": "Registered in England 01234567",
        "invoice_prefix": "UK-",
        "credit_note_prefix": "UKC-",
        **more,
    }
    return IssuerDetails(**given)


@pytest.fixture
def british() -> Issuer:
    return create_issuer(details=details(), at=JAN_1)


def of(issuer: Issuer | None, **fields: Any) -> Customer:
    customer = make_customer(**fields)
    assign_customer(customer=customer, issuer=issuer)
    customer.refresh_from_db()
    return customer


def words(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)


def test_each_company_numbers_its_own_documents_without_a_gap(british: Issuer) -> None:
    theirs, ours = of(british), of(None)

    numbers = [open_invoice(customer=c).number for c in (theirs, ours, theirs_again(british))]
    note = issue_credit_note(
        invoice=Invoice.objects.get(number="UK-000001"),
        reason="x",
        idempotency_key="x",
        amount=Decimal(1),
        at=JAN_1,
    )

    assert numbers == ["UK-000001", "INV-000001", "UK-000002"]
    assert note.number == "UKC-000001"


def theirs_again(issuer: Issuer) -> Customer:
    return of(issuer)


def test_a_run_numbers_all_of_a_chunk_in_their_own_series(british: Issuer) -> None:
    version = published_version(recurring("10.00"), at=JAN_1)
    for issuer in (british, None, british, None):
        subscription_since(JAN_1, customer=of(issuer), version=version)

    run_billing(at=FEB_1)

    numbers = sorted(Invoice.objects.values_list("number", flat=True), key=str)
    assert numbers == ["INV-000001", "INV-000002", "UK-000001", "UK-000002"]


def test_the_customers_company_counts_before_the_plans(british: Issuer) -> None:
    french = create_issuer(
        details=details(code="fr", invoice_prefix="FR-", credit_note_prefix="FRC-"), at=JAN_1
    )
    plan = make_plan()
    assign_plan(plan=plan, issuer=british)
    plan.refresh_from_db()
    version = published_version(recurring("10.00"), plan=plan)

    by_plan = open_invoice(customer=of(None), version=version)
    by_customer = open_invoice(customer=of(french), version=version)

    assert (by_plan.number, by_customer.number) == ("UK-000001", "FR-000001")


def test_documents_show_the_company_as_it_was(british: Issuer) -> None:
    invoice = open_invoice(customer=of(british))
    note = issue_credit_note(
        invoice=invoice, reason="x", idempotency_key="x", amount=Decimal(1), at=JAN_1
    )
    invoice.refresh_from_db()
    before = invoice_pdf(invoice=invoice)

    correct_issuer(issuer=british, details=details(name="Renamed plc", colour="#000000"))

    shown = words(before)
    for wanted in ("Crosses Ltd", "CROSSES", "1 High Street, London", "GB33BUKB", "01234567"):
        assert wanted in shown
    assert "Noughts & Crosses GmbH" not in shown
    assert invoice_pdf(invoice=Invoice.objects.get()) == before
    assert "Crosses Ltd" in words(credit_note_pdf(note=note))
    assert "Renamed plc" in words(invoice_pdf(invoice=open_invoice(customer=of(british))))


def test_documents_of_the_settings_company_stay_when_the_settings_change(
    settings: Settings,
) -> None:
    invoice = open_invoice(customer=of(None))

    settings.COMPANY = {**settings.COMPANY, "name": "Merged SE"}

    assert invoice_content(invoice)["seller"]["name"] == "Noughts & Crosses GmbH"


def test_tax_is_by_the_country_of_who_sells(british: Issuer) -> None:
    """At home in Britain its VAT is due; a German company there charges none without a rate."""
    TaxRate.objects.create(
        code="gb-vat",
        name="VAT",
        country="GB",
        percentage=Decimal(20),
        valid_from=date(2020, 1, 1),
    )
    german = create_issuer(
        details=details(code="de", country="DE", invoice_prefix="DE-", credit_note_prefix="DEC-"),
        at=JAN_1,
    )
    TaxRate.objects.create(
        code="fr-vat",
        name="TVA",
        country="FR",
        percentage=Decimal(20),
        valid_from=date(2020, 1, 1),
    )
    buyer = {"country": "FR", "tax_number": "FR40303265045"}

    from_germany = open_invoice(customer=of(german, **buyer))
    from_britain = open_invoice(customer=of(british, **buyer))

    assert [row["code"] for row in from_germany.tax_breakdown] == ["reverse-charge"]
    assert [row["code"] for row in from_britain.tax_breakdown] == ["fr-vat"]


def test_companies_never_share_an_invoice(british: Issuer) -> None:
    customer = of(None)
    for issuer in (british, None, None):
        plan = make_plan()
        assign_plan(plan=plan, issuer=issuer)
        plan.refresh_from_db()
        version = published_version(recurring("10.00"), plan=plan)
        subscription_since(JAN_1, customer=customer, version=version)
    set_invoicing(
        customer=customer, currency="USD", is_consolidated=True, actor=TEST_ACTOR, at=JAN_1
    )

    run_billing(at=FEB_1)

    invoices = Invoice.objects.order_by("number").values_list("number", "total")
    assert list(invoices) == [("INV-000001", Decimal(20)), ("UK-000001", Decimal(10))]


def test_one_off_charges_are_issued_by_it_too(british: Issuer) -> None:
    charge = OneOffCharge(
        customer=of(british),
        currency="USD",
        lines=[ChargeLine(description="Help", quantity=Decimal(1), unit_price=Decimal(50))],
    )

    invoice = charge_once(charge=charge, idempotency_key="x", actor=TEST_ACTOR, at=JAN_1)

    assert (invoice.number, invoice.issuer) == ("UK-000001", british)


def test_postgresql_keeps_who_issued_a_final_document(british: Issuer) -> None:
    invoice = open_invoice(customer=of(british))

    for change in ({"issued_by": {"name": "Forged"}}, {"issuer": None}):
        with pytest.raises(IntegrityError, match="who issued it"), transaction.atomic():
            Invoice.objects.filter(pk=invoice.pk).update(**change)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"invoice_prefix": "INV-"}, "invoice_prefix"),
        ({"credit_note_prefix": "CN-"}, "credit_note_prefix"),
        ({"credit_note_prefix": "UKC-"}, "credit_note_prefix"),
        ({"credit_note_prefix": "NEW-"}, "credit_note_prefix"),
        ({"invoice_prefix": "new"}, "invoice_prefix"),
        ({"country": "GBR"}, "country"),
        ({"colour": "green"}, "colour"),
        ({"code": "uk"}, "code"),
    ],
    ids=["ours", "our notes", "another's", "the same twice", "no prefix", "land", "colour", "code"],
)
def test_a_company_that_makes_no_sense_is_refused_by_its_field(
    british: Issuer, change: dict[str, str], field: str
) -> None:
    fresh = {"code": "new", "invoice_prefix": "NEW-", "credit_note_prefix": "NEWC-"}

    with pytest.raises(IssuerInvalid) as refused:
        create_issuer(details=details(**{**fresh, **change}), at=JAN_1)

    assert refused.value.field == field
    assert Issuer.objects.get() == british


def test_the_books_take_documents_of_all_companies(british: Issuer) -> None:
    open_invoice(customer=of(british))
    open_invoice(customer=of(None))

    assert post_documents(at=FEB_1).total == 2


def test_staff_make_one_see_its_invoice_and_give_it_customers(client: Client) -> None:
    customer = make_customer(external_id="acme")
    subscription = subscription_since(JAN_1, customer=customer)
    bill_start(subscription=subscription, at=JAN_1)
    client.force_login(make_user(Role.FINANCE))
    typed = vars(details())

    seen = client.post(reverse("issuer_sample"), typed)
    assert seen["Content-Type"] == "application/pdf"
    assert "Crosses Ltd" in words(seen.content)
    assert not Issuer.objects.exists()
    assert Invoice.objects.get().issued_by["name"] == "Noughts & Crosses GmbH"

    client.post(reverse("issuer_create"), typed)
    issuer = Issuer.objects.get()
    client.post(reverse("issuer_belongs", args=[issuer.code]), {"customer": "acme"})
    customer.refresh_from_db()
    assert customer.issuer == issuer
    page = client.get(reverse("issuer_edit", args=[issuer.code])).content.decode()
    assert customer.name in page
    client.post(reverse("issuer_edit", args=[issuer.code]), {**typed, "name": "Renamed plc"})
    assert "Renamed plc" in client.get(reverse("issuer_list")).content.decode()


def test_support_may_look_and_not_change(client: Client, british: Issuer) -> None:
    client.force_login(make_user(Role.SUPPORT))

    assert client.get(reverse("issuer_list")).status_code == 200
    assert client.get(reverse("issuer_edit", args=["uk"])).status_code == 403
