"""Money that names an order of ours, but is not the order's: kept, and left to a person."""

from datetime import date

import pytest

from billing.gateways.bank_messages import AccountReport, Entry
from billing.models import BankDelivery, BankEntry, BankOrder, Invoice, Payment
from billing.services.bank.entries import take_entries
from billing.services.bank.orders import reject_order
from billing.services.bank.transfers import take_transfer
from tests.bank_world import IBAN, BankWorld
from tests.billing.services.bank_scene import DebitScene
from tests.stripe_world import PERSON
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(bank: BankWorld) -> DebitScene:
    """A customer with a mandate on a good account."""
    return DebitScene(bank)


def _book(scene: DebitScene, order: BankOrder, reference: str) -> list[str]:
    entry = Entry(
        reference=reference,
        is_credit=True,
        amount=order.amount,
        booked_on=date(2026, 3, 9),
        end_to_end_id=order.end_to_end_id,
    )
    problems: list[str] = []
    report = AccountReport(kind="camt.054", account=IBAN, entries=(entry,))
    delivery = BankDelivery.objects.create(
        id=uuid7(), gateway="bank", name="camt", digest=uuid7().hex, received_at=scene.at
    )
    take_entries(delivery, report, [], problems, at=scene.at)
    return problems


def test_an_order_that_is_booked_twice_brings_money_for_the_desk(booked: DebitScene) -> None:
    order = booked.order()

    problems = _book(booked, order, "once more")

    entry = BankEntry.objects.get(reference="once more")
    assert problems == [f"it names an order that was booked already: {order.end_to_end_id}"]
    assert (entry.state, entry.order, entry.why) == (
        "waiting",
        None,
        "it names an order that was booked already",
    )
    take_transfer(
        entry=entry, invoice=Invoice.objects.get(), why="by hand", actor=PERSON, at=booked.at
    )
    assert Invoice.objects.get().amount_overpaid == Money("99", "EUR")


def test_what_was_refused_and_is_booked_all_the_same_is_not_lost(scene: DebitScene) -> None:
    scene.charge()
    scene.turn()
    for _ in range(6):
        if scene.order().state in {"filed", "accepted"}:
            break
        scene.day()
    order = scene.order()
    assert reject_order(order=order, reason="AM04", text="", at=scene.at)

    problems = _book(scene, order, "after all")

    entry = BankEntry.objects.get(reference="after all")
    assert problems == [f"it names an order that is rejected: {order.end_to_end_id}"]
    assert (entry.state, entry.order) == ("waiting", None)
    assert not Payment.objects.filter(state="paid").exists()
