"""A wrong invoice is taken back and replaced in one step; money and credits follow it."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from billing.errors import ChargeInvalid, InvoiceNotReplaceable
from billing.models import CouponRedemption, CreditBalance, Invoice, InvoiceEvent, UnusedCredit
from billing.services.changes.cancelling import cancel_subscription
from billing.services.credit.coupons import CouponDetails, create_coupon, redeem_coupon
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.credit.customer_credit import grant_credit
from billing.services.documents.invoice_pages import invoice_content
from billing.services.invoices.draft_review import finalize_invoice
from billing.services.invoices.redrafting import discard_draft
from billing.services.invoices.replacing import replace_invoice
from finance.models import Posting
from finance.queries import unposted_count
from finance.services.posting import post_documents
from subscriptions.models import Customer
from tests.billing.services.invoices.test_one_off import NOON, hours, issued, taxed
from tests.factories.accounts import make_user
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import JAN_1, TEST_ACTOR, make_customer
from tests.finance.services.test_posting import pay
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db


def replaced(invoice: Invoice, at: datetime = NOON) -> Invoice:
    return replace_invoice(invoice=invoice, reason="Wrong address", actor=TEST_ACTOR, at=at)


def test_the_old_one_is_void_and_the_draft_is_like_it_with_todays_address() -> None:
    taxed()
    old = issued(hours())
    Customer.objects.update(city="Köln")

    draft = replaced(old)
    final = finalize_invoice(invoice=draft, at=NOON)

    old.refresh_from_db()
    assert (old.state, draft.replaces, final.total) == ("void", old, old.total)
    assert (old.bill_to["city"], final.bill_to["city"]) != ("Köln", "Berlin")
    assert final.bill_to["city"] == "Köln"
    assert final.issued_by == old.issued_by != {}
    assert [fact for fact in invoice_content(final)["facts"] if fact[0] == "Replaces invoice"]
    assert {e.kind for e in InvoiceEvent.objects.all()} == {"charged", "replaced", "replaces"}


def test_it_is_taxed_as_the_customer_is_today() -> None:
    taxed()
    old = issued(hours())
    Customer.objects.update(is_tax_exempt=True)

    assert replaced(old).total == Money("400.00", "EUR")


def test_doing_it_again_gives_the_same_draft_and_the_database_keeps_it_the_only_one() -> None:
    taxed()
    old = issued(hours())

    first, again = replaced(old), replaced(old)
    with pytest.raises(IntegrityError, match="invoice_replaced_once"), transaction.atomic():
        Invoice.objects.filter(pk=issued(hours(old.customer), "x", is_draft=True).pk).update(
            replaces=old
        )
    discard_draft(invoice=first, reason="Wrong too", actor=TEST_ACTOR, at=NOON)

    assert first == again
    with pytest.raises(InvoiceNotReplaceable, match="charge once"):
        replaced(old)


def test_what_the_balance_paid_pays_the_new_one() -> None:
    taxed()
    customer = make_customer(country="DE")
    grant_credit(
        customer=customer, amount=Money(500, "EUR"), reason="x", idempotency_key="g",
        actor=TEST_ACTOR, at=JAN_1,
    )  # fmt: skip
    old = issued(hours(customer))

    final = finalize_invoice(invoice=replaced(old), at=NOON)

    assert (old.state, final.state) == ("paid", "paid")
    assert CreditBalance.objects.get().amount == Money("27.00", "EUR")


def test_collected_money_is_credited_first() -> None:
    taxed()
    old = issued(hours())
    pay(old)
    old.refresh_from_db()
    with pytest.raises(InvoiceNotReplaceable, match="credit what was paid"):
        replaced(old)
    before = Invoice.objects.count()
    issue_credit_note(
        invoice=old, reason="x", idempotency_key="n", to_balance=old.total.amount, at=NOON
    )

    final = finalize_invoice(invoice=replaced(old), at=NOON)

    old.refresh_from_db()
    assert before == 1
    assert old.state == "paid"
    assert (final.state, final.amount_from_balance) == ("paid", old.total)


def test_the_books_know_both() -> None:
    taxed()
    old = issued(hours())
    post_documents(at=NOON)
    finalize_invoice(invoice=replaced(old), at=NOON)
    post_documents(at=NOON)

    owed = sum(p.amount_minor for p in Posting.objects.filter(account__code="1200"))
    assert owed == 47300
    assert unposted_count(at=NOON) == 0


def test_its_coupon_is_used_once() -> None:
    taxed()
    customer = make_customer(country="DE")
    create_coupon(
        details=CouponDetails(code="TENTH", name="Tenth", percentage=Decimal(10)), at=JAN_1
    )
    redeem_coupon(code="TENTH", customer=customer, actor=TEST_ACTOR, at=JAN_1)
    old = issued(hours(customer, takes_coupons=True))

    draft = replaced(old)

    assert draft.total == old.total
    assert CouponRedemption.objects.get().state == "used_up"


def test_the_time_of_a_period_is_still_given_back_once() -> None:
    old = open_invoice()
    final = finalize_invoice(invoice=replaced(old, JAN_1), at=JAN_1)
    subscription = final.subscription
    assert subscription is not None

    cancel_subscription(
        subscription=subscription, actor=TEST_ACTOR, at=JAN_1 + timedelta(days=10, hours=1)
    )

    assert UnusedCredit.objects.get().invoice_line.invoice == final


def test_without_a_reason_nothing_happens() -> None:
    taxed()
    old = issued(hours())
    with pytest.raises(ChargeInvalid, match="say why"):
        replace_invoice(invoice=old, reason=" ", actor=TEST_ACTOR, at=NOON)

    old.refresh_from_db()
    assert old.state == "open"


def test_finance_does_it_on_a_page_and_support_cannot(client: Client) -> None:
    taxed()
    old = issued(hours())
    client.force_login(make_user(Role.SUPPORT))
    refused = client.post(f"/invoices/{old.number}/replacement/", {"reason": "x"}).status_code
    client.force_login(make_user(Role.FINANCE))
    page = client.get(f"/invoices/{old.number}/").content.decode()

    done = client.post(f"/invoices/{old.number}/replacement/", {"reason": "Wrong address"})

    draft = Invoice.objects.get(state="draft")
    assert refused == 403
    assert "Replace" in page
    assert done["Location"] == f"/invoices/{draft.pk}/"
