"""A customer's file of everything: complete, made once, kept for a short time."""

import csv
import json
from datetime import timedelta
from io import BytesIO, StringIO
from zipfile import ZipFile

import pytest
from django.db import IntegrityError, transaction

from billing.models import CustomerDownload, Invoice
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.documents.downloads import (
    AGAIN_AFTER,
    KEPT_FOR,
    forget_downloads,
    is_small,
    make_download,
    make_waiting_downloads,
    request_download,
)
from subscriptions.models import Customer
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import JAN_1, make_customer, make_member
from tests.factories.usage import use
from tests.finance.services.test_posting import pay
from tiktoktoe.accounts.models import User

pytestmark = pytest.mark.django_db
JAN_9 = JAN_1 + timedelta(days=8)


def person_of(customer: Customer) -> User:
    return make_member(customer).user


def rows(archive: ZipFile, name: str) -> list[list[str]]:
    return list(csv.reader(StringIO(archive.read(name).decode())))


def test_the_file_has_every_document_payment_and_day_of_usage() -> None:
    customer = make_customer(name="=Acme", external_id="acme")
    user = person_of(customer)
    invoice = open_invoice(JAN_1, customer=customer)
    use(customer, 40, JAN_9)
    use(customer, 2, JAN_9 + timedelta(hours=1))
    pay(invoice, at=JAN_9)
    note = issue_credit_note(invoice=invoice, reason="Outage", idempotency_key="n", at=JAN_9)
    open_invoice(JAN_1, customer=make_customer())

    download = request_download(customer=customer, user=user, at=JAN_9)
    download = make_download(download=download, at=JAN_9)

    assert (download.state, download.expires_at) == ("ready", JAN_9 + KEPT_FOR)
    assert download.file is not None
    archive = ZipFile(BytesIO(bytes(download.file)))
    assert sorted(archive.namelist()) == [
        f"credit-notes/{note.number}.pdf",
        "invoices.csv",
        f"invoices/{invoice.number}.pdf",
        "payments.csv",
        "profile.json",
        "usage.csv",
    ]
    assert archive.read(f"invoices/{invoice.number}.pdf").startswith(b"%PDF")
    assert rows(archive, "payments.csv")[1:] == [
        ["2026-01-09", str(invoice.number), "payment", "USD", "99.0000", ""]
    ]
    assert rows(archive, "usage.csv")[1:] == [["2026-01-09", "api_calls", "call", "2", "42"]]
    profile = json.loads(archive.read("profile.json"))
    assert profile["customer"]["name"] == "=Acme"
    assert profile["people"] == [user.email]
    assert download.file_bytes == len(bytes(download.file))


def test_asking_again_while_it_is_made_gives_the_same_one_and_making_again_nothing() -> None:
    customer = make_customer()
    user = person_of(customer)

    first = request_download(customer=customer, user=user, at=JAN_1)
    assert request_download(customer=customer, user=user, at=JAN_9) == first
    made = make_download(download=first, at=JAN_1)
    again = make_download(download=first, at=JAN_9)

    assert (made.ready_at, again.ready_at) == (JAN_1, JAN_1)
    assert request_download(customer=customer, user=user, at=JAN_9) != first


def test_what_somebody_died_over_is_made_by_the_task_after_a_while() -> None:
    customer = make_customer()
    download = request_download(customer=customer, user=person_of(customer), at=JAN_1)
    CustomerDownload.objects.update(state="making", claimed_at=JAN_1)

    assert make_waiting_downloads(at=JAN_1 + AGAIN_AFTER / 2) == 0
    assert make_waiting_downloads(at=JAN_1 + AGAIN_AFTER) == 1

    download.refresh_from_db()
    assert download.state == "ready"


def test_one_that_cannot_be_made_says_so_and_others_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken, fine = make_customer(), make_customer()
    open_invoice(JAN_1, customer=broken)
    first = request_download(customer=broken, user=person_of(broken), at=JAN_1)
    second = request_download(customer=fine, user=person_of(fine), at=JAN_1)

    def fail(*, invoice: Invoice) -> bytes:
        raise ValueError("no font")

    monkeypatch.setattr("billing.services.documents.download_files.invoice_pdf", fail)

    assert make_waiting_downloads(at=JAN_9) == 2
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("failed", "ready")


def test_a_file_is_forgotten_after_its_time_by_the_database_too() -> None:
    customer = make_customer()
    download = request_download(customer=customer, user=person_of(customer), at=JAN_1)
    make_download(download=download, at=JAN_1)

    assert forget_downloads(at=JAN_1 + KEPT_FOR - timedelta(seconds=1)) == 0
    assert forget_downloads(at=JAN_1 + KEPT_FOR) == 1

    download.refresh_from_db()
    assert (download.state, download.file) == ("gone", None)
    with pytest.raises(IntegrityError, match="while_it_is_ready"), transaction.atomic():
        CustomerDownload.objects.update(file=b"zip")


def test_more_documents_than_a_page_waits_for_are_left_to_the_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    customer = make_customer()
    assert is_small(customer)

    open_invoice(JAN_1, customer=customer)
    monkeypatch.setattr("billing.services.documents.downloads.SMALL", 0)

    assert not is_small(customer)
