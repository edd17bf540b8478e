"""Weeks at somebody else's bank, whatever happens: its truth, ours and the books are one."""

from datetime import timedelta
from random import Random

import pytest

from billing.domain.creditor_references import creditor_reference
from billing.models import BankDelivery, BankOrder, Invoice, Payment, PaymentAttempt
from billing.services.bank.files import send_files
from billing.services.bank.mandates import revoke_mandate
from billing.services.bank.rail import turn_bank_rail
from billing.services.payments.collection import collect_due
from finance.domain.chart import GATEWAY_CLEARING
from finance.queries import trial_balance, unposted_count
from finance.services.posting import post_documents
from tests.bank_world import (
    CLOSED_IBAN,
    GOOD_IBAN,
    MONDAY,
    POOR_IBAN,
    BankWorld,
    forget_that_files_were_sent,
)
from tests.billing.services.bank_scene import DebitScene
from tests.stripe_world import PERSON

pytestmark = pytest.mark.django_db
DAYS = 12
ACCOUNTS = [GOOD_IBAN] * 4 + [POOR_IBAN, CLOSED_IBAN]
REASONS = ["AM04", "AC04", "MD01", "MD06", "MS03"]


def balance(bank: BankWorld) -> int:
    """What the bank says is on our account, in cents."""
    answer = bank.http.get("accounts/ACME").raise_for_status()
    return int(answer.json()["balance"])


class Weeks:
    """Customers come, debits go out, and everything that can go wrong does now and then."""

    def __init__(self, bank: BankWorld, seed: int) -> None:
        self.bank, self.dice, self.at = bank, Random(seed), MONDAY
        self.scenes: list[DebitScene] = []

    def live(self) -> None:
        """So many days, then some more in which nothing new happens."""
        for _ in range(DAYS):
            if len(self.scenes) < 8:
                self._new_customer()
            self._mischief()
            self._turn()
            self._next_day()
        for _ in range(6):
            turn_bank_rail(at=self.at)
            self.bank.read_files()
            self._next_day()
        turn_bank_rail(at=self.at)

    def _new_customer(self) -> None:
        scene = DebitScene(self.bank, iban=self.dice.choice(ACCOUNTS))
        self.scenes.append(scene)

    def _turn(self) -> None:
        collect_due(at=self.at)
        turn_bank_rail(at=self.at)
        self.bank.read_files()
        if self.dice.random() < 0.4:  # we do not know whether it was sent: send it again
            forget_that_files_were_sent()
            send_files(at=self.at)
            self.bank.read_files()

    def _mischief(self) -> None:
        held = [row for row in self.bank.collections() if self._may_refuse(row)]
        if held and self.dice.random() < 0.6:
            row = self.dice.choice(held)
            self.bank.refuse(row["end_to_end_id"], self.dice.choice(REASONS))
        if self.scenes and self.dice.random() < 0.2:
            mandate = self.dice.choice(self.scenes).mandate
            mandate.refresh_from_db()
            if mandate.state == "active":
                revoke_mandate(mandate=mandate, reason="by letter", actor=PERSON, at=self.at)
        owed = list(Invoice.objects.collectable())
        if owed and self.dice.random() < 0.4:
            number = str(self.dice.choice(owed))
            self.bank.pay_in(9900, reference=creditor_reference(number))
        for path in sorted((self.bank.incoming / "read").glob("*"))[-3:]:
            if self.dice.random() < 0.5:  # the same message again, not to the byte
                (self.bank.incoming / path.name).write_bytes(path.read_bytes() + b"\n")

    @staticmethod
    def _may_refuse(row: dict[str, object]) -> bool:
        return row["status"] == "accepted" and row["debtor_iban"] == GOOD_IBAN

    def _next_day(self) -> None:
        self.at += timedelta(days=1)
        self.bank.advance_days(1)


@pytest.mark.parametrize("seed", [1, 3])
def test_after_weeks_of_trouble_everybody_says_the_same(bank: BankWorld, seed: int) -> None:
    before = balance(bank)
    weeks = Weeks(bank, seed)
    weeks.live()

    states = {}
    for attempt in PaymentAttempt.objects.filter(bank_order__isnull=False).select_related(
        "payment", "bank_order"
    ):
        states[attempt.bank_order.end_to_end_id] = (attempt.state, attempt.payment.state)
    for row in bank.collections():
        attempt_state, payment_state = states[row["end_to_end_id"]]
        if row["status"] == "rejected":
            assert attempt_state == "declined"
        else:
            back = row["status"] == "returned"
            assert (attempt_state, payment_state == "returned") == ("succeeded", back)
    assert {row["status"] for row in bank.collections()} == {"accepted", "rejected", "returned"}

    received = sum(invoice.amount_paid.amount for invoice in Invoice.objects.all())
    assert balance(bank) - before == received * 100
    post_documents(at=weeks.at)
    assert unposted_count(at=weeks.at) == 0
    rows = trial_balance(on=weeks.at.date(), currency="EUR").rows
    assert sum(row.balance_minor for row in rows) == 0
    in_transit = sum(r.balance_minor for r in rows if r.account.code == GATEWAY_CLEARING)
    assert in_transit == received * 100

    names = [row["end_to_end_id"] for row in bank.collections()]
    assert len(names) == len(set(names))
    assert not BankOrder.objects.filter(state__in=["planned", "filed"]).exists()
    assert not BankDelivery.objects.exclude(problem="").exists()
    assert not Payment.objects.filter(events__event="gateway_contradicts").exists()
