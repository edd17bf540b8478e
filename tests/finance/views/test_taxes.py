"""Taxes that are owed: by jurisdiction and rate, and the same as in the books."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db.models import Sum
from django.test import Client
from django.urls import reverse

from billing.models import Invoice, TaxRate
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.invoices.invoicing import void_invoice
from finance.models import Posting
from finance.queries import TaxReport, tax_report
from finance.services.posting import post_documents
from tests.factories.accounts import make_user
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import JAN_1, make_customer, published_version, recurring
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db
LATER = datetime(2026, 3, 1, tzinfo=UTC)
D = Decimal


def canada() -> None:
    for levy, region, name, percentage in (("gst", "", "GST", "5"), ("qst", "QC", "QST", "9.975")):
        TaxRate.objects.create(
            code=f"ca-{levy}",
            name=name,
            country="CA",
            region=region,
            levy=levy,
            percentage=D(percentage),
            valid_from=date(2001, 1, 1),
        )


def billed(region: str) -> Invoice:
    customer = make_customer(country="CA", region=region, currency="CAD")
    version = published_version(recurring("100.00"), currency="CAD", at=JAN_1)
    return open_invoice(customer=customer, version=version)


def january() -> TaxReport:
    post_documents(at=LATER)
    return tax_report(since=date(2026, 1, 1), until=date(2026, 1, 31), currency="CAD")


def rows_of(report: TaxReport) -> list[tuple[str, str, Decimal, Decimal, Decimal]]:
    return [(r.jurisdiction, r.name, r.base, r.charged, r.taken_back) for r in report.rows]


def test_each_jurisdiction_is_owed_its_tax_less_what_was_taken_back() -> None:
    canada()
    billed("AB")
    credited = billed("QC")
    void_invoice(invoice=billed("QC"), at=JAN_1)
    issue_credit_note(
        invoice=credited, reason="x", idempotency_key="x", amount=D("11.50"), at=JAN_1
    )

    report = january()

    assert rows_of(report) == [
        ("CA", "GST", D("190.00"), D("15.00"), D("5.50")),
        ("CA-QC", "QST", D("90.00"), D("19.96"), D("10.98")),
    ]
    assert (report.booked, report.difference) == (D("18.48"), D(0))
    assert Posting.objects.aggregate(sum=Sum("amount_minor"))["sum"] == 0


def test_other_days_and_currencies_are_not_counted() -> None:
    canada()
    billed("QC")
    post_documents(at=LATER)

    later = tax_report(since=date(2026, 2, 1), until=date(2026, 2, 28), currency="CAD")
    other = tax_report(since=date(2026, 1, 1), until=date(2026, 1, 31), currency="USD")

    assert (later.rows, later.booked, other.rows) == ([], D(0), [])


def test_the_page_shows_taxes_beside_the_books(client: Client) -> None:
    canada()
    billed("QC")
    post_documents(at=LATER)
    client.force_login(make_user(Role.FINANCE))

    page = client.get(
        reverse("tax_report"), {"since": "2026-01-01", "until": "2026-01-31", "currency": "CAD"}
    ).content.decode()

    assert "As in the books" in page
    assert "CA-QC" in page
    assert "9.98" in page


def test_only_who_may_see_the_books_sees_taxes(client: Client) -> None:
    client.force_login(make_user(Role.SUPPORT))

    assert client.get(reverse("tax_report")).status_code == 403
