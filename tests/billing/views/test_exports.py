"""Staff take everything with them: CSV and JSON lines of documents, payments, subscriptions."""

import csv
import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.services.credit.credit_notes import issue_credit_note
from tests.factories.accounts import make_user
from tests.factories.billing import open_invoice
from tests.factories.lifecycle import begin, fee_of
from tests.factories.subscriptions import JAN_1, make_customer
from tests.finance.services.test_posting import pay
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db


def text_of(response: Any) -> str:
    chunks: Iterator[bytes] = response.streaming_content
    return b"".join(chunks).decode()


@pytest.fixture
def finance(client: Client) -> Client:
    client.force_login(make_user(Role.FINANCE))
    return client


def test_both_forms_say_the_same(finance: Client) -> None:
    pay(open_invoice(customer=make_customer(name="Acme")))

    for name, column, value in (
        ("invoices", "number", "INV-000001"),
        ("invoice-lines", "invoice", "INV-000001"),
        ("payments", "invoice", "INV-000001"),
        ("customers", "name", "Acme"),
    ):
        in_csv = text_of(finance.get(f"/exports/{name}.csv"))
        in_json = text_of(finance.get(f"/exports/{name}.jsonl"))

        (row,) = csv.DictReader(StringIO(in_csv.removeprefix("\ufeff")))
        body = json.loads(in_json)
        assert row[column] == body[column] == value
        assert list(row) == list(body)
        assert {key: text or None for key, text in row.items()} == {
            key: None if found in {None, ""} else str(found) for key, found in body.items()
        }


def test_subscriptions_and_credit_notes_are_written_out_too(finance: Client) -> None:
    begun = begin(fee_of("31.00", code="basic"), "2026-01-05")
    issue_credit_note(invoice=begun.invoices.get(), reason="sorry", idempotency_key="k", at=JAN_1)

    subscription = json.loads(text_of(finance.get("/exports/subscriptions.jsonl")))
    note = json.loads(text_of(finance.get("/exports/credit-notes.jsonl")))

    assert (subscription["reference"], subscription["plan"]) == (begun.reference, "basic")
    assert subscription["period_end"] == "2026-02-05T00:00:00+00:00"
    assert (note["total"], note["to_invoice"], note["reason"]) == ("31.0000", "31.0000", "sorry")


def test_amounts_keep_every_digit(finance: Client) -> None:
    open_invoice()

    body = json.loads(text_of(finance.get("/exports/invoices.jsonl")))

    assert body["total"] == "99.0000"


def test_only_the_days_that_are_asked_for(finance: Client) -> None:
    open_invoice()

    there = text_of(finance.get("/exports/invoices.jsonl?start=2026-01-01&end=2026-01-01"))
    later = text_of(finance.get("/exports/invoices.jsonl?start=2026-01-02"))

    assert there
    assert later == ""
    assert finance.get("/exports/invoices.csv?start=2026-02-01&end=2026-01-01").status_code == 404


def test_a_name_cannot_run_in_a_spreadsheet(finance: Client) -> None:
    make_customer(name="=HYPERLINK(1)")

    assert "'=HYPERLINK(1)" in text_of(finance.get("/exports/customers.csv"))


def test_many_rows_take_as_many_queries_as_one(finance: Client) -> None:
    counts = []
    for more in (1, 5):
        for _ in range(more):
            open_invoice(JAN_1)
        with CaptureQueriesContext(connection) as queries:
            text_of(finance.get("/exports/invoice-lines.csv"))
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_what_is_not_there_is_not_found_and_customers_get_nothing(client: Client) -> None:
    client.force_login(make_user(Role.FINANCE))
    assert client.get("/exports/secrets.csv").status_code == 404
    assert client.get("/exports/invoices.xml").status_code == 404
    client.force_login(make_user(Role.CUSTOMER))
    assert client.get("/exports/invoices.csv").status_code == 403


def test_the_page_leads_to_every_file(finance: Client) -> None:
    page = finance.get("/exports/?start=2026-01-01").content.decode()

    for name in ("invoices", "invoice-lines", "payments", "customers"):
        assert f"/exports/{name}.csv?start=2026-01-01" in page
