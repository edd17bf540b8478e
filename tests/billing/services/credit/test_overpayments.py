"""What was paid too much becomes credit; what was paid in part leaves the rest to be dunned."""

from datetime import datetime

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from billing.domain.attempts import Answer
from billing.domain.part_amounts import Part
from billing.errors import CreditInvalid, NothingOverpaid, RefundExceedsPayment
from billing.gateways.base import Outcome
from billing.models import CreditEntry, DunningRun, Invoice, Payment, PaymentEvent
from billing.queries.credit_balance import credit_of
from billing.queries.statements import statement_of
from billing.services.credit.overpayments import credit_overpayment
from billing.services.dunning.runs import run_dunning
from billing.services.payments.channels import Channel
from billing.services.payments.charging import open_attempt
from billing.services.payments.refunds import open_refunds, settle_refund
from billing.services.payments.settling import settle_attempt
from finance.models import Posting
from finance.services.posting import post_documents
from tests.factories.accounts import make_user
from tests.factories.billing import open_invoice
from tests.factories.dunning import campaign_in_force
from tests.factories.subscriptions import make_customer
from tests.shared_world import shared_world
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db


def usd(text: str) -> Money:
    return Money(text, "USD")


def pay(invoice: Invoice, amount: str, *, at: datetime = NOW) -> None:
    """A payment that is on its way when something else changes what is owed."""
    attempt = open_attempt(
        invoice=invoice,
        channel=Channel.HOSTED_PAGE,
        gateway="stripe",
        part=Part(amount=usd(amount), of=invoice.amount_due),
        actor=PERSON,
        at=at,
    )
    paid = Outcome(answer=Answer.SUCCEEDED, reference=f"r{attempt.pk}", amount=usd(amount))
    settle_attempt(attempt=attempt, outcome=paid, actor=PERSON, at=at)


def overpaid() -> Invoice:
    """An invoice of 99.00: paid, refunded, paid again, and then the bank sent the refund back."""
    invoice = invoice_of(make_customer())
    pay(invoice, "99.00")
    (refund,) = open_refunds(
        payment=Payment.objects.get(),
        amount=usd("99.00"),
        reason="a mistake",
        actor=PERSON,
        idempotency_key="k",
        at=NOW,
    )
    settle_refund(refund=refund, outcome=Outcome(answer=Answer.SUCCEEDED), actor=PERSON, at=NOW)
    pay(Invoice.objects.get(), "99.00", at=later(days=1))
    settle_refund(
        refund=refund, outcome=Outcome(answer=Answer.DECLINED), actor=PERSON, at=later(days=2)
    )
    return Invoice.objects.get()


invoice = shared_world(overpaid)


def test_an_overpayment_becomes_credit_that_pays_the_next_invoice(invoice: Invoice) -> None:
    assert invoice.amount_overpaid == usd("99.00")

    (entry,) = credit_overpayment(
        invoice=invoice, reason="they asked", amount=usd("30.00"), actor=PERSON, at=later(days=3)
    )
    (rest,) = credit_overpayment(invoice=invoice, reason="the rest", actor=PERSON, at=later(days=4))

    invoice.refresh_from_db()
    assert (entry.amount, rest.amount) == (usd("30.00"), usd("69.00"))
    assert (invoice.state, invoice.amount_overpaid, invoice.amount_due) == (
        "paid",
        usd("0.00"),
        usd("0.00"),
    )
    assert credit_of(invoice.customer_id, "USD") == usd("99.00")
    assert PaymentEvent.objects.filter(event="overpayment_credited").count() == 2


def test_it_cannot_be_moved_or_refunded_twice(invoice: Invoice) -> None:
    credit_overpayment(invoice=invoice, reason="they asked", actor=PERSON, at=later(days=3))
    newest = Payment.objects.order_by("-paid_at")[0]

    with pytest.raises(NothingOverpaid):
        credit_overpayment(invoice=invoice, reason="again", actor=PERSON, at=later(days=4))
    with pytest.raises(RefundExceedsPayment):
        open_refunds(
            payment=newest,
            amount=usd("0.01"),
            reason="again",
            actor=PERSON,
            idempotency_key="k2",
            at=later(days=4),
        )
    assert credit_of(invoice.customer_id, "USD") == usd("99.00")


def test_more_than_was_overpaid_or_no_reason_is_refused_and_changes_nothing(
    invoice: Invoice,
) -> None:
    with pytest.raises(NothingOverpaid, match="99"):
        credit_overpayment(
            invoice=invoice, reason="x", amount=usd("99.01"), actor=PERSON, at=later(days=3)
        )
    with pytest.raises(CreditInvalid, match="say why"):
        credit_overpayment(invoice=invoice, reason=" ", actor=PERSON, at=later(days=3))

    assert not CreditEntry.objects.exists()
    assert Invoice.objects.get().amount_overpaid == usd("99.00")


def test_the_books_owe_it_to_the_customer_and_the_statement_agrees(invoice: Invoice) -> None:
    credit_overpayment(invoice=invoice, reason="they asked", actor=PERSON, at=later(days=3))

    post_documents(at=later(days=4))

    entry = Posting.objects.filter(entry__kind="credit_overpaid")
    assert {(p.account.code, p.amount_minor) for p in entry} == {("1200", 9900), ("2300", -9900)}
    owed = Posting.objects.filter(account__code="1200")
    assert sum(p.amount_minor for p in owed) == 0
    statement = statement_of(invoice.customer, "USD", start=NOW, end=later(days=9))
    assert statement.closing == usd("0.00")


def test_the_database_wants_the_payment_of_an_overpayment(invoice: Invoice) -> None:
    (entry,) = credit_overpayment(invoice=invoice, reason="x", actor=PERSON, at=later(days=3))
    entry.pk, entry.idempotency_key, entry.payment = uuid7(), "other", None

    with pytest.raises(IntegrityError, match="names_its_payment"), transaction.atomic():
        entry.save(force_insert=True)


def test_finance_moves_it_on_the_invoices_page(client: Client, invoice: Invoice) -> None:
    client.force_login(make_user(role=Role.FINANCE))

    page = client.get(f"/invoices/{invoice.number}/")
    client.post(f"/invoices/{invoice.number}/overpayment/", {"reason": "they asked"})

    assert "Overpayment to credit" in page.content.decode()
    assert CreditEntry.objects.get().reason == "they asked"


def test_what_is_paid_in_part_leaves_the_rest_to_be_dunned() -> None:
    campaign_in_force("0 email, 3 write_off")
    invoice = open_invoice(customer=make_customer())
    pay(invoice, "40.00")
    invoice.refresh_from_db()
    assert (invoice.shown_state, invoice.amount_due) == ("part_paid", usd("59.00"))

    run_dunning(at=later(days=15))
    run = DunningRun.objects.get()
    pay(invoice, "59.00", at=later(days=16))
    run_dunning(at=later(days=17))

    run.refresh_from_db()
    assert (run.outcome, run.acts.count()) == ("paid", 1)
