"""The bank rail in the United States: ACH files, acknowledgements and returns with R codes."""

from datetime import date, timedelta
from typing import Any

import pytest

from billing.domain.bank_days import is_fed_day
from billing.errors import BankMessageUnreadable, MandateInvalid
from billing.gateways.bank_reading import read_delivery
from billing.gateways.registry import gateway_named
from billing.models import (
    BankDelivery,
    BankFile,
    BankOrder,
    Invoice,
    Mandate,
    Payment,
    PaymentAttempt,
    PaymentReturn,
)
from billing.services.bank.mandates import give_ach_authorization
from billing.services.bank.rail import turn_bank_rail
from billing.services.bank.sealing import unseal
from billing.services.payments.charging import charge_invoice
from billing.services.payments.refunds import refund_payment
from tests.bank_world import IBAN, MONDAY, BankWorld
from tests.factories.billing import one_off_invoice
from tests.factories.subscriptions import make_customer
from tests.stripe_world import PERSON
from tiktoktoe.kernel.money import Money, zero

pytestmark = pytest.mark.django_db
BANKS_ROUTING = "999999992"
GOOD = ("021000021", "123456789")  # at another bank
POOR = (BANKS_ROUTING, "0000000002")
CLOSED = (BANKS_ROUTING, "0000000003")


class AchScene:
    """A customer whose first invoice of 99.00 dollars is collected by ACH."""

    def __init__(self, bank: BankWorld, account: tuple[str, str] = GOOD) -> None:
        self.bank, self.at = bank, MONDAY
        self.customer = make_customer()
        self.mandate = give_ach_authorization(
            customer=self.customer,
            gateway="nacha",
            routing_number=account[0],
            account_number=account[1],
            debtor_name="Acme Widgets",
            signed_by="clara@acme.example",
            actor=PERSON,
            at=self.at,
        )
        self.invoice = one_off_invoice(self.at, customer=self.customer)

    def charge(self) -> PaymentAttempt:
        """Ask for the invoice's money."""
        return charge_invoice(invoice=self.invoice, actor=PERSON, at=self.at)

    def turn(self) -> None:
        """One turn of our side, then the bank reads what we have sent."""
        turn_bank_rail(at=self.at)
        self.bank.read_files()

    def day(self) -> None:
        """A day passes, at the bank and here."""
        self.at += timedelta(days=1)
        self.bank.advance_days(1)
        self.turn()

    def until_booked(self) -> BankOrder:
        """Charge, and let time pass until the bank has booked the debit."""
        self.charge()
        self.turn()
        for _ in range(6):
            order = BankOrder.objects.get()
            if order.state == BankOrder.State.BOOKED:
                return order
            self.day()
        raise AssertionError("the debit was never booked")


@pytest.fixture
def ach(bank: BankWorld, settings: Any) -> BankWorld:
    """The bank with our account in dollars, which banks in ACH files."""
    settings.GATEWAYS = {
        **{name: terms for name, terms in settings.GATEWAYS.items() if name != "bank"},
        "nacha": {
            "kind": "nacha",
            "company_id": "0000000001",
            "holder": "ACME Corporation",
            "routing_number": BANKS_ROUTING,
            "account": "0000000001",
            "account_alias": IBAN,
            "out_folder": str(bank.outgoing),
            "in_folder": str(bank.incoming),
            "time_zone": "Europe/Berlin",
            "notice_days": "1",
        },
    }
    bank.behave("ACME", format="nacha", currency="USD")
    return bank


def test_a_debit_travels_in_an_ach_file_and_is_booked(ach: BankWorld) -> None:
    scene = AchScene(ach)
    order = scene.until_booked()

    file = BankFile.objects.get()
    assert file.message_id.startswith("0000000001-260302")
    assert (len(order.end_to_end_id), order.booked_on) == (15, order.due_on)
    assert (Payment.objects.get().state, Invoice.objects.get().state) == ("paid", "paid")
    (row,) = ach.collections()
    assert (row["amount"], row["end_to_end_id"]) == (9900, order.end_to_end_id)
    assert not BankDelivery.objects.exclude(problem="").exists()


def test_somebody_elses_bank_finds_nothing_wrong_with_the_file(ach: BankWorld) -> None:
    AchScene(ach).charge()
    turn_bank_rail(at=MONDAY)
    (path,) = ach.outgoing.glob("*.ach")

    lines = path.read_text().splitlines()
    answer = ach.http.post("validate", content=path.read_bytes())

    assert {len(line) for line in lines} == {94}
    assert len(lines) % 10 == 0
    assert (answer.status_code, "0 findings" in answer.text) == (200, True)


def test_an_account_without_funds_comes_back_with_its_r_code(ach: BankWorld) -> None:
    ach.behave("GLOBEX", currency="USD")
    scene = AchScene(ach, POOR)
    attempt = scene.charge()
    scene.turn()
    scene.turn()
    for _ in range(3):
        scene.day()

    attempt.refresh_from_db()
    assert (attempt.state, attempt.decline_code, attempt.decline_class) == (
        "declined",
        "R01",
        "soft_funds",
    )
    # The same news comes a second time, as a return file.
    assert BankDelivery.objects.filter(kind="nacha.return").exists()
    assert not BankDelivery.objects.exclude(problem="").exists()
    assert PaymentReturn.objects.count() == 0
    # Presented again, the entry has to say so (Nacha, since 18 September 2015).
    scene.charge()
    turn_bank_rail(at=scene.at)
    bodies = [unseal(file.body_sealed) for file in BankFile.objects.order_by("written_at")]
    assert [body.splitlines()[1][53:63] for body in bodies] == ["INVOICE   ", "RETRY PYMT"]


def test_an_unauthorized_debit_comes_back_and_ends_the_authorization(ach: BankWorld) -> None:
    scene = AchScene(ach)
    order = scene.until_booked()
    ach.refuse(order.end_to_end_id, "R10")
    scene.turn()
    scene.day()

    made = PaymentReturn.objects.get()
    mandate = Mandate.objects.get()
    assert made.decline_class == "hard_revoked"
    assert (Invoice.objects.get().state, mandate.state) == ("open", "revoked")
    assert list(Payment.objects.order_by("created_at", "pk").values_list("state", flat=True)) == [
        "returned",
        "failed",
    ]


def test_a_refund_goes_back_as_an_ach_credit(ach: BankWorld) -> None:
    scene = AchScene(ach)
    order = scene.until_booked()
    refund_payment(
        payment=order.payment,
        amount=Money("9", "USD"),
        reason="Sorry",
        actor=PERSON,
        idempotency_key="r",
        at=scene.at,
    )
    for _ in range(3):
        scene.day()

    (sent,) = ach.payments()
    assert sent["amount"] == 900
    assert order.payment.refunds.get().state == "succeeded"
    assert Invoice.objects.get().amount_due != zero("USD")


@pytest.mark.parametrize(
    ("routing", "account", "field"),
    [("021000022", "123", "routing_number"), ("021000021", "12 3", "account_number")],
)
def test_a_number_that_cannot_be_is_refused_by_field(
    ach: BankWorld, routing: str, account: str, field: str
) -> None:
    with pytest.raises(MandateInvalid, match=field):
        AchScene(ach, (routing, account))

    assert Mandate.objects.count() == 0


def test_an_order_has_the_same_short_name_whenever_it_is_asked_for(ach: BankWorld) -> None:
    attempt = AchScene(ach).charge()

    gateway = gateway_named("nacha")
    first = gateway.read_charge(attempt.gateway_reference).reference
    found = gateway.find_charge(our_reference=str(attempt.pk), customer_reference="", since=MONDAY)
    assert first == found.reference
    assert len(first) == 15


def test_the_federal_reserve_keeps_its_eleven_holidays_of_2026() -> None:
    year = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]

    closed = [day for day in year if day.weekday() < 5 and not is_fed_day(day)]

    # 4 July 2026 is a Saturday: the banks are open on the Friday before.
    assert closed == [
        date(2026, 1, 1),
        date(2026, 1, 19),
        date(2026, 2, 16),
        date(2026, 5, 25),
        date(2026, 6, 19),
        date(2026, 9, 7),
        date(2026, 10, 12),
        date(2026, 11, 11),
        date(2026, 11, 26),
        date(2026, 12, 25),
    ]
    assert not is_fed_day(date(2027, 7, 5))  # the 4th is a Sunday


@pytest.mark.parametrize("body", [b"101 garbage", b"ACKNOWLEDGEMENT 1\nENTRY", b"101"])
def test_a_broken_ach_message_is_no_crash(body: bytes) -> None:
    try:
        message = read_delivery(body)
    except BankMessageUnreadable:
        return
    assert message.returns == ()
