"""Money that banks take back, late or early, and what follows for invoice and books."""

from datetime import date, datetime

import pytest

from billing.models import (
    BankDelivery,
    BankOrder,
    Invoice,
    Mandate,
    Payment,
    PaymentAttempt,
    PaymentReturn,
    Refund,
)
from billing.queries.statements import statement_of
from billing.services.bank.rail import turn_bank_rail
from billing.services.payments.collection import collect_due
from billing.services.payments.refunds import refund_payment
from finance.models import JournalEntry
from finance.queries import trial_balance, unposted_count
from finance.services.posting import post_documents
from subscriptions.models import Subscription
from tests.bank_world import BankWorld
from tests.billing.services.bank_scene import DebitScene
from tests.stripe_world import PERSON
from tiktoktoe.kernel.money import Money, zero

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(booked_there: DebitScene) -> DebitScene:
    """A customer whose debit is booked."""
    return booked_there


def books(at: datetime) -> list[str]:
    """Post everything; the kinds of entries about payments, and that all of it balances."""
    report = post_documents(at=at)
    assert report.refused == 0
    assert unposted_count(at=at) == 0
    assert sum(row.balance_minor for row in trial_balance(on=at.date(), currency="EUR").rows) == 0
    kinds = JournalEntry.objects.filter(kind__startswith="payment").order_by("seq")
    return list(kinds.values_list("kind", flat=True))


def test_a_return_for_want_of_funds_is_owed_and_collected_again(scene: DebitScene) -> None:
    order = scene.order()
    scene.bank.refuse(order.end_to_end_id, "AM04")
    scene.turn()

    invoice = Invoice.objects.get()
    first, second = Payment.objects.order_by("created_at", "pk")
    assert (first.state, second.state) == ("returned", "open")
    assert (invoice.state, invoice.amount_paid) == ("open", zero("EUR"))
    assert invoice.amount_due == Money("99", "EUR")
    assert second.next_attempt_at is not None
    assert BankOrder.objects.get().state == "returned"
    assert Mandate.objects.get().state == "active"
    assert books(scene.at) == ["payment_captured", "payment_returned"]

    assert collect_due(at=second.next_attempt_at).attempts == 1
    assert PaymentAttempt.objects.filter(payment=second).get().state == "pending"


def test_a_return_that_is_told_again_and_again_counts_once(scene: DebitScene) -> None:
    order = scene.order()
    scene.bank.refuse(order.end_to_end_id, "AM04")
    scene.turn()
    read = scene.bank.incoming / "read"
    for path in sorted(read.glob("pacs.004*")) + sorted(read.glob("camt.054*")):
        (scene.bank.incoming / path.name).write_bytes(path.read_bytes() + b"\n")
    turn_bank_rail(at=scene.at)
    scene.day()

    assert PaymentReturn.objects.count() == 1
    assert Invoice.objects.get().amount_paid.amount == 0
    assert Payment.objects.count() == 2
    assert not BankDelivery.objects.exclude(problem="").exists()


@pytest.mark.parametrize(
    ("day", "code", "words"),
    [
        (date(2026, 3, 11), "AM04", None),
        (date(2026, 3, 12), "AM04", "more than 5 bank days after the debit: object to it"),
        (date(2026, 3, 12), "MD06", None),  # for which there are 8 weeks
    ],
)
def test_a_return_beyond_its_time_is_recorded_and_says_so(
    scene: DebitScene, day: date, code: str, words: str | None
) -> None:
    order = scene.order()
    scene.bank.advance(to=day)
    scene.bank.refuse(order.end_to_end_id, code)
    scene.at = scene.at.replace(day=day.day)
    scene.turn()

    event = order.payment.events.get(event="payment_returned")
    assert PaymentReturn.objects.get().returned_on == day
    assert (words in event.details["reason"]) if words else ("reason" not in event.details)


def test_the_statement_and_the_books_say_the_same_of_a_return(scene: DebitScene) -> None:
    order = scene.order()
    scene.bank.refuse(order.end_to_end_id, "AM04")
    scene.turn()

    end = scene.at.replace(year=2027)
    statement = statement_of(scene.customer, "EUR", start=scene.at.replace(year=2025), end=end)
    assert [row.what for row in statement.rows] == [
        "Invoice",
        "Payment",
        "Debit returned by the bank",
    ]
    assert statement.closing == Money("99", "EUR")


def test_a_refund_of_a_debit_goes_back_to_its_account(scene: DebitScene) -> None:
    order = scene.order()
    refund = refund_payment(
        payment=order.payment,
        amount=Money("19.90", "EUR"),
        reason="Sorry",
        actor=PERSON,
        idempotency_key="r",
        at=scene.at,
    )
    assert refund.state == "pending"
    scene.turn()
    scene.day()
    scene.day()

    (sent,) = scene.bank.payments()
    assert (sent["amount"], sent["creditor_iban"][-4:]) == (1990, scene.mandate.last4)
    assert Refund.objects.get().state == "succeeded"
    assert Invoice.objects.get().amount_due == Money("19.90", "EUR")


def test_a_refund_that_the_bank_sends_back_is_paid_after_all(scene: DebitScene) -> None:
    order = scene.order()
    scene.bank.behave("ACME", behaviour="return-later", parameters={"days": 1, "reason": "AC04"})
    refund_payment(
        payment=order.payment,
        amount=Money("19.90", "EUR"),
        reason="Sorry",
        actor=PERSON,
        idempotency_key="r",
        at=scene.at,
    )
    scene.turn()
    for _ in range(6):
        scene.day()

    refund = Refund.objects.get()
    assert (refund.state, refund.message) == ("failed", "AC04")
    assert Invoice.objects.get().amount_due == zero("EUR")
    assert Payment.objects.get().amount_refunded == zero("EUR")


def test_a_return_by_the_customer_ends_the_mandate_and_is_not_tried_again(bank: BankWorld) -> None:
    subscriber = DebitScene(bank, is_subscriber=True)
    order = subscriber.until_booked()
    bank.refuse(order.end_to_end_id, "MD01")
    subscriber.turn()

    mandate = Mandate.objects.get()
    assert (mandate.state, mandate.ended_because) == ("revoked", "a debit was returned: MD01")
    assert mandate.method.state == "removed"
    assert list(Payment.objects.order_by("created_at", "pk").values_list("state", flat=True)) == [
        "returned",
        "failed",
    ]
    assert Subscription.objects.get().state == "past_due"
    assert PaymentReturn.objects.get().code == "MD01"


def test_a_return_that_overtakes_the_confirmation_proves_that_it_was_booked(
    bank: BankWorld,
) -> None:
    scene = DebitScene(bank)
    scene.charge()
    scene.turn()
    order = scene.order()
    scene.bank.advance(to=date(2026, 3, 5))  # booked on the 4th; we have read nothing of it yet
    scene.bank.refuse(order.end_to_end_id, "AM04")
    held = {
        path: path.read_bytes()
        for path in scene.bank.incoming.iterdir()
        if path.is_file() and path.name.startswith("camt")
    }
    for path in held:
        path.unlink()
    turn_bank_rail(at=scene.at)

    assert BankOrder.objects.get().state == "returned"
    for path, body in held.items():
        path.write_bytes(body)
    turn_bank_rail(at=scene.at)

    assert Payment.objects.order_by("created_at", "pk")[0].state == "returned"
    assert Invoice.objects.get().amount_paid.amount == 0
    assert not Payment.objects.filter(events__event="gateway_contradicts").exists()
    assert books(scene.at) == ["payment_captured", "payment_returned"]


def test_a_refusal_before_the_due_day_is_no_return(bank: BankWorld) -> None:
    scene = DebitScene(bank)
    scene.charge()
    scene.turn()
    scene.turn()
    scene.bank.refuse(scene.order().end_to_end_id, "MS02")
    scene.turn()

    assert scene.order().state == "rejected"
    assert PaymentAttempt.objects.get().decline_code == "MS02"
    assert PaymentReturn.objects.count() == 0
    assert Mandate.objects.get().state == "revoked"
    assert books(scene.at) == []
