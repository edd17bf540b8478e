"""The pages of the books, over documents that billing's services made."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.models import Invoice
from finance.models import JournalEntry
from finance.services.posting import post_documents
from tests.factories.accounts import make_user
from tests.factories.billing import open_invoice
from tests.factories.finance import make_entry, post_entry
from tests.factories.subscriptions import make_customer, published_version, recurring
from tests.finance.services.test_posting import pay
from tests.shared_world import shared_world
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.clock import moved_to
from tiktoktoe.kernel.ids import uuid7

pytestmark = pytest.mark.django_db

LATER = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _march() -> object:
    with moved_to(LATER):
        yield


@pytest.fixture
def books(client: Client) -> Client:
    client.force_login(make_user(Role.FINANCE))
    return client


def arrange() -> Invoice:
    invoice = open_invoice()
    pay(invoice)
    post_documents(at=LATER)
    return invoice


paid_invoice = shared_world(arrange)


def text(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


@pytest.mark.parametrize(
    "path", ["/books/journal/", "/books/journal.csv", "/books/trial-balance/", "/books/accounts/"]
)
@pytest.mark.parametrize("role", [Role.SUPPORT, Role.CUSTOMER])
def test_only_finance_may_open_the_books(client: Client, path: str, role: Role) -> None:
    client.force_login(make_user(role))

    assert client.get(path).status_code == 403


def test_a_stranger_is_sent_to_sign_in(client: Client) -> None:
    response = client.get("/books/journal/")

    assert response.status_code == 302
    assert response["Location"].startswith("/sign-in/")


def test_the_journal_lists_entries_with_their_documents(
    books: Client, paid_invoice: Invoice
) -> None:
    page = text(books, "/books/journal/")

    assert f"Invoice {paid_invoice.number}" in page
    assert f"Payment of {paid_invoice.number}" in page
    assert "$99.00" in page
    assert paid_invoice.customer.name in page
    assert "not in the books yet" not in page


def test_the_journal_says_what_is_not_posted_yet(books: Client) -> None:
    open_invoice()

    assert "1 final document is not in the books yet" in text(books, "/books/journal/")


def test_the_journal_can_be_filtered(books: Client, paid_invoice: Invoice) -> None:
    shown = {
        "kind=payment_captured": 1,
        "account=2200": 1,
        "account=1200": 2,
        "until=2025-12-31": 0,
        "since=2026-01-01&until=2026-01-01": 2,
        f"customer={paid_invoice.customer.external_id}": 2,
        f"document={paid_invoice.number}": 2,
        f"document={paid_invoice.pk}": 1,
    }

    for query, rows in shown.items():
        response = books.get(f"/books/journal/?{query}")

        assert len(response.context["rows"]) == rows, query


def test_the_journal_names_a_filter_that_makes_no_sense(books: Client) -> None:
    for query in ("customer=nobody", "document=INV-0", "since=soon", "kind=x"):
        assert "errorlist" in text(books, f"/books/journal/?{query}"), query


def test_the_journal_pages_show_each_entry_once(books: Client) -> None:
    for n in range(120):
        post_entry(make_entry(f"e{n}"))
    seen: list[UUID] = []
    path = "/books/journal/"
    while path:
        context = books.get(path).context
        seen += [item["row"].entry.pk for item in context["rows"]]
        path = f"/books/journal/?before={context['older']}" if context.get("older") else ""

    assert len(seen) == len(set(seen)) == 120


def test_the_journal_asks_as_often_for_many_entries_as_for_few(books: Client) -> None:
    version = published_version(recurring())

    def queries() -> int:
        post_documents(at=LATER)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            books.get("/books/journal/")
        return len(captured)

    open_invoice(version=version)
    few = queries()
    for _ in range(5):
        open_invoice(customer=make_customer(), version=version)

    assert queries() == few


def test_the_csv_has_one_line_for_each_posting(books: Client, paid_invoice: Invoice) -> None:
    response = books.get("/books/journal.csv?kind=invoice_finalized")
    lines = b"".join(response).decode("utf-8-sig").splitlines()

    assert len(lines) == 3
    assert lines[0].startswith("day,entry,kind,description,account")
    assert ",1200,Accounts receivable,USD,99.00,," in lines[1]
    assert ",2200,Contract liability (deferred revenue),USD,,99.00," in lines[2]


def test_an_entry_shows_debits_credits_and_its_document(
    books: Client, paid_invoice: Invoice
) -> None:
    entry = JournalEntry.objects.get(kind="payment_captured")

    page = text(books, f"/books/journal/{entry.pk}/")

    assert "1100 Gateway clearing" in page
    assert "$3.17" in page
    assert f"payment:{entry.source_id}:captured:v1" in page
    assert "?currency=USD" in page


def test_an_entry_that_does_not_exist_is_not_found(books: Client) -> None:
    assert books.get(f"/books/journal/{uuid7()}/").status_code == 404


def test_a_document_leads_to_its_entry(books: Client, paid_invoice: Invoice) -> None:
    entry = JournalEntry.objects.get(source_id=paid_invoice.pk)

    assert books.get(f"/books/documents/{paid_invoice.pk}/")["Location"] == (
        f"/books/journal/{entry.pk}/"
    )
    assert books.get(f"/books/documents/{uuid7()}/").status_code == 404


def test_the_trial_balance_sums_to_zero_and_links_each_figure(
    books: Client, paid_invoice: Invoice
) -> None:
    page = text(books, "/books/trial-balance/?on=2026-03-01&currency=USD")

    assert "Balanced" in page
    assert "/books/accounts/2200/?currency=USD&amp;until=2026-03-01" in page
    assert page.count("$99.00") == 3  # the deferred revenue, and both sums


def test_the_trial_balance_is_as_of_its_day(books: Client, paid_invoice: Invoice) -> None:
    response = books.get("/books/trial-balance/?on=2025-12-31")

    assert response.context["balance"].rows == []


def test_the_accounts_show_revenue_as_positive(books: Client, paid_invoice: Invoice) -> None:
    page = text(books, "/books/accounts/")

    assert "2200 Contract liability (deferred revenue)" in page
    assert "\u2212" not in page


def test_an_account_s_ledger_runs_to_its_balance(books: Client, paid_invoice: Invoice) -> None:
    ledger = books.get("/books/accounts/1100/").context["ledger"]

    assert [line.balance_minor for line in ledger.lines] == [95_83, 99_00]
    assert (ledger.opening_minor, ledger.closing_minor) == (0, 95_83)


def test_an_account_s_ledger_carries_the_balance_over_pages(books: Client) -> None:
    for n in range(60):
        post_entry(make_entry(f"e{n}", amount_minor=100))
    first = books.get("/books/accounts/1100/").context
    second = books.get(f"/books/accounts/1100/?before={first['older']}").context

    assert first["ledger"].closing_minor == 60_00
    assert first["ledger"].opening_minor == second["ledger"].closing_minor == 10_00
    assert second["ledger"].opening_minor == 0
    assert not second.get("older")


def test_an_account_without_postings_says_so(books: Client) -> None:
    assert "Nothing posted" in text(books, "/books/accounts/1000/")
    assert books.get("/books/accounts/9999/").status_code == 404
