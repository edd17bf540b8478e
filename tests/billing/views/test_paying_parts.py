"""Paying a part in the portal and by a link: typed, taken on the page, and the rest stays due."""

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import Invoice, Payment
from billing.services.payments.checkout import close_payment_page
from billing.services.payments.collection import collect_due
from billing.services.payments.pay_links import make_fix_link
from finance.domain.chart import RECEIVABLE
from finance.queries import account_balances
from finance.services.posting import post_documents
from subscriptions.models import Customer
from tests.factories.subscriptions import TEST_ACTOR, make_customer, make_member
from tests.paypal_world import PayPalWorld
from tests.stripe_world import (
    NOW,
    TOKENS,
    StripeWorld,
    customer_with_card,
    customer_with_token,
    invoice_of,
)
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
PAGE = {"way": "page-stripe", "due": "99.00"}


def member_of(customer: Customer) -> Client:
    client = Client()
    client.force_login(make_member(customer).user)
    return client


def pay_address(invoice: Invoice) -> str:
    return reverse("portal_pay", args=[invoice.number])


def owed_by_the_books() -> int:
    """In cents, after everything so far was posted; the books balance."""
    post_documents(at=now())
    balances = account_balances(on=now().date(), currency="USD")
    assert sum(row.balance_minor for row in balances) == 0
    return sum(row.balance_minor for row in balances if row.account.code == RECEIVABLE)


def look(client: Client, invoice: Invoice) -> str:
    return client.get(reverse("portal_invoice", args=[invoice.number])).content.decode()


def test_a_part_is_paid_on_the_page_and_the_rest_stays_due(stripe: StripeWorld) -> None:
    invoice = invoice_of(make_customer())
    client = member_of(invoice.customer)
    assert 'name="amount" id="pay-amount" value="99.00"' in look(client, invoice)

    page = client.post(pay_address(invoice), {**PAGE, "amount": "40", "save": "yes"})["Location"]
    stripe.pay_on_page(page)
    back = client.get(reverse("portal_payment", args=[Payment.objects.get().pk]))

    invoice.refresh_from_db()
    assert stripe.charged(invoice) == [4000]
    assert (invoice.amount_paid, invoice.state) == (Money("40.00", "USD"), "open")
    assert "<dt>Still due</dt><dd>$59.00</dd>" in back.content.decode()
    text = look(client, invoice)
    assert "Part paid" in text
    assert 'value="59.00"' in text
    assert invoice.customer.payment_methods.get().is_default
    assert collect_due(at=now()).attempts == 0  # nothing had been planned


def test_the_rest_is_paid_by_the_stored_card_in_another_part(stripe: StripeWorld) -> None:
    customer = customer_with_card(stripe)
    invoice, client = invoice_of(customer), member_of(customer)
    way = f"method-{customer.payment_methods.get().pk}"

    for _ in range(2):  # as by a double click: it is paid once
        client.post(pay_address(invoice), {"way": way, "due": "99.00", "amount": "40.00"})
    assert owed_by_the_books() == 5900
    client.post(pay_address(invoice), {"way": way, "due": "59.00", "amount": "59.00"})
    assert owed_by_the_books() == 0

    invoice.refresh_from_db()
    assert (invoice.state, sorted(stripe.charged(invoice))) == ("paid", [4000, 5900])


@pytest.mark.parametrize(
    ("amount", "why"),
    [("100", "at most 99.00"), ("0.10", "at least 0.50"), ("all", "type it like 99.00")],
)
def test_what_cannot_be_paid_is_told_and_opens_nothing(
    stripe: StripeWorld, amount: str, why: str
) -> None:
    invoice = invoice_of(make_customer())
    client = member_of(invoice.customer)

    answer = client.post(pay_address(invoice), {**PAGE, "amount": amount}, follow=True)

    assert why in answer.content.decode()
    assert not Payment.objects.exists()


def test_another_amount_closes_the_page_that_is_open(stripe: StripeWorld) -> None:
    invoice = invoice_of(make_customer())
    client = member_of(invoice.customer)
    whole = client.post(pay_address(invoice), PAGE)["Location"]

    part = client.post(pay_address(invoice), {**PAGE, "amount": "40"})["Location"]
    again = client.post(pay_address(invoice), {**PAGE, "amount": "40"})["Location"]

    assert (part != whole, part) == (True, again)
    states = Payment.objects.order_by("created_at", "id").values_list("amount", "state")
    assert [(int(amount), state) for amount, state in states] == [
        (99, "canceled"),
        (40, "requires_action"),
    ]


def test_a_part_by_link(stripe: StripeWorld) -> None:
    invoice = invoice_of(make_customer())
    link = make_fix_link(invoice=invoice, actor=TEST_ACTOR, at=now())
    path, visitor = "/" + link.address.split("/", 3)[3], Client()

    refused = visitor.post(f"{path}payment/", {"amount": "1000", "due": "99.00"}, follow=True)
    gone = visitor.post(f"{path}payment/", {"amount": "40", "due": "99.00"})
    stripe.pay_on_page(gone["Location"])
    back = visitor.get(f"/portal/payments/{Payment.objects.get().pk}/").content.decode()

    assert "at most 99.00" in refused.content.decode()
    assert "<dt>Still due</dt><dd>$59.00</dd>" in back
    assert 'value="59.00"' in visitor.get(path).content.decode()
    assert stripe.charged(invoice) == [4000]


def test_a_part_whose_page_was_left_changes_no_plan(stripe: StripeWorld) -> None:
    customer = customer_with_token(TOKENS["funds"])
    invoice = invoice_of(customer)
    collect_due(at=NOW)
    planned = Payment.objects.get().next_attempt_at
    assert planned is not None
    member_of(customer).post(pay_address(invoice), {**PAGE, "amount": "40"})

    close_payment_page(invoice=invoice, actor=TEST_ACTOR, at=now())

    waiting = Payment.objects.live().get()
    assert (waiting.state, waiting.next_attempt_at) == ("open", planned)


def test_where_a_page_cannot_be_closed_no_other_amount_is_opened(paypal: PayPalWorld) -> None:
    invoice = invoice_of(make_customer())
    client = member_of(invoice.customer)
    whole = client.post(pay_address(invoice), {"way": "page-paypal"})
    assert whole.status_code == 303

    part = {"way": "page-paypal", "due": "99.00", "amount": "40"}
    refused = client.post(pay_address(invoice), part, follow=True).content.decode()

    assert "is open and cannot be closed" in refused
    assert int(Payment.objects.get().amount.amount) == 99
