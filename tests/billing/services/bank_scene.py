"""A customer with a mandate, an invoice in euros, and somebody else's bank."""

from datetime import datetime, timedelta
from typing import Any

from billing.models import BankOrder, Invoice, Mandate, PaymentAttempt
from billing.services.bank.mandates import give_mandate
from billing.services.bank.rail import Turn, turn_bank_rail
from billing.services.payments.charging import charge_invoice
from subscriptions.models import Customer
from tests.bank_world import GOOD_IBAN, MONDAY, BankWorld
from tests.factories.billing import one_off_invoice, open_invoice
from tests.factories.subscriptions import make_customer, published_version
from tests.stripe_world import PERSON

__all__ = ["TUESDAY", "DebitScene"]

TUESDAY = MONDAY + timedelta(days=1)


class DebitScene:
    """One customer whose first invoice of 99.00 euros is collected by debit."""

    def __init__(
        self, bank: BankWorld, *, iban: str = GOOD_IBAN, is_subscriber: bool = False
    ) -> None:
        self.bank = bank
        self.at: datetime = MONDAY
        self.customer: Customer = make_customer(currency="EUR", locale="de")
        self.mandate: Mandate = self.sign(iban)
        self.invoice: Invoice = (
            open_invoice(self.at, customer=self.customer, version=published_version(currency="EUR"))
            if is_subscriber
            else one_off_invoice(self.at, customer=self.customer)
        )

    def sign(self, iban: str = GOOD_IBAN, **about: Any) -> Mandate:
        """The customer gives a mandate."""
        return give_mandate(
            customer=self.customer,
            gateway="bank",
            account_number=iban,
            debtor_name="Blauwal Analytik GmbH",
            signed_by="clara@blauwal.example",
            actor=PERSON,
            at=self.at,
            **about,
        )

    def charge(self) -> PaymentAttempt:
        """Ask for the invoice's money."""
        return charge_invoice(invoice=self.invoice, actor=PERSON, at=self.at)

    def turn(self) -> Turn:
        """One turn of our side, then the bank reads what we have sent."""
        done = turn_bank_rail(at=self.at)
        self.bank.read_files()
        return done

    def day(self, days: int = 1) -> Turn:
        """So many days pass, at the bank and here."""
        self.at += timedelta(days=days)
        self.bank.advance_days(days)
        return self.turn()

    def until_booked(self) -> BankOrder:
        """Charge, and let time pass until the bank has booked the debit."""
        attempt = self.charge()
        self.turn()
        for _ in range(7):
            order = BankOrder.objects.get(attempt=attempt)
            if order.state == BankOrder.State.BOOKED:
                return order
            self.day()
        raise AssertionError("the debit was never booked")

    def order(self) -> BankOrder:
        """The order of the last attempt."""
        return BankOrder.objects.select_related("attempt__payment__invoice").latest("pk")
