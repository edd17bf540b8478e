"""The sums above a list lead to exactly the rows that they are made of."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client

from billing.models import BillingRun, Invoice, Payment, PaymentAttempt
from billing.services.invoices.invoicing import mark_uncollectible
from billing.services.invoices.renewal import run_billing
from tests.factories.accounts import make_user
from tests.factories.billing import one_off_invoice, open_invoice
from tests.factories.subscriptions import JAN_1, make_customer
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.web.middleware import ZONE_COOKIE

pytestmark = pytest.mark.django_db
EVENING = JAN_1 + timedelta(days=4, hours=23)


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(make_user())
    return client


def rows(client: Client, path: str) -> list[object]:
    return [row.pk for row in client.get(path).context["page"]]


def lines(client: Client, path: str) -> list[list[str]]:
    """The rows of a CSV file."""
    content = b"".join(client.get(path).streaming_content).decode()  # type: ignore[attr-defined]
    return [line.split(",") for line in content.strip().splitlines()[1:]]


def make_payment(
    invoice: Invoice, state: str, *, refunded: str = "0", fee: str | None = None
) -> Payment:
    payment = Payment.objects.create(
        id=uuid7(),
        customer=invoice.customer,
        invoice=invoice,
        currency=invoice.currency,
        amount="99.00",
        amount_refunded=refunded,
        state=state,
        purpose="off_session",
        idempotency_key=str(uuid7()),
        created_at=EVENING,
    )
    PaymentAttempt.objects.create(
        id=uuid7(),
        payment=payment,
        sequence=1,
        gateway="stripe",
        channel="stored_method",
        state="succeeded" if state == "paid" else "declined",
        idempotency_key=str(uuid7()),
        currency=invoice.currency,
        fee=fee,
        dispatched_at=EVENING,
    )
    return payment


def test_the_sums_of_payments_lead_to_their_payments(client: Client) -> None:
    invoices = [one_off_invoice() for _ in range(3)]
    other = one_off_invoice(customer=make_customer(currency="EUR"))
    paid = make_payment(invoices[0], "paid", fee="3.17")
    given_back = make_payment(invoices[1], "paid", refunded="20.00")
    waiting = make_payment(invoices[2], "open")
    in_euro = make_payment(other, "open")

    assert rows(client, "/payments/?state=to_come&currency=USD") == [waiting.pk]
    assert rows(client, "/payments/?state=to_come&currency=EUR") == [in_euro.pk]
    assert rows(client, "/payments/?state=refunded&currency=USD") == [given_back.pk]
    assert rows(client, "/payments/?state=with_fee&currency=USD") == [paid.pk]
    assert set(rows(client, "/payments/?state=paid")) == {paid.pk, given_back.pk}
    text = client.get("/payments/").content.decode()
    for state in ("paid", "to_come", "refunded", "with_fee"):
        assert f'href="?state={state}&amp;currency=USD" class="stat"' in text


def test_the_sums_of_invoices_lead_to_their_invoices(client: Client) -> None:
    owed, given_up, paid = (one_off_invoice() for _ in range(3))
    mark_uncollectible(invoice=given_up, at=JAN_1)
    Invoice.objects.filter(pk=paid.pk).update(state="paid", amount_paid=Decimal("99.00"))

    found = rows(client, "/invoices/?state=owed&currency=USD")

    assert set(found) == {owed.pk, given_up.pk}
    assert rows(client, "/invoices/?currency=EUR") == []


def test_a_customers_invoices_are_only_theirs(client: Client) -> None:
    mine = one_off_invoice()
    one_off_invoice()

    assert rows(client, f"/invoices/?customer={mine.customer_id}") == [mine.pk]


def test_a_billing_runs_invoices_are_those_that_it_issued(client: Client) -> None:
    open_invoice()
    run = run_billing(at=JAN_1 + timedelta(days=31))
    open_invoice(JAN_1 + timedelta(days=32))

    found = rows(client, f"/invoices/?run={run.pk}")

    assert len(found) == BillingRun.objects.get().invoice_count == 1


def test_files_count_days_as_their_pages_do(client: Client) -> None:
    """23:00 UTC on the fifth is already the sixth in Berlin."""
    invoice = one_off_invoice(EVENING)
    make_payment(invoice, "open")
    client.cookies[ZONE_COOKIE] = "Europe/Berlin"

    for path in ("/invoices", "/payments"):
        for day, count in (("2026-01-05", 0), ("2026-01-06", 1)):
            query = f"?start={day}&end={day}"
            assert len(rows(client, f"{path}/{query}")) == count
            assert len(lines(client, f"{path}.csv{query}")) == count
    (row,) = lines(client, "/invoices.csv")
    assert row[3] == "2026-01-06"
    (row,) = lines(client, "/payments.csv")
    assert row[1] == "2026-01-06"


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "not-a-day"])
def test_absurd_days_find_something_or_nothing_but_never_fail(client: Client, day: str) -> None:
    for path in ("/invoices/", "/payments/", "/invoices.csv", "/payments.csv"):
        client.cookies[ZONE_COOKIE] = "Pacific/Kiritimati"
        answer = client.get(f"{path}?start={day}&end={day}")
        assert answer.status_code == 200
        if answer.streaming:
            b"".join(answer.streaming_content)  # type: ignore[attr-defined]


def test_what_was_charged_back_leads_to_its_payments(client: Client) -> None:
    lost = make_payment(one_off_invoice(JAN_1), "paid")
    make_payment(one_off_invoice(JAN_1), "paid")
    Payment.objects.filter(pk=lost.pk).update(amount_charged_back="99.00", contested="charged_back")

    (total,) = client.get("/payments/").context["sums"]

    assert (total.paid.amount, total.charged_back.amount) == (Decimal(198), Decimal(99))
    assert rows(client, "/payments/?state=charged_back") == [lost.pk]
