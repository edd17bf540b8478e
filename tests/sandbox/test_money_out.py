"""Refunds, disputes, the balance and payouts."""

from typing import Any

import pytest
import stripe

from tests.sandbox.server import RunningSandbox
from tests.sandbox.test_payments import DAY, pay


def test_refunds_give_back_in_parts_and_never_too_much(client: Any) -> None:
    intent = pay(client, payment_method="pm_card_fr")

    first = client.refunds.create({"payment_intent": intent.id, "amount": 4_000})
    with pytest.raises(stripe.InvalidRequestError):
        client.refunds.create({"payment_intent": intent.id, "amount": 6_001})
    rest = client.refunds.create({"payment_intent": intent.id})

    assert (first.status, first.amount, rest.amount) == ("succeeded", 4_000, 6_000)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.refunds.create({"payment_intent": intent.id})
    assert caught.value.code == "charge_already_refunded"
    charge = client.charges.retrieve(intent.latest_charge.id, {"expand": ["refunds"]})
    assert (charge.refunded, charge.amount_refunded) == (True, 10_000)
    assert [refund.amount for refund in charge.refunds.data] == [6_000, 4_000]
    booked = client.balance_transactions.list({"source": first.id}).data
    assert [(row.amount, row.fee, row.type) for row in booked] == [(-4_000, 0, "refund")]


def test_a_refund_can_be_pending_and_then_succeed(sandbox: RunningSandbox, client: Any) -> None:
    intent = pay(client, payment_method="pm_card_pendingRefund")
    refund = client.refunds.create({"payment_intent": intent.id})
    assert refund.status == "pending"

    sandbox.control.advance_clock(3_601)

    assert client.refunds.retrieve(refund.id).status == "succeeded"


def test_a_refund_can_succeed_and_then_fail(sandbox: RunningSandbox, client: Any) -> None:
    intent = pay(client, payment_method="pm_card_refundFail")
    refund = client.refunds.create({"payment_intent": intent.id, "amount": 1_000})
    assert refund.status == "succeeded"

    sandbox.control.advance_clock(3_601)

    after = client.refunds.retrieve(refund.id, {"expand": ["failure_balance_transaction"]})
    assert (after.status, after.failure_reason) == ("failed", "expired_or_canceled_card")
    assert after.failure_balance_transaction.amount == 1_000
    assert client.charges.retrieve(refund.charge).amount_refunded == 0


def test_what_is_not_paid_cannot_be_refunded(client: Any) -> None:
    intent = pay(client, payment_method="pm_card_fr", capture_method="manual")

    with pytest.raises(stripe.InvalidRequestError):
        client.refunds.create({"payment_intent": intent.id})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.refunds.create({"amount": 5})
    assert caught.value.code == "parameter_missing"


@pytest.mark.parametrize(
    ("evidence", "status", "moved"),
    [
        ("winning_evidence", "won", [(10_000, -2_000), (-10_000, 2_000)]),
        ("losing_evidence", "lost", [(-10_000, 2_000)]),
    ],
)
def test_a_dispute_takes_the_money_and_evidence_decides(
    client: Any, evidence: str, status: str, moved: list[tuple[int, int]]
) -> None:
    intent = pay(client, payment_method="pm_card_createDispute")
    dispute = client.disputes.list({"payment_intent": intent.id}).data[0]
    assert (dispute.status, dispute.amount, dispute.reason) == (
        "needs_response",
        10_000,
        "fraudulent",
    )
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.refunds.create({"payment_intent": intent.id})
    assert caught.value.code == "charge_disputed"

    after = client.disputes.update(dispute.id, {"evidence": {"uncategorized_text": evidence}})

    assert after.status == status
    booked = client.balance_transactions.list({"source": dispute.id}).data
    assert [(row.amount, row.fee) for row in booked] == moved
    with pytest.raises(stripe.InvalidRequestError):
        client.disputes.close(dispute.id)


def test_a_dispute_that_nobody_answers_is_lost(sandbox: RunningSandbox, client: Any) -> None:
    intent = pay(client, payment_method="pm_card_fr")
    dispute = sandbox.control.dispute(intent.latest_charge.id, reason="product_not_received")

    sandbox.control.advance_clock(7 * DAY + 60)

    after = client.disputes.retrieve(dispute["id"])
    assert (after.status, after.reason) == ("lost", "product_not_received")
    assert after.evidence_details.past_due is True


def test_a_payout_takes_what_is_available_and_lists_what_it_was_made_of(
    sandbox: RunningSandbox, client: Any
) -> None:
    sandbox.control.advance_clock(3 * DAY)
    sandbox.control.pay_out("gbp")
    charges = [pay(client, payment_method="pm_card_gb", currency="gbp") for _ in range(2)]
    refund = client.refunds.create({"payment_intent": charges[0].id, "amount": 1_000})
    assert sandbox.control.pay_out("gbp") == {}
    sandbox.control.advance_clock(2 * DAY + 60)

    payout = sandbox.control.pay_out("gbp")

    assert payout["amount"] == 2 * (10_000 - 170) - 1_000
    assert (payout["status"], payout["automatic"]) == ("in_transit", True)
    rows = client.balance_transactions.list({"payout": payout["id"], "limit": 100}).data
    made_of = [row for row in rows if row.type != "payout"]
    assert sum(row.net for row in made_of) == payout["amount"]
    assert {row.source for row in made_of} == {
        refund.id,
        *(intent.latest_charge.id for intent in charges),
    }
    assert sum(row.net for row in rows) == 0
    sandbox.control.advance_clock(DAY + 60)
    assert client.payouts.retrieve(payout["id"]).status == "paid"
    assert sandbox.control.pay_out("gbp") == {}


def test_a_payout_that_fails_gives_the_money_back(sandbox: RunningSandbox, client: Any) -> None:
    pay(client, payment_method="pm_card_fr", currency="chf")
    sandbox.control.advance_clock(2 * DAY + 60)
    payout = sandbox.control.pay_out("chf", fails=True)

    sandbox.control.advance_clock(DAY + 60)

    after = client.payouts.retrieve(payout["id"], {"expand": ["failure_balance_transaction"]})
    assert (after.status, after.failure_code) == ("failed", "account_closed")
    assert after.failure_balance_transaction.net == payout["amount"]
    assert sandbox.control.pay_out("chf")["amount"] == payout["amount"]


def test_daily_payouts_happen_by_themselves(sandbox: RunningSandbox, client: Any) -> None:
    sandbox.control.pay_out_daily()
    intent = pay(client, payment_method="pm_card_visa", currency="sek")
    sandbox.control.pay_out_daily(is_on=False)

    sandbox.control.advance_clock(3 * DAY + 60)

    booked = intent.latest_charge.balance_transaction
    paid_out = client.payouts.list().data
    lists = [client.balance_transactions.list({"payout": payout.id}) for payout in paid_out]
    assert booked.id in {row.id for rows in lists for row in rows.data}


def test_a_payout_by_hand_takes_no_more_than_there_is(sandbox: RunningSandbox, client: Any) -> None:
    pay(client, payment_method="pm_card_visa", currency="nok")
    sandbox.control.advance_clock(2 * DAY + 60)
    available = {b.currency: b.amount for b in client.balance.retrieve().available}["nok"]

    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.payouts.create({"amount": available + 1, "currency": "nok"})
    payout = client.payouts.create({"amount": 100, "currency": "nok"})

    assert caught.value.code == "balance_insufficient"
    assert payout.reconciliation_status == "not_applicable"
    after = {b.currency: b.amount for b in client.balance.retrieve().available}["nok"]
    assert after == available - 100


def test_a_later_payout_takes_nothing_from_an_earlier_one(
    sandbox: RunningSandbox, client: Any
) -> None:
    def paid_out() -> set[str]:
        pay(client, payment_method="pm_card_visa", currency="dkk")
        sandbox.control.advance_clock(2 * DAY + 60)
        payouts.append(sandbox.control.pay_out("dkk")["id"])
        return made_of(payouts[-1])

    def made_of(payout: str) -> set[str]:
        rows = client.balance_transactions.list({"payout": payout, "limit": 100}).data
        return {row.id for row in rows}

    payouts: list[str] = []
    first = paid_out()

    second = paid_out()

    assert (len(first), len(second)) == (2, 2)
    assert made_of(payouts[0]) == first
