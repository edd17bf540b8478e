"""A statement as a page, a file and a PDF; a customer gets only its own."""

from datetime import UTC, datetime
from io import BytesIO

import pytest
from django.test import Client
from pypdf import PdfReader

from tests.factories.accounts import make_user
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import JAN_1, make_member, published_version, recurring
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
        "2026-01-01,Opening,,USD,,0.00",
        "2026-01-01,Invoice,INV-000001,USD,99.0000,99.0000",
        "2026-02-01,Closing,,USD,,99.0000",
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
