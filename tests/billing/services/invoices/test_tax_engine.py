"""A tax engine over HTTP: asked outside of transactions; while it does not answer, drafts wait."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest
from django.db import IntegrityError, transaction
from django.test import Client, override_settings
from django.urls import reverse
from pytest_django import Settings

from billing.domain.tax_engine import Sale, TaxEngine
from billing.domain.totals import Totals
from billing.errors import TaxAwaited
from billing.gateways.tax_service import tax_engine
from billing.models import Invoice
from billing.services.invoices.draft_edits import add_draft_line
from billing.services.invoices.draft_review import finalize_invoice
from billing.services.invoices.invoicing import preview_next_invoice
from billing.services.invoices.one_off import ChargeLine
from billing.services.invoices.renewal import draft_invoice, run_billing
from billing.services.invoices.taxing import ask_again, tax_draft, tax_waiting
from finance.services.posting import post_documents
from subscriptions.models import Subscription
from tests.factories.accounts import make_user
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    published_version,
    recurring,
    subscription_since,
)
from tests.factories.tax import sales_tax
from tests.http_receiver import Receiver
from tests.shared_world import shared_world
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
D = Decimal


def billed(**terms: Any) -> Subscription:
    """A subscription whose period has just been billed."""
    version = published_version(recurring("100.00"), at=JAN_1, **terms)
    customer = make_customer(region="TX", postal_code="73301", city="Austin")
    subscription = subscription_since(JAN_1, customer=customer, version=version)
    run_billing(at=FEB_1)
    return subscription


@override_settings(TAX_ENGINE_URL="http://127.0.0.1:1/", TAX_ENGINE_KEY="secret")
def arrange() -> Subscription:
    """The run asks nobody, so that nobody has to be there."""
    return billed()


drafted = shared_world(arrange)


def state_of(invoice: Invoice) -> tuple[str, str | None, Decimal, bool]:
    invoice.refresh_from_db()
    return invoice.state, invoice.number, invoice.total.amount, invoice.awaits_tax


@pytest.mark.usefixtures("drafted")
def test_the_run_asks_nobody_and_the_draft_is_issued_with_the_answer(engine: Receiver) -> None:
    invoice = Invoice.objects.get()
    assert (state_of(invoice), engine.requests) == (("draft", None, D(100), True), [])

    assert tax_waiting(at=FEB_1) == 1

    assert state_of(invoice) == ("open", "INV-000001", D("108.25"), False)
    (line,) = invoice.lines.all()
    assert (line.tax_code, line.tax_amount.amount) == ("tx+austin", D("8.25"))
    assert [row["tax"] for row in invoice.tax_breakdown] == ["6.25", "2.00"]
    asked = json.loads(engine.requests[0].body)
    assert (asked["key"], asked["date"]) == (str(invoice.pk), "2026-02-01")
    assert asked["customer"]["postal_code"] == "73301"
    assert engine.requests[0].headers["Authorization"] == "Bearer secret"


def test_a_price_with_tax_keeps_its_amount(engine: Receiver) -> None:
    billed(includes_tax=True)

    tax_waiting(at=FEB_1)

    invoice = Invoice.objects.get()
    amounts = (invoice.subtotal.amount, invoice.tax.amount, invoice.total.amount)
    assert amounts == (D("92.38"), D("7.62"), D("100.00"))


@pytest.mark.usefixtures("drafted")
@pytest.mark.parametrize("fault", [500, 400, 429, "hang", "reset", "redirect"])
def test_while_no_answer_comes_the_draft_waits(engine: Receiver, fault: int | str) -> None:
    invoice = Invoice.objects.get()
    engine.faults = [fault]

    assert tax_waiting(at=FEB_1) == 0

    assert state_of(invoice) == ("draft", None, D(100), True)
    assert (invoice.tax_tries, invoice.tax_next_at) == (1, FEB_1 + MINUTE)
    assert invoice.tax_error
    assert tax_waiting(at=FEB_1) == 0
    assert len(engine.requests) == 1
    assert tax_waiting(at=FEB_1 + MINUTE) == 1
    assert state_of(invoice)[0] == "open"


def replaced(field: str, value: object) -> Callable[[bytes], bytes]:
    def answer(body: bytes) -> bytes:
        lines = json.loads(sales_tax(body))["lines"]
        lines[0][field] = value
        return json.dumps({"lines": lines}).encode()

    return answer


def taxed(tax: str) -> Callable[[bytes], bytes]:
    return replaced("taxes", [{"code": "x", "name": "X", "percentage": "8", "tax": tax}])


WRONG: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "a list": lambda _: b"[]",
    "no lines": lambda _: b'{"lines": []}',
    "another net": replaced("net", "99.99"),
    "no number": replaced("net", "NaN"),
    "no net": replaced("net", None),
    "no taxes": replaced("taxes", []),
    "not payable": taxed("8.001"),
    "below nothing": taxed("-200"),
    "no end": taxed("Infinity"),
}


@pytest.mark.usefixtures("drafted")
def test_a_wrong_answer_is_never_issued(engine: Receiver) -> None:
    invoice, at = Invoice.objects.get(), FEB_1
    for what, answer in WRONG.items():
        engine.answer = answer

        assert tax_waiting(at=at) == 0, what

        assert state_of(invoice) == ("draft", None, D(100), True), what
        assert invoice.tax_next_at is not None
        at = invoice.tax_next_at

    assert len(engine.requests) == len(WRONG)
    engine.answer = taxed("8.00")
    assert tax_waiting(at=at) == 1


@pytest.mark.usefixtures("drafted")
def test_waits_grow_to_an_hour_and_a_person_may_cut_one_short(engine: Receiver) -> None:
    invoice = Invoice.objects.get()
    engine.faults = [500] * 20
    at, waits = FEB_1, []
    for _ in range(8):
        tax_waiting(at=at)
        invoice.refresh_from_db()
        assert invoice.tax_next_at is not None
        waits.append(int((invoice.tax_next_at - at) / MINUTE))
        at = invoice.tax_next_at
    engine.faults = []

    ask_again(invoice=invoice, at=FEB_1)

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert tax_waiting(at=FEB_1) == 1


def test_a_draft_for_review_gets_its_tax_and_stays_a_draft(engine: Receiver) -> None:
    version = published_version(recurring("100.00"), at=JAN_1)
    subscription = subscription_since(JAN_1, version=version)
    invoice = draft_invoice(subscription=subscription, at=FEB_1)
    assert invoice is not None
    with pytest.raises(TaxAwaited):
        finalize_invoice(invoice=invoice, at=FEB_1)

    tax_waiting(at=FEB_1)

    assert state_of(invoice) == ("draft", None, D("108.25"), False)
    assert finalize_invoice(invoice=invoice, at=FEB_1).number == "INV-000001"


def test_an_answer_about_other_lines_is_not_taken(engine: Receiver, settings: Settings) -> None:
    settings.INVOICE_REVIEW_DAYS = 3
    billed()
    draft = Invoice.objects.get()
    known = cast(TaxEngine, tax_engine())

    class Slow:
        """Answers when somebody has changed the draft meanwhile."""

        def tax(self, sale: Sale) -> Totals:
            answer = known.tax(sale)
            line = ChargeLine(description="More", quantity=D(1), unit_price=D("50.00"))
            add_draft_line(invoice=draft, line=line, reason="Late", actor=TEST_ACTOR, at=FEB_1)
            return answer

    assert not tax_draft(invoice_id=draft.pk, engine=Slow(), at=FEB_1)
    assert state_of(draft)[3]
    assert tax_waiting(at=FEB_1) == 1
    assert state_of(draft) == ("draft", None, D("162.37"), False)


@pytest.mark.usefixtures("drafted")
def test_postgresql_issues_nothing_without_its_tax(engine: Receiver) -> None:
    with pytest.raises(IntegrityError, match="invoice_issued_with_its_tax"), transaction.atomic():
        Invoice.objects.update(state="open", number="X", finalized_at=FEB_1)


@pytest.mark.usefixtures("drafted")
def test_the_books_take_it_once_it_is_issued(engine: Receiver) -> None:
    assert post_documents(at=FEB_1).total == 0

    tax_waiting(at=FEB_1)

    assert post_documents(at=FEB_1).total == 1


def test_a_preview_asks_nobody(engine: Receiver) -> None:
    subscription = billed()

    draft = preview_next_invoice(subscription=subscription)

    assert draft is not None
    assert (draft.totals.total.amount, draft.awaits_tax, engine.requests) == (D(100), True, [])


@pytest.mark.usefixtures("drafted")
def test_staff_see_what_waits_and_why(engine: Receiver, client: Client) -> None:
    engine.faults = [503]
    tax_waiting(at=FEB_1)
    invoice = Invoice.objects.get()
    client.force_login(make_user(Role.FINANCE))

    page = client.get(reverse("tax_waiting_list")).content.decode()
    detail = client.get(reverse("invoice_detail", args=[invoice.pk])).content.decode()
    client.post(reverse("tax_waiting_again", args=[invoice.pk]))

    assert "it answered 503" in page
    assert invoice.customer.name in page
    assert "waits for the tax engine" in detail
    invoice.refresh_from_db()
    assert invoice.tax_next_at is not None
    assert invoice.tax_next_at > FEB_1 + MINUTE
