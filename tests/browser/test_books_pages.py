"""The pages of the books, as a person in finance reads them."""

import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from billing.services.credit.credit_notes import issue_credit_note
from billing.services.invoices.invoicing import mark_uncollectible, void_invoice
from finance.models import JournalEntry
from finance.services.posting import post_documents
from tests.browser.reader import DESKTOP, PHONE, Reader
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import JAN_1, make_customer, published_version, recurring
from tests.finance.services.test_posting import pay, refund

PICTURES = os.environ.get("PICTURES", "")
LATER = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def booked(transactional_db: None) -> JournalEntry:
    """Invoices of every fate, and one that is not posted yet; gives the entry of a payment."""
    version = published_version(recurring())
    for _ in range(3):
        pay(open_invoice(version=version))
    invoice = open_invoice(version=version)
    attempt = pay(invoice)
    issue_credit_note(
        invoice=invoice, reason="outage", idempotency_key="k", at=JAN_1, amount=Decimal("40.00")
    )
    refund(attempt, "40.00")
    post_documents(at=LATER)
    void_invoice(invoice=open_invoice(version=version), at=JAN_1)
    mark_uncollectible(invoice=open_invoice(version=version), at=JAN_1)
    euro = published_version(recurring(), currency="EUR")
    open_invoice(customer=make_customer(currency="EUR"), version=euro)
    post_documents(at=LATER)
    open_invoice(version=version)
    return JournalEntry.objects.filter(kind="payment_captured")[0]


def test_the_books_are_a_pleasure_to_read(finance_reader: Reader, booked: JournalEntry) -> None:
    pages = {
        "journal": "/books/journal/",
        "journal-filtered": "/books/journal/?kind=gift&customer=nobody",
        "journal-empty": "/books/journal/?until=2025-01-01",
        "entry": f"/books/journal/{booked.pk}/",
        "trial-balance": "/books/trial-balance/?currency=USD",
        "accounts": "/books/accounts/",
        "ledger": "/books/accounts/1200/",
        "ledger-empty": "/books/accounts/1000/",
    }
    for name, path in pages.items():
        finance_reader.audit(path)
        _picture(finance_reader, name, path)


def test_a_balance_leads_down_to_its_document(finance_reader: Reader, booked: JournalEntry) -> None:
    page = finance_reader.open("/books/trial-balance/?currency=USD")

    page.get_by_role("row", name="1100 Gateway clearing").get_by_role("link").click()
    page.get_by_role("link", name="Payment of INV").first.click()
    page.get_by_role("definition").get_by_role("link", name="Payment of INV").click()

    assert "/payments/" in page.url or "/invoices/" in page.url


def _picture(reader: Reader, name: str, path: str) -> None:
    if not PICTURES:
        return
    for size in (DESKTOP, PHONE):
        reader.page.set_viewport_size(size)  # type: ignore[arg-type]
        reader.open(path)
        where = Path(PICTURES) / f"books-{name}-{size['width']}.png"
        reader.page.screenshot(path=where, full_page=True)
