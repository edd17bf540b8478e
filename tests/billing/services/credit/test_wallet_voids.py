"""Credits are taken out of a wallet by people: in the order of use, once, and to the books."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum

from billing.errors import CreditInvalid, CreditKeyReused
from billing.models import Invoice, PrepaidEntry, Wallet
from billing.services.credit.wallet_voids import void_prepaid
from billing.services.credit.wallets import (
    fill_paid_top_ups,
    grant_prepaid,
    open_wallet,
    top_up,
    wallet_left,
)
from finance.models import Posting
from finance.queries import unposted_count
from finance.services.posting import post_documents
from subscriptions.models import Customer
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    published_version,
    recurring,
)
from tests.finance.services.test_posting import pay
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)


def wallet_of(customer: Customer) -> Wallet:
    return open_wallet(customer=customer, currency="USD", name="Main", at=JAN_1)


def grant(wallet: Wallet, amount: str, key: str, expires_at: datetime | None = None) -> None:
    grant_prepaid(
        wallet=wallet,
        amount=Money(amount, "USD"),
        reason="Welcome",
        idempotency_key=key,
        actor=TEST_ACTOR,
        at=JAN_1,
        expires_at=expires_at,
    )


def buy(wallet: Wallet, amount: str) -> None:
    pay(top_up(wallet=wallet, amount=Money(amount, "USD"), idempotency_key=amount, at=JAN_1))
    fill_paid_top_ups(at=JAN_1)


def void(wallet: Wallet, amount: str | None, key: str = "v", reason: str = "A mistake") -> Money:
    return void_prepaid(
        wallet=wallet,
        amount=None if amount is None else Money(amount, "USD"),
        reason=reason,
        idempotency_key=key,
        actor=TEST_ACTOR,
        at=FEB_1,
    )


def test_what_expires_first_goes_first_then_granted_then_paid_credits() -> None:
    wallet = wallet_of(make_customer())
    buy(wallet, "30.00")
    grant(wallet, "25.00", "later")
    grant(wallet, "10.00", "soon", datetime(2026, 3, 1, tzinfo=UTC))
    grant(wallet, "99.00", "gone", FEB_1)

    assert void(wallet, "45.00") == Money("45.00", "USD")

    left = wallet.credits.order_by("kind", "amount").values_list("kind", "amount", "amount_left")
    assert [(kind, int(amount), int(rest)) for kind, amount, rest in left] == [
        ("granted", 10, 0),
        ("granted", 25, 0),
        ("granted", 99, 99),  # expired already: that takes it away, not this
        ("paid", 30, 20),
    ]
    first = PrepaidEntry.objects.filter(kind="voided").first()
    assert first is not None
    assert (first.reason, first.actor) == ("A mistake", "test")


def test_without_an_amount_everything_goes_and_the_same_key_takes_it_once() -> None:
    wallet = wallet_of(make_customer())
    grant(wallet, "25.00", "a")

    assert (void(wallet, None), void(wallet, None)) == (Money("25.00", "USD"),) * 2

    assert PrepaidEntry.objects.count() == 1
    with pytest.raises(CreditKeyReused):
        void(wallet, "1.00")


@pytest.mark.parametrize(
    ("amount", "reason", "field"),
    [
        ("25.01", "x", "amount"),
        ("0.00", "x", "amount"),
        ("0.001", "x", "amount"),
        ("5.00", " ", "reason"),
    ],
)
def test_more_than_is_there_nothing_or_without_a_reason_is_refused(
    amount: str, reason: str, field: str
) -> None:
    wallet = wallet_of(make_customer())
    grant(wallet, "25.00", "a")

    with pytest.raises(CreditInvalid) as refusal:
        void(wallet, amount, reason=reason)

    assert refusal.value.field == field
    assert wallet_left(wallet, FEB_1) == Money("25.00", "USD")


@pytest.mark.parametrize("amount", [None, "1.00"])
def test_an_empty_wallet_says_that_it_is_empty(amount: str | None) -> None:
    with pytest.raises(CreditInvalid, match="nothing is left in it that could be voided"):
        void(wallet_of(make_customer()), amount)


def test_in_the_books_only_what_was_paid_for_becomes_income() -> None:
    wallet = wallet_of(make_customer())
    buy(wallet, "30.00")
    grant(wallet, "5.00", "a")

    void(wallet, "12.00")
    report = post_documents(at=FEB_1)

    assert (report.refused, report.posted["prepaid_voided"], report.nothing) == (0, 1, 1)
    assert Posting.objects.get(account__code="4020").amount_minor == -7_00
    assert unposted_count(at=FEB_1) == 0


def test_the_database_keeps_why_and_never_takes_more_than_there_is() -> None:
    wallet = wallet_of(make_customer())
    grant(wallet, "5.00", "a")
    lot = wallet.credits.get()
    terms = {"credit": lot, "kind": "voided", "currency": "USD", "at": FEB_1}

    with pytest.raises(IntegrityError, match="fits_its_kind"), transaction.atomic():
        PrepaidEntry.objects.create(id=uuid7(), amount=Decimal(-1), idempotency_key="x", **terms)
    with pytest.raises(IntegrityError, match="within_zero"), transaction.atomic():
        PrepaidEntry.objects.create(
            id=uuid7(), amount=Decimal(-6), idempotency_key="y", reason="x", **terms
        )


@pytest.mark.django_db(transaction=True)
def test_while_invoices_use_a_wallet_no_cent_is_taken_twice() -> None:
    customer = make_customer()
    wallet = wallet_of(customer)
    for number in range(3):
        grant(wallet, "33.33", f"g{number}")
    version = published_version(recurring("15.00"))

    def act(number: int) -> Money:
        try:
            if number % 2:
                return void(wallet, "10.00", f"v{number}")
            used: Money = open_invoice(customer=customer, version=version).amount_from_wallets
            return used
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=6) as pool:
        taken = sum(money.amount for money in pool.map(act, range(6)))

    moved = PrepaidEntry.objects.aggregate(sum=Sum("amount"))["sum"]
    paid = Invoice.objects.aggregate(sum=Sum("amount_from_wallets"))["sum"]
    assert (taken, -moved, paid) == (Decimal(75), Decimal(75), Decimal(45))
    assert wallet_left(wallet, FEB_1) == Money("24.99", "USD")
