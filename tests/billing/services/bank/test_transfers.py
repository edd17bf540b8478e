"""Money that customers send, matched to the invoices that it is meant for."""

from datetime import date
from threading import Thread
from typing import Any

import pytest
from django.db import connection

from billing.domain.attempts import Answer
from billing.domain.creditor_references import creditor_reference, printed
from billing.errors import EntryTaken, InvoiceNotOpen
from billing.gateways.base import Outcome
from billing.models import BankEntry, Invoice, Payment, PaymentAttempt
from billing.queries.transfers import candidates
from billing.services.bank.rail import turn_bank_rail
from billing.services.bank.transfers import put_aside, take_transfer
from billing.services.payments.channels import Channel
from billing.services.payments.charging import open_attempt
from billing.services.payments.refunds import refund_payment
from billing.services.payments.settling import settle_attempt
from finance.queries import trial_balance, unposted_count
from finance.services.posting import post_documents
from subscriptions.services.transitions import Actor
from tests.bank_world import GOOD_IBAN, MONDAY, BankWorld
from tests.factories.accounts import make_user
from tests.factories.billing import one_off_invoice
from tests.factories.subscriptions import make_customer
from tests.stripe_world import PERSON
from tiktoktoe.kernel.money import Money, zero

pytestmark = pytest.mark.django_db
PAYER = {"name": "Kunde AG", "iban": GOOD_IBAN}


def euro_invoice() -> Invoice:
    """An open invoice of 99.00 euros."""
    return one_off_invoice(MONDAY, customer=make_customer(currency="EUR"))


def pay_in(bank: BankWorld, cents: int, **about: Any) -> BankEntry:
    """Let money arrive, and read of it."""
    bank.pay_in(cents, debtor=PAYER, **about)
    turn_bank_rail(at=MONDAY)
    return BankEntry.objects.latest("pk")


def test_a_transfer_with_the_reference_of_an_invoice_pays_it(bank: BankWorld) -> None:
    invoice = euro_invoice()

    entry = pay_in(bank, 9900, reference=creditor_reference(str(invoice)))

    invoice.refresh_from_db()
    payment = Payment.objects.get()
    assert (entry.state, entry.payment, invoice.state) == ("matched", payment, "paid")
    assert (payment.state, payment.amount) == ("paid", Money("99", "EUR"))
    attempt = PaymentAttempt.objects.get()
    assert (attempt.channel, attempt.gateway_reference) == ("bank_transfer", entry.reference)
    assert entry.why == f"it names {invoice}, and is what is due"


def test_what_payers_write_is_read_however_the_bank_cuts_it(bank: BankWorld) -> None:
    for wrap in (140, 35):
        invoice = euro_invoice()
        note = f"Rechnung {invoice} vom 2.3.2026, danke"

        assert pay_in(bank, 9900, note=note, wrap=wrap).state == "matched"

        invoice.refresh_from_db()
        assert invoice.state == "paid"


def test_a_reference_in_the_text_counts_as_what_it_is(bank: BankWorld) -> None:
    invoice = euro_invoice()
    reference = printed(creditor_reference(str(invoice)))

    assert pay_in(bank, 9900, note=reference).state == "matched"


def test_too_much_under_the_right_reference_pays_and_is_recorded_as_overpaid(
    bank: BankWorld,
) -> None:
    invoice = euro_invoice()

    entry = pay_in(bank, 10_000, reference=creditor_reference(str(invoice)))

    invoice.refresh_from_db()
    assert (entry.state, invoice.state) == ("matched", "paid")
    assert invoice.amount_overpaid == Money("1", "EUR")
    assert Payment.objects.get().events.filter(event="invoice_overpaid").count() == 1


def test_a_second_transfer_of_a_paid_invoice_is_recorded_as_overpaid(bank: BankWorld) -> None:
    invoice = euro_invoice()
    for _ in range(2):
        pay_in(bank, 9900, reference=creditor_reference(str(invoice)))

    invoice.refresh_from_db()
    assert invoice.amount_overpaid == Money("99", "EUR")
    assert Payment.objects.filter(state="paid").count() == 2


def test_what_is_not_beyond_doubt_waits_for_a_person(bank: BankWorld) -> None:
    invoice, other = euro_invoice(), euro_invoice()
    reference = creditor_reference(str(invoice))
    doubts: list[tuple[int, dict[str, Any], str]] = [
        (9800, {"reference": reference}, "of which €99.00 is due"),
        (9900, {"note": "thank you"}, "it names no invoice of ours"),
        (9900, {}, "it names no invoice of ours"),
        (10_000, {"note": f"{invoice}"}, "it seems to name"),
        (19_800, {"note": f"{invoice} {other}"}, "it may be for any of"),
    ]

    for number, (cents, given, why) in enumerate(doubts, start=1):
        entry = pay_in(bank, cents, **given)

        assert BankEntry.objects.count() == number
        assert (entry.state, why in entry.why) == ("waiting", True), (given, entry.why)
        assert Payment.objects.count() == 0
        assert invoice in candidates(entry) or cents != 9900 or not given


def test_a_person_takes_it_as_part_of_what_is_due(bank: BankWorld) -> None:
    invoice, user = euro_invoice(), make_user()
    entry = pay_in(bank, 4000, reference=creditor_reference(str(invoice)))

    take_transfer(
        entry=entry,
        invoice=invoice,
        why="by hand",
        actor=Actor(source="finance", user=user),
        at=MONDAY,
    )

    entry.refresh_from_db()
    invoice.refresh_from_db()
    assert (entry.state, entry.decided_by, invoice.shown_state) == ("matched", user, "part_paid")
    assert invoice.amount_due == Money("59", "EUR")


def test_an_entry_pays_once(bank: BankWorld) -> None:
    invoice, other = euro_invoice(), euro_invoice()
    entry = pay_in(bank, 9900, reference=creditor_reference(str(invoice)))

    with pytest.raises(EntryTaken, match="pays an invoice already"):
        take_transfer(entry=entry, invoice=other, why="again", actor=PERSON, at=MONDAY)
    with pytest.raises(EntryTaken):
        put_aside(entry=entry, reason="no", user=make_user(), at=MONDAY)

    assert Payment.objects.count() == 1


def test_an_invoice_that_is_void_or_in_another_currency_cannot_be_paid(bank: BankWorld) -> None:
    dollars = one_off_invoice(MONDAY)
    entry = pay_in(bank, 9900, note="hello")

    with pytest.raises(InvoiceNotOpen, match="is in USD, this is EUR"):
        take_transfer(entry=entry, invoice=dollars, why="", actor=PERSON, at=MONDAY)
    Invoice.objects.filter(pk=dollars.pk).update(state="void", voided_at=MONDAY)
    with pytest.raises(InvoiceNotOpen, match="is void"):
        take_transfer(entry=entry, invoice=dollars, why="", actor=PERSON, at=MONDAY)

    entry.refresh_from_db()
    assert entry.state == "waiting"


def test_while_another_payment_is_on_its_way_it_waits_and_is_taken_after(bank: BankWorld) -> None:
    invoice = euro_invoice()
    attempt = open_attempt(
        invoice=invoice, channel=Channel.HOSTED_PAGE, gateway="stripe", actor=PERSON, at=MONDAY
    )
    entry = pay_in(bank, 9900, reference=creditor_reference(str(invoice)))
    assert (entry.state, entry.why) == ("waiting", "another payment of the invoice is on its way")

    closed = Outcome(answer=Answer.ABANDONED)
    settle_attempt(attempt=attempt, outcome=closed, actor=PERSON, at=MONDAY)
    turn_bank_rail(at=MONDAY)

    entry.refresh_from_db()
    invoice.refresh_from_db()
    assert (entry.state, invoice.state) == ("matched", "paid")


def test_a_refund_of_a_transfer_goes_back_to_whoever_sent_it(bank: BankWorld) -> None:
    invoice = euro_invoice()
    entry = pay_in(bank, 10_000, reference=creditor_reference(str(invoice)))
    assert entry.payment is not None

    refund_payment(
        payment=entry.payment,
        amount=Money("1", "EUR"),
        reason="Overpaid",
        actor=PERSON,
        idempotency_key="r",
        at=MONDAY,
    )
    turn_bank_rail(at=MONDAY)
    bank.read_files()
    bank.advance(to=date(2026, 3, 4))
    turn_bank_rail(at=MONDAY)

    (sent,) = bank.payments()
    assert (sent["amount"], sent["creditor_iban"]) == (100, GOOD_IBAN)
    invoice.refresh_from_db()
    assert invoice.amount_overpaid == zero("EUR")


def test_the_books_know_of_every_transfer(bank: BankWorld) -> None:
    pay_in(bank, 9900, reference=creditor_reference(str(euro_invoice())))

    report = post_documents(at=MONDAY)

    assert (report.posted["payment_captured"], report.refused) == (1, 0)
    assert unposted_count(at=MONDAY) == 0
    rows = trial_balance(on=MONDAY.date(), currency="EUR").rows
    assert sum(row.balance_minor for row in rows) == 0


@pytest.mark.django_db(transaction=True)
def test_ten_people_who_match_one_entry_at_once_pay_one_invoice(bank: BankWorld) -> None:
    invoices = [euro_invoice() for _ in range(5)]
    entry = pay_in(bank, 9900, note="no idea")
    refused: list[str] = []

    def match(invoice: Invoice) -> None:
        try:
            take_transfer(entry=entry, invoice=invoice, why="by hand", actor=PERSON, at=MONDAY)
        except EntryTaken as refusal:
            refused.append(str(refusal))
        finally:
            connection.close()

    threads = [Thread(target=match, args=(invoice,)) for invoice in invoices * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 9
    assert Payment.objects.count() == Invoice.objects.filter(state="paid").count() == 1
