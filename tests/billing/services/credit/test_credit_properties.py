"""Random histories with coupons, wallets, credit and tax: no cent lost or made, the same again.

Each history is played twice, from nothing, and must give the same documents both times.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import given
from hypothesis import strategies as st

from billing.models import (
    CouponUse,
    CreditEntry,
    CreditNote,
    CreditNoteLine,
    Invoice,
    InvoiceLine,
    PrepaidCredit,
    PrepaidEntry,
)
from billing.queries.credit_balance import credit_of
from billing.services.changes.cancelling import CancelWhen, cancel_subscription
from billing.services.changes.pausing import pause, resume
from billing.services.changes.plan_changes import change_plan
from billing.services.credit.coupons import CouponDetails, create_coupon, redeem_coupon
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.credit.customer_credit import grant_credit, withdraw_credit
from billing.services.credit.wallets import expire_prepaid, grant_prepaid, open_wallet
from billing.services.invoices.draft_review import issue_reviewed
from billing.services.invoices.invoicing import void_invoice
from billing.services.invoices.renewal import run_billing
from finance.models import Posting
from finance.services.posting import post_documents
from subscriptions.domain.proration_policy import Timing, UnusedTime
from subscriptions.models import BillingPolicy, Subscription
from subscriptions.services.policies import ChangeOverride, assign_policy
from tests.factories.lifecycle import LONG_AGO, begin, taxed_customer
from tests.factories.subscriptions import (
    TEST_ACTOR,
    make_plan,
    per_call,
    published_version,
    recurring,
)
from tests.factories.usage import use
from tests.strategies import histories
from tiktoktoe.kernel.errors import TikTokToeError
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
REVIEW_MAX = 4
START = datetime(2026, 1, 31, 12, tzinfo=UTC)
COUPONS = {
    "PERCENT": {"percentage": Decimal("12.5"), "duration": "forever"},
    "AMOUNT": {"amount": Money("33.33", "EUR"), "duration": "once"},
    "MONTHS": {"amount": Money("7.77", "EUR"), "duration": "repeating", "periods": 2},
}
cents = st.integers(1, 30_000)
step = st.one_of(
    st.tuples(st.just("use"), st.integers(1, 9_999)),
    st.tuples(st.just("change"), st.integers(0, 5)),
    st.tuples(st.just("change"), st.integers(0, 5)),
    st.tuples(st.just("redeem"), st.integers(0, 2)),
    st.tuples(st.just("prepay"), cents),
    st.tuples(st.just("grant"), cents),
    st.tuples(st.just("withdraw"), cents),
    st.tuples(st.just("credit"), cents),
    st.tuples(st.just("void"), st.just(0)),
    st.tuples(st.just("toggle"), st.just(0)),
    st.tuples(st.just("cancel"), st.integers(0, 1)),
)
Steps = list[tuple[tuple[str, int], int]]


class History:
    """A taxed customer with a subscription to which things happen."""

    def __init__(self, policy: str, *, includes_tax: bool) -> None:
        rules = BillingPolicy.objects.get(code=policy, number=1)
        self.versions = []
        for fee in ("19.99", "101.01", "249.00"):
            version = published_version(
                recurring(fee),
                per_call("0.0137", included="100"),
                plan=make_plan(),
                currency="EUR",
                at=LONG_AGO,
                includes_tax=includes_tax,
            )
            assign_policy(policy=rules, from_plan=version.plan, at=LONG_AGO, actor=TEST_ACTOR)
            self.versions.append(version)
        for code, terms in COUPONS.items():
            details = CouponDetails(code=code, name=code, **terms)  # type: ignore[arg-type]
            create_coupon(details=details, at=LONG_AGO)
        self.customer = taxed_customer("19")
        self.wallet = open_wallet(customer=self.customer, currency="EUR", name="Main", at=START)
        self.subscription = begin(self.versions[0], START.isoformat(), customer=self.customer)

    def play(self, what: str, n: int, at: datetime) -> None:
        self.subscription.refresh_from_db()
        getattr(self, what)(n, at)

    def tend(self, at: datetime) -> None:
        """What the scheduler does beside billing."""
        issue_reviewed(at=at)
        expire_prepaid(at=at)

    def use(self, n: int, at: datetime) -> None:
        use(self.customer, n, at)

    def change(self, n: int, at: datetime) -> None:
        change_plan(
            subscription=self.subscription,
            plan_version=self.versions[n % 3],
            quantity=1,
            override=ChangeOverride(timing=Timing.IMMEDIATE if n > 2 else None),
            actor=TEST_ACTOR,
            at=at,
        )

    def redeem(self, n: int, at: datetime) -> None:
        redeem_coupon(code=list(COUPONS)[n], customer=self.customer, actor=TEST_ACTOR, at=at)

    def prepay(self, n: int, at: datetime) -> None:
        grant_prepaid(
            wallet=self.wallet,
            amount=_eur(n),
            reason="Given",
            expires_at=at + timedelta(days=n % 40 + 1),
            **_key(at),
        )

    def grant(self, n: int, at: datetime) -> None:
        grant_credit(customer=self.customer, amount=_eur(n), reason="Given", **_key(at))

    def withdraw(self, n: int, at: datetime) -> None:
        withdraw_credit(customer=self.customer, amount=_eur(n), reason="Mistake", **_key(at))

    def credit(self, n: int, at: datetime) -> None:
        issue_credit_note(
            invoice=self._invoice(n),
            amount=Decimal(n) / 100,
            reason="Goodwill",
            idempotency_key=f"note:{at}",
            at=at,
        )

    def void(self, n: int, at: datetime) -> None:
        void_invoice(invoice=self._invoice(n), at=at)

    def toggle(self, _n: int, at: datetime) -> None:
        act = resume if self.subscription.state == Subscription.State.PAUSED else pause
        act(subscription=self.subscription, actor=TEST_ACTOR, at=at)

    def cancel(self, n: int, at: datetime) -> None:
        cancel_subscription(
            subscription=self.subscription,
            actor=TEST_ACTOR,
            at=at,
            when=CancelWhen.PERIOD_END if n else CancelWhen.NOW,
            unused=UnusedTime.CREDIT,
        )

    def _invoice(self, n: int) -> Invoice:
        mine = Invoice.objects.filter(customer=self.customer)
        invoices = list(mine.order_by("created_at", "number"))
        return invoices[n % len(invoices)]


def _eur(minor: int) -> Money:
    return Money(Decimal(minor).scaleb(-2), "EUR")


def _key(at: datetime) -> dict[str, Any]:
    return {"idempotency_key": f"{at}", "actor": TEST_ACTOR, "at": at}


def run(steps: Steps, policy: str, *, includes_tax: bool) -> tuple[History, datetime]:
    history = History(policy, includes_tax=includes_tax)
    return history, play_steps(history, steps)


def play_steps(history: History, steps: Steps) -> datetime:
    """Let the steps happen, and a month go by; gives when it is over."""
    at = START
    for (what, n), days in steps:
        at += timedelta(days=days, minutes=1)
        run_billing(at=at)
        history.tend(at)
        at += timedelta(minutes=1)
        before = documents(history)
        try:
            history.play(what, n, at)
        except TikTokToeError:
            assert documents(history) == before  # refused: then nothing has come of it
    at += timedelta(days=32)
    run_billing(at=at)
    at += timedelta(days=REVIEW_MAX)
    history.tend(at)
    return at


def documents(history: History) -> list[object]:
    """Everything that was issued and entered, without names that are made up each time."""
    lines = InvoiceLine.objects.filter(invoice__customer=history.customer).order_by(
        "invoice__created_at", "invoice__kind", "invoice__number", "position"
    )
    notes = CreditNoteLine.objects.filter(credit_note__customer=history.customer).order_by(
        "credit_note__issued_at", "credit_note__number", "invoice_line__position"
    )
    invoices = Invoice.objects.filter(customer=history.customer).order_by(
        "created_at", "kind", "number"
    )
    entries = CreditEntry.objects.filter(customer=history.customer).order_by("at", "amount")
    prepaid = PrepaidEntry.objects.filter(credit__wallet__customer=history.customer)
    amounts = ("subtotal", "tax", "total", "amount_credited", "amount_from_balance")
    return [
        list(invoices.values_list("kind", "state", "number", *amounts, "amount_from_wallets")),
        list(
            lines.values_list(
                "kind", "description", "period_start", "period_end", "amount", "tax_amount"
            )
        ),
        list(notes.values_list("credit_note__number", "description", "amount", "tax_amount")),
        list(entries.values_list("kind", "amount", "at")),
        list(prepaid.order_by("at", "amount").values_list("kind", "amount", "at")),
    ]


def check_documents(history: History) -> None:
    """Each document adds up, and nothing was taken back beyond what was charged."""
    for invoice in Invoice.objects.filter(customer=history.customer):
        lines = list(invoice.lines.all())
        assert invoice.subtotal.amount == sum(line.amount.amount for line in lines)
        assert invoice.tax.amount == sum(line.tax_amount.amount for line in lines)
        breakdown = sum(Decimal(row["tax"]) for row in invoice.tax_breakdown)
        assert invoice.tax.amount == breakdown
        assert Decimal(0) <= invoice.amount_credited.amount <= invoice.total.amount
        notes = CreditNote.objects.filter(invoice=invoice)
        assert invoice.amount_credited.amount == sum(note.total.amount for note in notes)
        uses = CouponUse.objects.filter(invoice=invoice, is_returned=False)
        taken_off = uses.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
        gave_back = invoice.state in {Invoice.State.VOID, Invoice.State.DISCARDED}
        off = sum(line.discount.amount for line in lines)
        assert taken_off == (0 if gave_back else off)
        for line in lines:
            back = CreditNoteLine.objects.filter(invoice_line=line)
            net = sum(row.amount.amount for row in back)
            tax = sum(row.tax_amount.amount for row in back)
            if line.amount.amount >= 0:
                assert Decimal(0) <= net <= line.amount.amount
                assert Decimal(0) <= tax <= line.tax_amount.amount


def check_credit(history: History, at: datetime) -> None:
    """Balances are what their entries come to, and the books say the same of all of them."""
    entries = CreditEntry.objects.filter(customer=history.customer)
    held = credit_of(history.customer.pk, "EUR").amount
    assert held == sum((entry.amount.amount for entry in entries), Decimal(0))
    assert held >= 0
    for lot in PrepaidCredit.objects.filter(wallet=history.wallet):
        moved = PrepaidEntry.objects.filter(credit=lot).aggregate(sum=Sum("amount"))["sum"]
        assert lot.amount_left.amount == lot.amount.amount + (moved or 0)
        assert Decimal(0) <= lot.amount_left.amount <= lot.amount.amount
    report = post_documents(at=at)
    assert report.refused == 0
    books: dict[str, Decimal] = {}
    for code, minor in Posting.objects.values_list("account__code").annotate(
        sum=Sum("amount_minor")
    ):
        books[code] = Decimal(minor).scaleb(-2)
    owed = sum(
        (
            invoice.amount_due.amount - invoice.amount_overpaid.amount
            for invoice in Invoice.objects.filter(customer=history.customer)
        ),
        Decimal(0),
    )
    assert sum(books.values()) == 0
    assert books.get("1200", Decimal(0)) == owed
    assert -books.get("2300", Decimal(0)) == held
    issued = Invoice.objects.filter(
        customer=history.customer, state__in=["open", "paid", "uncollectible"]
    )
    charged = issued.aggregate(sum=Sum("tax"))["sum"] or Decimal(0)
    notes = CreditNote.objects.filter(invoice__in=issued).aggregate(sum=Sum("tax"))["sum"]
    assert -books.get("2100", Decimal(0)) == charged - (notes or Decimal(0))


@contextmanager
def afterwards_nothing() -> Iterator[None]:
    """Play in a world that is gone afterwards; no atomic block, for closing usage refuses one."""
    here = transaction.savepoint()
    try:
        yield
    finally:
        transaction.savepoint_rollback(here)


@histories(7, thorough=20)
@given(
    steps=st.lists(st.tuples(step, st.integers(0, 9)), min_size=5, max_size=12),
    policy=st.sampled_from(["own", "lago", "stripe"]),
    includes_tax=st.booleans(),
)
def test_no_cent_is_lost_or_made_and_a_history_gives_the_same_documents_again(
    steps: Steps, policy: str, includes_tax: bool
) -> None:
    with afterwards_nothing():
        history, at = run(steps, policy, includes_tax=includes_tax)
        check_documents(history)
        check_credit(history, at)
        first = documents(history)
    with afterwards_nothing():
        history, _ = run(steps, policy, includes_tax=includes_tax)
        again = documents(history)

    assert again == first
