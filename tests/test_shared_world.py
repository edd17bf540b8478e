"""A shared world is arranged once, is the same for each test, and goes with the last of them."""

from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction

from billing.models import Invoice
from billing.services.invoices.invoicing import void_invoice
from subscriptions.models import Customer
from tests import shared_world as worlds
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import JAN_1, make_customer
from tests.shared_world import end_shared_world, shared_world, undone

pytestmark = pytest.mark.django_db
arranged: list[UUID] = []


@dataclass
class World:
    invoice: Invoice
    notes: list[str]


def arrange() -> World:
    invoice = open_invoice()
    arranged.append(invoice.pk)
    return World(invoice, [])


world = shared_world(arrange)


def test_a_test_without_it_sees_nothing_of_it() -> None:
    assert Invoice.objects.count() == 0


@pytest.mark.parametrize("time", [1, 2, 3])
def test_each_test_finds_it_as_it_was_arranged_whatever_another_did(
    world: World, time: int
) -> None:
    (found,) = Invoice.objects.all()
    assert (found, found.state, found.pk) == (world.invoice, "open", arranged[-1])
    assert (world.invoice.state, world.notes) == ("open", [])
    assert Customer.objects.count() == 1
    assert len(arranged) == 1

    void_invoice(invoice=world.invoice, at=JAN_1 + timedelta(days=time))
    world.notes.append("mine")
    make_customer()
    with pytest.raises(IntegrityError), transaction.atomic():
        Customer.objects.create(pk=world.invoice.customer_id, created_at=JAN_1)
    assert Invoice.objects.get().state == "void"


def test_after_the_last_that_asked_for_it_nothing_is_left() -> None:
    assert Invoice.objects.count() == 0
    assert len(connection.atomic_blocks) == 1  # its own


@pytest.mark.django_db(transaction=True)
def test_nor_does_a_transactional_test_find_it() -> None:
    assert not connection.in_atomic_block
    assert Invoice.objects.count() == 0


def test_what_is_done_in_between_is_undone() -> None:
    for _ in range(2):
        with undone():
            make_customer()
            assert Customer.objects.count() == 1

    assert Customer.objects.count() == 0


def test_at_the_sessions_end_a_closed_connection_has_undone_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worlds, "_standing", ["a world, and nothing to undo it with"])
    monkeypatch.setattr(worlds, "connection", SimpleNamespace(in_atomic_block=False))

    end_shared_world(is_end=True)

    assert worlds._standing == []
