"""A statement as a page, a file and a PDF; a customer gets only its own."""

from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO

import pytest
from django.test import Client
from pypdf import PdfReader

from billing.services.credit.credit_notes import issue_credit_note
from subscriptions.models import Customer
from subscriptions.services.issuers import assign_customer, create_issuer
from tests.billing.services.invoices.test_issuers import details
from tests.billing.services.invoices.test_one_off import taxed
from tests.factories.accounts import make_user
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import (
    JAN_1,
    make_customer,
    make_member,
    published_version,
    recurring,
)
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel import clock

pytestmark = pytest.mark.django_db
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)


def signed_in(role: Role = Role.SUPPORT) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)


def test_staff_read_it_as_page_file_and_pdf() -> None:
    invoice = open_invoice(version=published_version(recurring("99.00")))
    address = f"/customers/{invoice.customer_id}/statement"
    client = signed_in()

    with clock.moved_to(FEB_1):
        page = client.get(f"{address}/").content.decode()
        answer = client.get(f"{address}.csv")
        rows = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
        pdf = text_of(client.get(f"{address}.pdf").content)

    assert "INV-000001" in page
    assert rows[1:] == [
        "2026-01-01,Opening,,USD,,0.00,,,,",
        "2026-01-01,Invoice,INV-000001,USD,99.0000,99.0000,99.0000,0.0000,99.0000,"
        "No tax 0% on 99.00: 0.00",
        "2026-02-01,Closing,,USD,,99.0000,99.0000,0.0000,99.0000,No tax 0% on 99.00: 0.00",
    ]
    assert "INV-000001" in pdf
    assert "$99.00" in pdf


def test_days_that_are_the_wrong_way_round_are_named() -> None:
    invoice = open_invoice(JAN_1)
    page = signed_in().get(
        f"/customers/{invoice.customer_id}/statement/?start=2026-02-01&end=2026-01-01"
    )

    assert "The last day is before the first" in page.content.decode()


def test_a_customer_gets_its_own_and_no_other() -> None:
    member, other = make_member(), make_member()
    client = Client()
    client.force_login(member.user)

    mine = client.get(f"/portal/statements/{member.customer.external_id}.pdf")
    theirs = client.get(f"/portal/statements/{other.customer.external_id}.pdf")

    assert (mine.status_code, theirs.status_code) == (200, 404)


def german(locale: str = "de-DE") -> Customer:
    """Owes 119.00 with 19 % of January, of which 11.90 is taken back."""
    taxed()
    customer = make_customer(country="DE", currency="EUR", locale=locale)
    version = published_version(recurring("100.00"), currency="EUR")
    invoice = open_invoice(JAN_1, customer=customer, version=version)
    issue_credit_note(
        invoice=invoice, reason="Outage", idempotency_key="n", amount=Decimal("11.90"), at=JAN_1
    )
    return customer


def test_each_documents_tax_is_shown_and_all_of_them_together() -> None:
    customer = german()
    client = signed_in()

    with clock.moved_to(FEB_1):
        page = client.get(f"/customers/{customer.pk}/statement/").content.decode()
        answer = client.get(f"/customers/{customer.pk}/statement.csv")
        rows = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]

    documents = [row.split(",", 6)[6] for row in rows[1:]]
    assert documents == [
        ",,,",
        "100.0000,19.0000,119.0000,VAT 19% on 100.00: 19.00",
        "-10.0000,-1.9000,-11.9000,VAT 19% on -10.00: -1.90",
        "90.0000,17.1000,107.1000,VAT 19% on 90.00: 17.10",
    ]
    assert "€107.10" in page


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en", ("VAT 19 % on €90.00", "Documents before tax", "Documents with tax", "NET")),
        ("de-DE", ("USt. 19 % auf 90,00 €", "Belege vor Steuer", "Belege mit Steuer", "NETTO")),
        ("fr-FR", ("TVA 19 % sur 90,00 €", "Documents hors taxes", "toutes taxes", "NET")),
    ],
)
def test_the_pdf_says_it_in_the_customers_language(locale: str, words: tuple[str, ...]) -> None:
    customer = german(locale)

    with clock.moved_to(FEB_1):
        pdf = signed_in().get(f"/customers/{customer.pk}/statement.pdf").content

    text = " ".join(text_of(pdf).replace("\N{NO-BREAK SPACE}", " ").split())
    for word in words:
        assert word in text.replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_a_statement_of_older_days_is_from_the_company_of_then() -> None:
    customer = german("en")
    newer = create_issuer(details=details(name="Later Ltd"), at=FEB_1)
    assign_customer(customer=customer, issuer=newer)

    with clock.moved_to(FEB_1):
        pdf = signed_in().get(f"/customers/{customer.pk}/statement.pdf").content

    assert "Noughts & Crosses GmbH" in text_of(pdf)
    assert "Later Ltd" not in text_of(pdf)
