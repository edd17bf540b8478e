"""What banks take for their work: read from statements, kept once, posted, measured."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import Error, transaction

from billing.gateways.bank_messages import AccountReport, Entry, ReturnedOrder
from billing.models import BankCharge, BankDelivery, BankEntry, BankOrder, Invoice, Payment
from billing.services.bank.entries import take_entries
from billing.services.bank.returns import take_returns
from finance.queries import account_balances, unposted_count
from finance.services.posting import post_documents
from tests.bank_world import IBAN, BankWorld
from tests.billing.services.bank_scene import DebitScene
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
DAY = date(2026, 3, 9)


def eur(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


@pytest.fixture
def scene(bank: BankWorld) -> DebitScene:
    """A customer with a mandate on a good account, over 99.00 euros."""
    return DebitScene(bank)


def _told(scene: DebitScene, reference: str, amount: str, **about: Any) -> list[str]:
    """A statement tells of a movement; gives the problems that a person has to know of."""
    given = {"is_credit": False, "booked_on": DAY, **about}
    entry = Entry(reference=reference, amount=eur(amount), **given)
    report = AccountReport(kind="camt.053", account=IBAN, entries=(entry,))
    delivery = BankDelivery.objects.create(
        id=uuid7(), gateway="bank", name="camt", digest=uuid7().hex, received_at=scene.at
    )
    problems: list[str] = []
    take_entries(delivery, report, [], problems, at=scene.at)
    return problems


def _returned(scene: DebitScene, order: BankOrder, amount: str, **about: Any) -> list[str]:
    problems: list[str] = []
    returned = ReturnedOrder(
        end_to_end_id=order.end_to_end_id,
        amount=eur(amount),
        reason="AM04",
        returned_on=DAY,
        **about,
    )
    take_returns("bank", [returned], [], problems, at=scene.at)
    return problems


def _balances(scene: DebitScene) -> dict[str, int]:
    post_documents(at=scene.at)
    assert unposted_count(at=scene.at) == 0
    rows = account_balances(on=date(2026, 12, 31))
    assert sum(row.balance_minor for row in rows) == 0
    return {row.account.code: row.balance_minor for row in rows if row.balance_minor}


def test_an_entry_that_is_the_banks_own_charge_is_posted_to_bank_charges(
    scene: DebitScene,
) -> None:
    problems = _told(scene, "fee-1", "7.90", code="ACMT/MDOP/CHRG", text="Monthly charge")

    charge = BankCharge.objects.get()
    assert (problems, charge.amount, charge.kind) == ([], eur("7.90"), "own")
    assert BankEntry.objects.get(reference="fee-1").state == "charge"
    found = _balances(scene)
    assert (found["5020"], found["1100"]) == (790, -790)


def test_a_charge_that_the_bank_gives_back_is_posted_the_other_way(scene: DebitScene) -> None:
    _told(scene, "fee-1", "7.90", code="PMNT/MDOP/FEES")
    _told(scene, "fee-2", "2.90", code="PMNT/MDOP/FEES", is_credit=True)

    found = _balances(scene)
    assert (found["5020"], found["1100"]) == (500, -500)


def test_a_debit_less_the_banks_charge_pays_in_full_and_has_that_fee(scene: DebitScene) -> None:
    attempt = scene.charge()
    scene.turn()
    order = scene.order()

    about = {"end_to_end_id": order.end_to_end_id, "charges": eur("0.35")}
    problems = _told(scene, "net", "98.65", is_credit=True, **about)

    attempt.refresh_from_db()
    scene.invoice.refresh_from_db()
    assert (problems, attempt.state, attempt.fee) == ([], "succeeded", eur("0.35"))
    assert scene.invoice.state == "paid"
    found = _balances(scene)
    assert (found["1100"], found["5000"]) == (98_65, 35)


def test_charges_that_do_not_add_up_settle_nothing(scene: DebitScene) -> None:
    attempt = scene.charge()
    scene.turn()

    about = {"end_to_end_id": scene.order().end_to_end_id, "charges": eur("0.35")}
    problems = _told(scene, "odd", "98.00", is_credit=True, **about)

    attempt.refresh_from_db()
    assert attempt.state != "succeeded"
    assert len(problems) == 1


def test_the_database_keeps_charges_as_they_were(scene: DebitScene) -> None:
    _told(scene, "fee-1", "7.90", code="ACMT/MDOP/CHRG")
    charge = BankCharge.objects.get()

    with pytest.raises(Error), transaction.atomic():
        BankCharge.objects.update(amount=1)
    with pytest.raises(Error), transaction.atomic():
        BankCharge.objects.all().delete()
    charge.pk = uuid7()
    with pytest.raises(Error), transaction.atomic():  # a second one of the same entry
        charge.save(force_insert=True)


@pytest.mark.parametrize(
    "about",
    [
        {"charges": Money("3.00", "EUR")},
        {"instructed": Money("99.00", "EUR")},
    ],
    ids=["compensation", "the order's own amount"],
)
def test_a_return_with_costs_takes_back_the_debit_and_posts_the_costs(
    booked: DebitScene, about: dict[str, Money]
) -> None:
    order = booked.order()

    problems = _returned(booked, order, "102.00", **about)
    again = _returned(booked, order, "102.00", **about)

    assert (problems, again) == ([], [])
    assert Payment.objects.filter(state="returned").count() == 1
    assert Invoice.objects.get().amount_due == eur("99.00")
    assert [charge.amount for charge in BankCharge.objects.all()] == [eur("3.00")]
    found = _balances(booked)
    assert (found["5020"], found["1100"], found["1200"]) == (300, -300, 99_00)


@pytest.mark.parametrize("amount", ["102.00", "98.00"])
def test_a_return_that_is_not_explained_waits_for_a_person(booked: DebitScene, amount: str) -> None:
    order = booked.order()

    problems = _returned(booked, order, amount, charges=eur("1.00"))

    assert len(problems) == 1
    assert "it waits at the desk" in problems[0]
    assert not BankCharge.objects.exists()
    assert Payment.objects.get().state == "paid"
