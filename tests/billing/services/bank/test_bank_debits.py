"""Debits from mandate to money, against somebody else's bank."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.errors import MandateInvalid, NothingToCharge
from billing.models import (
    Announcement,
    BankDelivery,
    BankEntry,
    BankFile,
    BankOrder,
    Invoice,
    Mandate,
    Payment,
    PaymentAttempt,
)
from billing.services.announcements.announcing import announce_new, start_announcing
from billing.services.announcements.notice_text import render_notice
from billing.services.bank.files import send_files
from billing.services.bank.mandates import expire_mandates, revoke_mandate
from billing.services.bank.rail import turn_bank_rail
from billing.services.bank.sealing import unseal
from billing.services.payments.charging import charge_invoice
from tests.bank_world import (
    CLOSED_IBAN,
    GOOD_IBAN,
    POOR_IBAN,
    BankWorld,
    forget_that_files_were_sent,
)
from tests.billing.services.bank_scene import DebitScene
from tests.stripe_world import PERSON

pytestmark = pytest.mark.django_db

TOTAL = 9900


@pytest.fixture
def scene(bank: BankWorld) -> DebitScene:
    """A customer with a mandate on a good account."""
    return DebitScene(bank)


def test_a_debit_is_announced_filed_taken_and_booked(scene: DebitScene) -> None:
    attempt = scene.charge()

    assert attempt.state == "pending"
    assert Payment.objects.get().state == "processing"
    turn = scene.turn()
    order = scene.order()
    assert (turn.planned, turn.sent, order.state) == (1, 1, "filed")
    assert order.due_on == date(2026, 3, 4)  # two days' notice were agreed
    scene.turn()
    assert scene.order().state == "accepted"
    assert BankFile.objects.get().state == "accepted"
    scene.day(2)

    assert scene.order().state == "booked"
    assert scene.order().booked_on == date(2026, 3, 4)
    attempt.refresh_from_db()
    scene.invoice.refresh_from_db()
    assert (attempt.state, Payment.objects.get().state) == ("succeeded", "paid")
    assert scene.invoice.state == "paid"
    assert [row["amount"] for row in scene.bank.collections()] == [TOTAL]


def test_what_travels_to_the_bank_is_what_was_agreed(scene: DebitScene) -> None:
    scene.charge()
    scene.turn()

    (row,) = scene.bank.collections()
    assert row["mandate_id"] == scene.mandate.reference
    assert (row["mandate_signed"], row["sequence_type"]) == ("2026-03-02", "RCUR")
    assert (row["debtor_iban"], row["debtor_name"]) == (GOOD_IBAN, "Blauwal Analytik GmbH")
    assert row["end_to_end_id"] == scene.order().end_to_end_id


@pytest.mark.parametrize(
    ("iban", "decline", "states"),
    [
        (POOR_IBAN, ("AM04", "soft_funds"), ("open", "active")),
        (CLOSED_IBAN, ("AC04", "hard_instrument"), ("failed", "revoked")),
    ],
)
def test_a_debit_that_is_refused_has_its_reason(
    bank: BankWorld, iban: str, decline: tuple[str, str], states: tuple[str, str]
) -> None:
    scene = DebitScene(bank, iban=iban)
    attempt = scene.charge()
    scene.turn()
    scene.turn()

    attempt.refresh_from_db()
    scene.mandate.refresh_from_db()
    assert (attempt.state, scene.order().state) == ("declined", "rejected")
    assert (attempt.decline_code, attempt.decline_class) == decline
    assert (Payment.objects.get().state, scene.mandate.state) == states
    assert Invoice.objects.get().state == "open"


def test_a_file_that_was_sent_twice_is_collected_once(scene: DebitScene) -> None:
    scene.charge()
    scene.turn()
    forget_that_files_were_sent()

    send_files(at=scene.at)
    scene.bank.read_files()
    scene.turn()

    assert BankFile.objects.get().sends == 2
    assert len(scene.bank.collections()) == 1
    assert scene.order().state == "accepted"
    results = BankDelivery.objects.filter(kind="pain.002").values_list("result", flat=True)
    assert "a copy was refused; the first one counts" in list(results)
    assert not BankDelivery.objects.exclude(problem="").exists()


def test_a_debit_of_a_mandate_that_was_withdrawn_meanwhile_never_leaves(
    bank: BankWorld, settings: Any
) -> None:
    settings.GATEWAYS["bank"]["notice_days"] = "7"
    scene = DebitScene(bank)
    attempt = scene.charge()
    assert scene.turn().files == 0
    revoke_mandate(mandate=scene.mandate, reason="by letter", actor=PERSON, at=scene.at)

    scene.day(7)

    attempt.refresh_from_db()
    assert scene.bank.collections() == []
    assert (attempt.state, attempt.decline_class) == ("declined", "hard_revoked")
    assert "it was withdrawn; the customer has to give a new one" in attempt.message
    assert BankOrder.objects.get(attempt=attempt).state == "stopped"


def test_nothing_is_charged_by_a_mandate_that_has_expired(scene: DebitScene) -> None:
    scene.mandate.last_used_on = date(2023, 3, 2)
    scene.mandate.save(update_fields=["last_used_on"])

    with pytest.raises(NothingToCharge, match="the mandate was withdrawn or has expired"):
        scene.charge()

    assert PaymentAttempt.objects.count() == 0
    assert expire_mandates(at=scene.at) == 1
    scene.mandate.refresh_from_db()
    assert scene.mandate.state == "expired"
    assert scene.mandate.events.last().reason == "not used for 36 months"  # type: ignore[union-attr]


def test_a_mandate_for_one_payment_is_used_up_by_it(bank: BankWorld) -> None:
    scene = DebitScene(bank)
    revoke_mandate(mandate=scene.mandate, reason="another", actor=PERSON, at=scene.at)
    one_off = scene.sign(sequence_type="OOFF")
    scene.charge()
    scene.turn()

    one_off.refresh_from_db()
    assert (one_off.state, scene.order().state) == ("used", "filed")
    assert scene.bank.collections()[0]["sequence_type"] == "OOFF"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("DE89370400440532013001", "account_number: this is no account number"),
        ("US64SVBKUS6S3300958879", "account_number"),
        ("", "account_number"),
    ],
)
def test_a_number_that_cannot_be_is_refused_by_field(
    scene: DebitScene, number: str, words: str
) -> None:
    with pytest.raises(MandateInvalid, match=words):
        scene.sign(number)

    assert Mandate.objects.count() == 1


def test_an_account_has_one_active_mandate(scene: DebitScene) -> None:
    with pytest.raises(MandateInvalid, match="there is a mandate for this account already"):
        scene.sign("de89 3704 0044 0532 0130 00")

    assert Mandate.objects.count() == 1


def test_a_folder_that_cannot_be_written_to_keeps_the_file_for_later(
    scene: DebitScene, settings: Any
) -> None:
    scene.charge()
    away = scene.bank.outgoing.rename(scene.bank.outgoing.parent / "away")
    assert turn_bank_rail(at=scene.at).sent == 0
    file = BankFile.objects.get()
    assert (file.state, file.sends) == ("written", 1)

    away.rename(scene.bank.outgoing)
    scene.turn()

    assert BankFile.objects.get().state == "sent"
    assert len(scene.bank.collections()) == 1


def test_a_payment_that_is_pending_for_days_is_no_failure(scene: DebitScene) -> None:
    attempt = scene.charge()
    for _ in range(3):
        charge = PaymentAttempt.objects.get()
        assert charge.next_check_at is not None
        scene.day()

    attempt.refresh_from_db()
    assert attempt.state in {"pending", "succeeded"}
    assert PaymentAttempt.objects.count() == 1


def test_files_are_written_in_a_fixed_number_of_queries(bank: BankWorld) -> None:
    counts = []
    for many in (1, 5):
        for _ in range(many):
            DebitScene(bank).charge()
        turn_bank_rail(at=DebitScene(bank).at)
        with CaptureQueriesContext(connection) as queries:
            turn_bank_rail(at=DebitScene(bank).at)
        counts.append(len(queries))

    assert counts[0] <= counts[1] + 20


def test_a_second_invoice_of_the_day_goes_with_the_same_file(scene: DebitScene) -> None:
    other = DebitScene(scene.bank)
    for one in (scene, other):
        charge_invoice(invoice=one.invoice, actor=PERSON, at=scene.at)
    scene.turn()

    file = BankFile.objects.get()
    assert (file.orders_count, file.total.amount * 100) == (2, 2 * TOTAL)
    assert len(scene.bank.collections()) == 2


def test_the_customer_is_told_before_the_debit_and_after_a_return(scene: DebitScene) -> None:
    start_announcing(at=scene.at - timedelta(days=1))
    order = scene.until_booked()
    scene.bank.refuse(order.end_to_end_id, "AM04")
    scene.turn()
    announce_new(at=scene.at)

    told = {
        one.kind: render_notice(
            kind=one.kind,
            facts=one.facts,
            locale="de",
            time_zone="Europe/Berlin",
            customer_id=scene.customer.pk,
            customer_name=scene.customer.name,
        )
        for one in Announcement.objects.filter(kind__in=["debit.upcoming", "payment.returned"])
    }
    upcoming, returned = told["debit.upcoming"].text, told["payment.returned"].text
    assert "am 4. März 2026 per Lastschrift" in upcoming
    assert f"Endziffern 3000, nach Mandat {scene.mandate.reference}" in upcoming
    assert "sind wieder offen" in returned
    assert GOOD_IBAN not in upcoming + returned


def test_an_account_number_is_nowhere_in_the_clear(booked: DebitScene) -> None:
    with connection.cursor() as cursor:
        for model in (Mandate, BankFile, BankDelivery, BankEntry):
            cursor.execute(f"SELECT t::text FROM {model._meta.db_table} t")
            rows = [row[0] for row in cursor.fetchall()]
            assert rows
            assert not [row for row in rows if GOOD_IBAN in row]
    assert unseal(booked.mandate.account_sealed) == GOOD_IBAN


def test_a_statement_that_is_read_twice_books_once(booked_there: DebitScene) -> None:
    scene = booked_there
    order = scene.order()
    entries = BankEntry.objects.count()
    copied = sorted((scene.bank.incoming / "read").glob("camt.05*"))

    for path in copied:
        (scene.bank.incoming / f"again-{path.name}").write_bytes(path.read_bytes())
        (scene.bank.incoming / f"spaced-{path.name}").write_bytes(path.read_bytes() + b"\n")
    turn_bank_rail(at=scene.at)

    assert BankEntry.objects.count() == entries == 1
    assert order.payment.events.filter(event="payment_paid").count() == 1
    assert Invoice.objects.get().amount_paid.amount * 100 == TOTAL
