"""Workers that die between writing a file and sending it, and two of them at once."""

import os
import signal
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from billing.gateways.bank_door import BankDoor
from billing.models import BankDelivery, BankFile, BankOrder, Payment
from billing.services.bank.inbox import take_in
from billing.services.bank.rail import turn_bank_rail
from tests.bank_world import BankWorld
from tests.billing.services.bank_scene import DebitScene
from tests.stripe_world import NOW

pytestmark = pytest.mark.django_db(transaction=True)


def in_a_child(scene: DebitScene, kill: str) -> int:
    """One turn in a process of its own, which ends by SIGKILL before or after the file is sent."""
    connections.close_all()
    child = get_context("fork").Process(target=_turn_and_die, args=(scene, kill))
    child.start()
    child.join(60)
    assert child.exitcode is not None
    return child.exitcode


def _turn_and_die(scene: DebitScene, kill: str) -> None:
    real = BankDoor.send

    def send(self: BankDoor, name: str, body: bytes) -> None:
        if kill == "after":
            real(self, name, body)
        if kill:
            os.kill(os.getpid(), signal.SIGKILL)
        real(self, name, body)

    BankDoor.send = send  # type: ignore[method-assign]
    turn_bank_rail(at=scene.at)
    os._exit(0)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_that_is_killed_around_the_sending_collects_once(
    bank: BankWorld, moment: str
) -> None:
    scene = DebitScene(bank)
    attempt = scene.charge()

    assert in_a_child(scene, moment) == -signal.SIGKILL
    file = BankFile.objects.get()
    assert (file.state, file.sends) == ("written", 1)
    bank.read_files()
    scene.turn()  # sends it again, whether or not the bank has it
    scene.day(2)

    attempt.refresh_from_db()
    file.refresh_from_db()
    assert (attempt.state, Payment.objects.get().state) == ("succeeded", "paid")
    assert len(bank.collections()) == 1
    assert BankOrder.objects.get().state == "booked"
    assert not BankDelivery.objects.exclude(problem="").exists()


def test_two_workers_at_once_write_each_order_into_one_file(bank: BankWorld) -> None:
    scenes = [DebitScene(bank) for _ in range(6)]
    for scene in scenes:
        scene.charge()
    connections.close_all()
    children: list[Any] = [
        get_context("fork").Process(target=_turn_and_die, args=(scenes[0], "")) for _ in range(2)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    turn_bank_rail(at=scenes[0].at)
    bank.read_files()

    rows = bank.collections()
    assert [child.exitcode for child in children] == [0, 0]
    assert len(rows) == len({row["end_to_end_id"] for row in rows}) == 6
    assert BankOrder.objects.filter(file__isnull=False).count() == 6


def test_what_cannot_be_read_keeps_nothing_before_it_from_being_taken_in(
    bank: BankWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("1", "2", "3"):
        (bank.incoming / name).write_text(name)
    read = Path.read_bytes

    def read_some(path: Path) -> bytes:
        if path.name == "2":
            raise PermissionError(path)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", read_some)

    assert take_in(at=NOW) == 1
    assert sorted(path.name for path in bank.incoming.iterdir() if path.is_file()) == ["2", "3"]
    assert BankDelivery.objects.get().name == "1"
