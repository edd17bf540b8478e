"""A fee in another currency than its payment's is kept as it was told, and booked so, once."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Sum
from django.test import Client

from billing.domain.attempts import Answer
from billing.gateways.base import Outcome, SettledCharge
from billing.gateways.paypal_objects import outcome_of_capture
from billing.gateways.stripe_objects import outcome_of_intent
from billing.models import ForeignFee, PaymentAttempt
from billing.services.payments.charging import charge_invoice
from billing.services.payments.holds import capture_hold, hold_invoice
from billing.services.payments.reconciling import look_into
from billing.services.payments.settlement import record_fees
from finance.models import Posting
from finance.queries import unposted_count
from finance.services.posting import post_documents
from tests.factories.accounts import make_user
from tests.scripted_gateway import CARDS, TwoGateways, gateways
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.money import Money

__all__ = ["gateways"]  # a fixture
db = pytest.mark.django_db
REPORT = "settlement_detail_report_batch_1.csv"


def euro(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def paid(gateways: TwoGateways, fee: Money | None) -> PaymentAttempt:
    """99.00 USD, of which the gateway has kept this, as far as it tells."""
    done = Outcome(answer=Answer.SUCCEEDED, reference="a-1", amount=usd("99.00"), fee=fee)
    gateways.alpha.script = [done]
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    return charge_invoice(invoice=invoice, actor=PERSON, at=NOW)


def balances() -> dict[tuple[str, str], int]:
    """Accounts 1100 and 5000 by currency, and whether everything balances."""
    post_documents(at=later(days=400))
    assert unposted_count(at=later(days=400)) == 0
    sums = Posting.objects.order_by().values_list("currency").annotate(Sum("amount_minor"))
    assert {total for _, total in sums} == {0}
    rows = Posting.objects.filter(account__code__in=["1100", "5000"]).order_by()
    found = rows.values_list("account__code", "currency").annotate(sum=Sum("amount_minor"))
    return {(code, currency): total for code, currency, total in found}


def fees_booked() -> dict[str, int]:
    """Account 5000 by currency."""
    return {currency: minor for (code, currency), minor in balances().items() if code == "5000"}


@db
def test_it_is_booked_in_its_own_currency_and_looked_for_no_more(gateways: TwoGateways) -> None:
    attempt = paid(gateways, euro("2.37"))

    assert (attempt.fee, attempt.has_foreign_fee, attempt.next_check_at) == (None, True, None)
    assert balances() == {("1100", "USD"): 9900, ("1100", "EUR"): -237, ("5000", "EUR"): 237}


@db
def test_the_payments_page_shows_it_and_leads_on_to_the_books(gateways: TwoGateways) -> None:
    attempt = paid(gateways, euro("2.37"))
    post_documents(at=later(days=400))
    client = Client()
    client.force_login(make_user(Role.FINANCE))

    page = client.get(f"/payments/{attempt.payment_id}/").content.decode()
    link = f"/books/documents/{ForeignFee.objects.get().pk}/"
    entries = client.get(link, follow=True)

    assert re.search(rf'<a href="{link}">[^<]*2\.37[^<]*</a>', page)
    assert "€" in page or "EUR" in page
    assert "Processor fee of" in entries.content.decode()


@db
def test_told_twice_it_counts_once_and_stays(gateways: TwoGateways) -> None:
    attempt = paid(gateways, euro("2.37"))
    again = Outcome(answer=Answer.SUCCEEDED, reference="a-1", amount=usd("99.00"), fee=euro("9.99"))
    gateways.alpha.read_charge = lambda _: again  # type: ignore[method-assign, assignment]

    look_into(attempt=attempt, actor=PERSON, at=later(days=1))

    assert ForeignFee.objects.get().amount == euro("2.37")
    assert balances()["5000", "EUR"] == 237


@db
def test_a_settlement_tells_it_later(
    gateways: TwoGateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = paid(gateways, None)
    assert attempt.next_check_at is not None
    told = SettledCharge(
        reference="a-1", our_reference=str(attempt.pk), amount=usd("99.00"), fee=euro("1.05")
    )
    gateways.alpha.read_settlement = lambda _: [told, told]  # type: ignore[attr-defined]

    recorded = [record_fees(gateway="alpha", report=REPORT, at=later(days=day)) for day in (3, 4)]

    seen = PaymentAttempt.objects.get(pk=attempt.pk)
    assert recorded == [1, 0]
    assert (seen.has_foreign_fee, seen.next_check_at) == (True, None)
    assert balances() == {("1100", "USD"): 9900, ("1100", "EUR"): -210, ("5000", "EUR"): 210}


@db
@pytest.mark.parametrize(
    ("first", "second"), [(euro("2.37"), usd("2.60")), (usd("2.60"), euro("2.37"))]
)
def test_told_in_two_currencies_the_first_counts(
    gateways: TwoGateways, first: Money, second: Money
) -> None:
    attempt = paid(gateways, first)
    again = Outcome(answer=Answer.SUCCEEDED, reference="a-1", amount=usd("99.00"), fee=second)
    gateways.alpha.read_charge = lambda _: again  # type: ignore[method-assign, assignment]

    look_into(attempt=attempt, actor=PERSON, at=later(days=1))

    assert fees_booked() == {first.currency.code: int(first.amount * 100)}


@db
def test_a_settlement_in_several_currencies_books_each(gateways: TwoGateways) -> None:
    attempt = paid(gateways, None)
    fees = [usd("0.30"), euro("1.05"), Money(Decimal("0.20"), "GBP")]
    rows = [
        SettledCharge(reference="a-1", our_reference=str(attempt.pk), amount=usd("33.00"), fee=fee)
        for fee in fees
    ]
    gateways.alpha.read_settlement = lambda _: rows  # type: ignore[attr-defined]

    assert record_fees(gateway="alpha", report=REPORT, at=later(days=3)) == 1

    assert fees_booked() == {"USD": 30, "EUR": 105, "GBP": 20}


@db
@pytest.mark.parametrize("fee", [usd("-1.05"), euro("-1.05")])
def test_one_below_zero_is_given_back(gateways: TwoGateways, fee: Money) -> None:
    attempt = paid(gateways, None)
    told = SettledCharge(
        reference="a-1", our_reference=str(attempt.pk), amount=usd("99.00"), fee=fee
    )
    gateways.alpha.read_settlement = lambda _: [told]  # type: ignore[attr-defined]

    assert record_fees(gateway="alpha", report=REPORT, at=later(days=3)) == 1

    assert balances()["5000", fee.currency.code] == -105


@db
def test_each_capture_of_a_hold_has_its_own(gateways: TwoGateways) -> None:
    gateways.alpha.capabilities = replace(
        CARDS,
        has_partial_capture=True,
        has_multi_capture=True,
        names_captures=True,
        authorization_lasts=timedelta(days=7),
    )
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    hold = hold_invoice(invoice=invoice, actor=PERSON, at=NOW)
    for amount, fee, is_last in (("30.00", "0.41", False), ("69.00", "0.92", True)):
        done = Outcome(answer=Answer.SUCCEEDED, reference=amount, amount=usd(amount), fee=euro(fee))
        gateways.alpha.capture = lambda _, done=done: done  # type: ignore[attr-defined]
        capture_hold(
            attempt=hold,
            amount=usd(amount),
            is_last=is_last,
            actor=PERSON,
            idempotency_key=amount,
            at=NOW,
        )

    assert balances() == {("1100", "USD"): 9900, ("1100", "EUR"): -133, ("5000", "EUR"): 133}


@db
def test_the_database_keeps_it_once_as_it_was(gateways: TwoGateways) -> None:
    attempt = paid(gateways, euro("2.37"))
    fee = ForeignFee.objects.get()

    with pytest.raises(DatabaseError, match="stays"), transaction.atomic():
        ForeignFee.objects.update(amount=1)
    with pytest.raises(DatabaseError, match="stays"), transaction.atomic():
        fee.delete()
    with pytest.raises(IntegrityError, match="foreign_fee_once"), transaction.atomic():
        ForeignFee.objects.create(id=attempt.pk, attempt=attempt, currency="EUR", amount=1, at=NOW)


def test_paypal_tells_it_in_the_currency_of_the_balance() -> None:
    seen = outcome_of_capture(
        {
            "id": "c-1",
            "status": "COMPLETED",
            "amount": {"value": "99.00", "currency_code": "USD"},
            "seller_receivable_breakdown": {
                "paypal_fee": {"value": "3.51", "currency_code": "EUR"}
            },
        }
    )

    assert seen.fee == euro("3.51")


@pytest.mark.parametrize(("rate", "fee"), [(None, "2.37 EUR"), (0.5, "4.74 USD")])
def test_stripe_tells_it_by_its_rate_or_without_one(rate: float | None, fee: str) -> None:
    transaction_of = {"fee": 237, "currency": "eur", "exchange_rate": rate}
    seen = outcome_of_intent(
        {
            "id": "pi_1",
            "status": "succeeded",
            "amount_received": 9900,
            "currency": "usd",
            "latest_charge": {"currency": "usd", "balance_transaction": transaction_of},
        }
    )

    assert seen.fee is not None
    assert f"{seen.fee.amount} {seen.fee.currency.code}" == fee
