"""Disputed money in another currency than the payment's: booked as told, or left to people."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum

from billing.domain.disputes import DisputeState
from billing.gateways.disputes import DisputeMovement, DisputeReport, SettledDispute
from billing.gateways.stripe_disputes import report_of
from billing.models import Dispute, DisputeEntry, PaymentAttempt
from billing.queries.contradictions import open_contradictions
from billing.services.disputes import fees
from billing.services.disputes.records import record_dispute
from billing.services.payments.charging import charge_invoice
from finance.models import Posting
from finance.queries import unposted_count
from finance.services.posting import post_documents
from tests.scripted_gateway import TwoGateways, gateways
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db
MONEY = Money(Decimal("99.00"), "USD")


def euro(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def test_the_exchange_between_taking_and_giving_back_has_an_account_of_its_own(
    gateways: TwoGateways,
) -> None:
    attempt = _paid(gateways)
    _tell(attempt, DisputeState.NEEDS_RESPONSE, _funds("t1", 1, "91.50"))
    assert _balances("1250", "5900") == {("1250", "USD"): 9900}

    back = (_funds("t1", 1, "91.50"), _funds("t2", -1, "-90.20"))
    for _ in range(2):
        _tell(attempt, DisputeState.WON, *back)

    exchange = DisputeEntry.objects.get(kind="exchange")
    assert exchange.amount == euro("1.30")
    assert _balances("1250", "5900") == {("1250", "USD"): 0, ("5900", "EUR"): 130}


def test_what_is_won_by_exchange_goes_the_other_way(gateways: TwoGateways) -> None:
    attempt = _paid(gateways)

    _tell(attempt, DisputeState.WON, _funds("t1", 1, "90.00"), _funds("t2", -1, "-92.00"))

    assert _balances("5900", "1250") == {("1250", "USD"): 0, ("5900", "EUR"): -200}


def test_a_fee_is_booked_in_the_currency_in_which_it_was_taken(
    gateways: TwoGateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = _paid(gateways)
    fee = DisputeMovement(kind="fee", reference="t1", amount=euro("20.00"))
    _tell(attempt, DisputeState.NEEDS_RESPONSE, _funds("t1", 1, "91.50"), fee)
    settled = SettledDispute(reference="dp_1", charge_reference="", kind="x", fee=euro("5.00"))

    dispute = Dispute.objects.get()
    assert fees._record(dispute.gateway, settled, later(days=31))
    assert not fees._record(dispute.gateway, settled, later(days=32))

    assert dispute.fee == Money(0, "USD")
    assert _balances("5010") == {("5010", "EUR"): 2500}


def test_disputed_money_without_a_rate_waits_for_a_person_once(gateways: TwoGateways) -> None:
    attempt = _paid(gateways)
    foreign = DisputeMovement(kind="funds", reference="t1", amount=euro("91.50"))

    for _ in range(2):
        _tell(attempt, DisputeState.NEEDS_RESPONSE, foreign)

    waiting = open_contradictions()
    assert [row.event.details["message"] for row in waiting] == [
        "disputed money in another currency, without a rate: 91.50 EUR"
    ]
    assert not DisputeEntry.objects.exists()


def test_the_database_keeps_other_currencies_to_fees_and_exchange(gateways: TwoGateways) -> None:
    attempt = _paid(gateways)
    dispute = _tell(attempt, DisputeState.NEEDS_RESPONSE, _funds("t1", 1, "91.50"))
    facts = {"dispute": dispute, "amount": 5, "at": NOW}

    for terms in (
        {"kind": "funds", "currency": "EUR"},
        {"kind": "loss", "currency": "EUR"},
        {"kind": "funds", "currency": "USD", "settled_currency": "EUR"},
        {"kind": "fee", "currency": "USD", "settled_currency": "EUR", "settled_amount": 1},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            DisputeEntry.objects.create(id=uuid7(), reference=str(uuid7()), **facts, **terms)


def test_stripe_tells_both_amounts_and_a_fee_without_a_rate_as_it_was_taken() -> None:
    taken = {"id": "txn_1", "amount": -9150, "currency": "eur", "fee": 2000}
    dispute = {"id": "dp_1", "currency": "usd", "amount": 9900, "status": "needs_response"}

    told = report_of({**dispute, "balance_transactions": [taken]}).movements

    assert told == (
        DisputeMovement(kind="funds", reference="txn_1", amount=MONEY, settled=euro("91.50")),
        DisputeMovement(kind="fee", reference="txn_1", amount=euro("20.00")),
    )


def _paid(gateways: TwoGateways) -> PaymentAttempt:
    invoice = invoice_of(gateways.customer_with_card())
    return charge_invoice(invoice=invoice, actor=PERSON, at=NOW)


def _funds(reference: str, sign: int, settled: str) -> DisputeMovement:
    return DisputeMovement(
        kind="funds", reference=reference, amount=MONEY * sign, settled=euro(settled)
    )


def _tell(attempt: PaymentAttempt, state: DisputeState, *movements: DisputeMovement) -> Dispute:
    said = DisputeReport(
        reference="dp_1", state=state, amount=MONEY, reason="fraudulent", movements=movements
    )
    dispute = record_dispute(attempt=attempt, report=said, actor=PERSON, at=later(days=30))
    return Dispute.objects.get(pk=dispute.pk)


def _balances(*codes: str) -> dict[tuple[str, str], int]:
    at = later(days=400)
    post_documents(at=at)
    assert unposted_count(at=at) == 0
    rows = Posting.objects.filter(account__code__in=codes).order_by()
    return {
        (code, currency): amount
        for code, currency, amount in rows.values_list("account__code", "currency").annotate(
            Sum("amount_minor")
        )
    }
