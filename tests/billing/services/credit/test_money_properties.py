"""Random histories with payments, refunds, one invoice for two subscriptions, and replacements;
with drafts that are held, follow late usage, are discarded and issued.

As test_credit_properties, with money that comes and goes: what the invoices say was paid is what
was paid, the books and the gateway's clearing account agree, what a billing run's credit notes
promise is given back, no event is billed twice, and each line still counts what it billed.
"""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.attempts import Answer
from billing.domain.part_amounts import Part
from billing.gateways.base import Outcome
from billing.gateways.registry import standing_in
from billing.models import CreditNote, Invoice, InvoiceLine, InvoicePart, Payment, Refund
from billing.queries.explanation import explain_line
from billing.services.changes.cancelling import CancelWhen, cancel_subscription
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.credit.credit_refunds import (
    left_to_refund,
    refund_credit_note,
    refund_promised,
)
from billing.services.invoices.consolidating import set_invoicing
from billing.services.invoices.draft_review import finalize_invoice, in_review, issue_all
from billing.services.invoices.redrafting import discard_draft
from billing.services.invoices.refreshing import refresh_held
from billing.services.invoices.replacing import replace_invoice
from billing.services.payments.channels import Channel
from billing.services.payments.charging import open_attempt
from billing.services.payments.refunds import refund_payment
from billing.services.payments.settling import settle_attempt
from finance.models import Posting
from subscriptions.domain.proration_policy import UnusedTime
from subscriptions.models import UsageEvent
from tests.billing.services.credit.test_credit_properties import (
    START,
    History,
    Steps,
    afterwards_nothing,
    cents,
    check_credit,
    check_documents,
    documents,
    play_steps,
)
from tests.factories.lifecycle import LONG_AGO, begin
from tests.factories.subscriptions import TEST_ACTOR, make_plan, published_version, recurring
from tests.factories.usage import use
from tests.strategies import histories
from tiktoktoe.kernel.money import Money
from tiktoktoe.simulator.cash_desk import CashDesk

pytestmark = pytest.mark.django_db
step = st.one_of(
    st.tuples(st.just("use"), st.integers(1, 9_999)),
    st.tuples(st.just("change"), st.integers(0, 5)),
    st.tuples(st.just("redeem"), st.integers(0, 2)),
    st.tuples(st.just("grant"), cents),
    st.tuples(st.just("pay"), cents),
    st.tuples(st.just("pay"), st.just(0)),
    st.tuples(st.just("refund"), cents),
    st.tuples(st.just("credit"), cents),
    st.tuples(st.just("void"), st.integers(0, 9)),
    st.tuples(st.just("replace"), st.integers(0, 9)),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("late"), st.integers(1, 9_999)),
    st.tuples(st.just("issue"), st.integers(0, 9)),
    st.tuples(st.just("discard"), st.integers(0, 9)),
)


class MoneyHistory(History):
    """A customer with two subscriptions on one invoice, who pays, and is given back.

    Drafts are held for so many days; none: they are issued at once.
    """

    def __init__(self, policy: str, review_days: int) -> None:
        super().__init__(policy, includes_tax=False)
        beside = published_version(
            recurring("12.34"), plan=make_plan(), currency="EUR", at=LONG_AGO
        )
        set_invoicing(
            customer=self.customer,
            currency="EUR",
            is_consolidated=True,
            review_days=review_days,
            actor=TEST_ACTOR,
            at=START,
        )
        begin(beside, START.isoformat(), customer=self.customer)

    def tend(self, at: datetime) -> None:
        refresh_held(at=at)
        super().tend(at)
        refund_promised(at=at)

    def late(self, n: int, at: datetime) -> None:
        """An event of some days ago."""
        use(self.customer, n, at - timedelta(days=n % 12), received_at=at)

    def cancel(self, n: int, at: datetime) -> None:
        """Now, or on a day: then it is a billing run that promises the money back."""
        cancel_subscription(
            subscription=self.subscription,
            actor=TEST_ACTOR,
            at=at,
            when=CancelWhen.ON_DAY if n else CancelWhen.NOW,
            on=at.date() + timedelta(days=n) if n else None,
            unused=UnusedTime.REFUND,
        )

    def issue(self, n: int, at: datetime) -> None:
        """One of the drafts that are held."""
        held = list(in_review().order_by("created_at", "period_start"))
        if held:
            issue_all(ids=[held[n % len(held)].pk], at=at)

    def discard(self, n: int, at: datetime) -> None:
        """One of them: its period is billed again, or not charged."""
        held = list(in_review().order_by("created_at", "period_start"))
        if held:
            discard_draft(
                invoice=held[n // 2 % len(held)],
                reason="Wrong",
                bills_again=bool(n % 2),
                actor=TEST_ACTOR,
                at=at,
            )

    def pay(self, n: int, at: datetime) -> None:
        """All that is due (0), or a part; the gateway says yes."""
        invoice = self._invoice(n)
        amount = Money(Decimal(n) / 100, "EUR")
        part = Part(amount=amount, of=invoice.amount_due) if n else None
        attempt = open_attempt(
            invoice=invoice,
            channel=Channel.HOSTED_PAGE,
            gateway="stripe",
            part=part,
            actor=TEST_ACTOR,
            at=at,
        )
        taken = Outcome(
            answer=Answer.SUCCEEDED, reference=f"ch_{attempt.pk}", amount=attempt.payment.amount
        )
        settle_attempt(attempt=attempt, outcome=taken, actor=TEST_ACTOR, at=at)

    def refund(self, n: int, at: datetime) -> None:
        """Money back without a credit note: owed again."""
        payments = list(Payment.objects.filter(state="paid").order_by("created_at"))
        if payments:
            refund_payment(
                payment=payments[n % len(payments)],
                amount=Money(Decimal(n) / 100, "EUR"),
                reason="Goodwill",
                actor=TEST_ACTOR,
                idempotency_key=f"refund:{at}",
                at=at,
            )

    def credit(self, n: int, at: datetime) -> None:
        """A credit note; what of it is to be refunded goes back at once."""
        note = issue_credit_note(
            invoice=self._invoice(n),
            amount=Decimal(n) / 100,
            reason="Goodwill",
            idempotency_key=f"note:{at}",
            at=at,
        )
        refund_credit_note(note=note, actor=TEST_ACTOR, at=at)

    def replace(self, n: int, at: datetime) -> None:
        """Void, or credited in full, with a draft in its place that is issued at once."""
        draft = replace_invoice(
            invoice=self._invoice(n), reason="Wrong address", actor=TEST_ACTOR, at=at
        )
        if draft.state == Invoice.State.DRAFT:
            finalize_invoice(invoice=draft, at=at)


def played(steps: Steps, policy: str, review_days: int) -> tuple[MoneyHistory, datetime]:
    with standing_in(CashDesk()):
        history = MoneyHistory(policy, review_days)
        return history, play_steps(history, steps)


def check_payments(history: MoneyHistory) -> None:
    """Every invoice knows what was paid and given back, and so does the clearing account."""
    for invoice in Invoice.objects.filter(customer=history.customer):
        paid = Payment.objects.filter(invoice=invoice, state="paid").aggregate(sum=Sum("amount"))
        back = Refund.objects.filter(payment__invoice=invoice, state="succeeded").aggregate(
            sum=Sum("amount")
        )
        assert invoice.amount_paid.amount == (paid["sum"] or 0)
        assert invoice.amount_refunded.amount == (back["sum"] or 0)
        assert invoice.amount_refunded <= invoice.amount_paid
    took = Payment.objects.filter(state="paid").aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
    gave = Refund.objects.filter(state="succeeded").aggregate(sum=Sum("amount"))["sum"]
    clearing = Posting.objects.filter(account__code="1100").aggregate(sum=Sum("amount_minor"))
    assert Decimal(clearing["sum"] or 0).scaleb(-2) == took - (gave or Decimal(0))


def check_promises(history: MoneyHistory) -> None:
    """What notes promise is given back, as far as any payment has something left to give."""
    for note in CreditNote.objects.filter(customer=history.customer, to_refund__gt=0):
        payments = Payment.objects.filter(invoice=note.invoice_id, state="paid")
        could_be = sum(payment.amount_refundable.amount for payment in payments)
        assert not left_to_refund(note) or not could_be


def check_usage(history: MoneyHistory) -> None:
    """No event is billed twice, and each line that was issued still counts what it billed."""
    lines = InvoiceLine.objects.filter(invoice__customer=history.customer, kind="usage")
    issued = lines.exclude(invoice__state__in=["draft", "discarded", "void"])
    billed = sum(line.quantity for line in issued)
    events = UsageEvent.objects.filter(customer_id=history.customer.pk)
    assert billed <= sum(event.quantity for event in events)
    for line in issued.select_related("invoice__customer", "price"):
        assert explain_line(line, line.invoice).agrees


def check_periods(history: MoneyHistory) -> None:
    """A subscription's boundary is on one invoice that counts, alone or with another's."""
    parts = InvoicePart.objects.filter(invoice__customer=history.customer, counts=True)
    known = list(parts.values_list("subscription", "period_start"))
    assert len(known) == len(set(known))


@histories(6, thorough=15)
@given(
    steps=st.lists(st.tuples(step, st.integers(0, 16)), min_size=4, max_size=8),
    policy=st.sampled_from(["own", "lago"]),
    review_days=st.sampled_from([0, 3]),
)
def test_what_is_paid_given_back_held_and_replaced_adds_up_and_is_the_same_again(
    steps: Steps, policy: str, review_days: int
) -> None:
    with afterwards_nothing():
        history, at = played(steps, policy, review_days)
        check_documents(history)
        check_credit(history, at)
        check_payments(history)
        check_promises(history)
        check_usage(history)
        check_periods(history)
        first = documents(history)
    with afterwards_nothing():
        history, _ = played(steps, policy, review_days)
        again = documents(history)

    assert again == first
