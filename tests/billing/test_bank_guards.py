"""The database has the last word about what lies between us and banks."""

from datetime import date
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from billing.domain.bank_orders import FILE_MOVES, ORDER_MOVES, FileState, OrderState
from billing.models import (
    BankDelivery,
    BankEntry,
    BankFile,
    BankOrder,
    Mandate,
    MandateEvent,
    PaymentReturn,
)
from tests.bank_world import BankWorld
from tests.billing.services.bank_scene import DebitScene
from tests.shared_world import undone
from tiktoktoe.kernel.ids import uuid7

pytestmark = pytest.mark.django_db


@pytest.fixture
def returned(bank: BankWorld) -> DebitScene:
    """A debit that was booked and went back: there is a row of everything."""
    scene = DebitScene(bank)
    order = scene.until_booked()
    bank.refuse(order.end_to_end_id, "AM04")
    scene.turn()
    return scene


def what_is_between_us_and_banks_cannot_be_rewritten() -> None:
    attacks: list[tuple[Any, dict[str, Any], str]] = [
        (Mandate, {"signed_on": date(2026, 1, 1)}, "as it was signed"),
        (Mandate, {"consent": "anything"}, "as it was signed"),
        (MandateEvent, {"event": "never"}, "stays"),
        (BankFile, {"digest": "0"}, "as it was written"),
        (BankFile, {"total": 1}, "as it was written"),
        (BankOrder, {"amount": 1}, "as it was given"),
        (BankOrder, {"end_to_end_id": "another"}, "as it was given"),
        (BankEntry, {"amount": 1}, "as it was booked"),
        (BankEntry, {"reference": "another"}, "as it was booked"),
        (PaymentReturn, {"amount": 1}, "stays"),
    ]
    for model, change, words in attacks:
        with pytest.raises(DatabaseError, match=words), transaction.atomic():
            model.objects.update(**change)


def nothing_of_it_can_be_deleted() -> None:
    models: list[Any] = [Mandate, MandateEvent, BankFile, BankOrder, BankEntry, PaymentReturn]
    for model in models:
        row = model.objects.all()[:1].get()
        with pytest.raises(DatabaseError), transaction.atomic():
            model.objects.filter(pk=row.pk)._raw_delete("default")


def an_order_is_of_one_attempt_and_an_attempt_has_one_order() -> None:
    copy = BankOrder.objects.get()
    copy.pk, copy.end_to_end_id = uuid7(), "another"

    with pytest.raises(IntegrityError), transaction.atomic():
        copy.save(force_insert=True)
    copy.file = None
    with pytest.raises(IntegrityError, match="bank_order_is_in_a_file"), transaction.atomic():
        copy.save(force_insert=True)


def a_message_and_an_entry_lie_here_once() -> None:
    for row in (BankDelivery.objects.first(), BankEntry.objects.first()):
        assert row is not None
        row.pk = uuid7()
        with pytest.raises(IntegrityError, match="once"), transaction.atomic():
            row.save(force_insert=True)


def an_entry_that_pays_nothing_is_not_matched() -> None:
    entry = BankEntry.objects.filter(is_credit=True).first()
    assert entry is not None
    broken = BankEntry.objects.filter(pk=entry.pk)

    with pytest.raises(IntegrityError, match="bank_entry_matched"), transaction.atomic():
        broken.update(state="matched", order=None)


@pytest.mark.usefixtures("returned")
def test_the_database_guards_what_lies_between_us_and_banks() -> None:
    for attack in (
        what_is_between_us_and_banks_cannot_be_rewritten,
        nothing_of_it_can_be_deleted,
        an_order_is_of_one_attempt_and_an_attempt_has_one_order,
        a_message_and_an_entry_lie_here_once,
        an_entry_that_pays_nothing_is_not_matched,
    ):
        with undone():
            attack()


def test_the_states_of_the_tables_are_those_of_the_domain() -> None:
    assert set(BankOrder.State.values) == {str(state) for state in OrderState}
    assert set(BankFile.State.values) == {str(state) for state in FileState}
    assert (set(ORDER_MOVES), set(FILE_MOVES)) == (set(OrderState), set(FileState))
