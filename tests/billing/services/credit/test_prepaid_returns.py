"""What prepaid credits paid goes back to them when it is given back, and nowhere else."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum

from billing.domain.attempts import Answer
from billing.errors import CreditInvalid
from billing.gateways.base import Outcome
from billing.models import CreditNote, Invoice, PrepaidCredit, PrepaidEntry, Wallet
from billing.queries.credit_balance import credit_of
from billing.services.changes.cancelling import cancel_subscription, preview_cancellation
from billing.services.changes.plan_change_previews import preview_plan_change
from billing.services.changes.plan_changes import change_plan
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.credit.wallets import grant_prepaid, open_wallet
from billing.services.invoices.invoicing import bill_start
from billing.services.payments.channels import Channel
from billing.services.payments.charging import open_attempt
from billing.services.payments.settling import settle_attempt
from finance.models import Posting
from finance.services.posting import post_documents
from subscriptions.domain.proration_policy import Timing, UnusedTime
from subscriptions.models import Customer, Subscription
from subscriptions.services.policies import ChangeOverride
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_plan,
    published_version,
    recurring,
    subscription_since,
)
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
JAN_16 = datetime(2026, 1, 16, 12, tzinfo=UTC)
D = Decimal


def gift(customer: Customer, amount: str, *, expires_at: datetime | None = None) -> Wallet:
    wallet = open_wallet(customer=customer, currency="USD", name="Welcome", at=JAN_1)
    grant_prepaid(
        wallet=wallet,
        amount=Money(amount, "USD"),
        reason="Welcome",
        idempotency_key=f"welcome:{customer.pk}",
        actor=TEST_ACTOR,
        expires_at=expires_at,
        at=JAN_1,
    )
    return wallet


def pay(invoice: Invoice, *, at: datetime) -> None:
    attempt = open_attempt(
        invoice=invoice, channel=Channel.HOSTED_PAGE, gateway="stripe", actor=TEST_ACTOR, at=at
    )
    amount = attempt.payment.amount
    paid = Outcome(answer=Answer.SUCCEEDED, reference=f"paid-{attempt.pk}", amount=amount)
    settle_attempt(attempt=attempt, outcome=paid, actor=TEST_ACTOR, at=at)


def billed(amount: str, gifted: str, *, expires_at: datetime | None = None) -> Subscription:
    """A month in advance, paid with gifts as far as they go."""
    customer = make_customer()
    gift(customer, gifted, expires_at=expires_at)
    version = published_version(recurring(amount), plan=make_plan())
    subscription = subscription_since(JAN_1, customer=customer, version=version)
    bill_start(subscription=subscription, at=JAN_1)
    return subscription


def left(subscription: Subscription) -> list[tuple[Decimal, datetime | None]]:
    lots = PrepaidCredit.objects.filter(wallet__customer=subscription.customer, amount_left__gt=0)
    return list(lots.order_by("at").values_list("amount_left", "expires_at"))


def balance(subscription: Subscription) -> Decimal:
    return credit_of(subscription.customer_id, "USD").amount


def books() -> dict[str, int]:
    """Postings must cancel out; gives the balance of what customers owe and are owed."""
    post_documents(at=JAN_16)
    assert not Posting.objects.aggregate(sum=Sum("amount_minor"))["sum"]
    rows = Posting.objects.filter(account__code__in=["1200", "2310"]).values_list("account__code")
    return {code: amount for code, amount in rows.annotate(Sum("amount_minor")) if amount}


@pytest.mark.parametrize("choice", [UnusedTime.CREDIT, UnusedTime.REFUND])
def test_a_period_paid_with_gifts_goes_back_to_them_when_it_is_given_back(
    choice: UnusedTime,
) -> None:
    subscription = billed("31.00", "31.00")

    cancel_subscription(subscription=subscription, actor=TEST_ACTOR, at=JAN_16, unused=choice)

    note = CreditNote.objects.get()
    assert (note.to_wallets.amount, note.to_balance.amount, note.to_refund.amount) == (15, 0, 0)
    assert balance(subscription) == 0
    assert left(subscription) == [(D(15), None)]
    assert Invoice.objects.get().amount_due.amount == 0
    assert books() == {}


def test_what_money_paid_beside_gifts_goes_to_the_balance_by_its_share() -> None:
    """20 of 31 by gifts: of the 15 that are given back 9.68 are theirs."""
    subscription = billed("31.00", "20.00")
    pay(Invoice.objects.get(), at=JAN_1)

    cancel_subscription(subscription=subscription, actor=TEST_ACTOR, at=JAN_16)

    assert left(subscription) == [(D("9.68"), None)]
    assert balance(subscription) == D("5.32")
    assert books() == {}


def test_gifts_come_back_with_their_expiry_and_have_thirty_days_at_least() -> None:
    far, soon = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 1, 20, tzinfo=UTC)
    later, short = (billed("31.00", "31.00", expires_at=at) for at in (far, soon))

    for subscription in (later, short):
        cancel_subscription(subscription=subscription, actor=TEST_ACTOR, at=JAN_16)

    assert left(later) == [(D(15), far)]
    assert left(short) == [(D(15), JAN_16 + timedelta(days=30))]
    assert books() == {}


@pytest.mark.parametrize("expires", [None, datetime(2026, 1, 20, tzinfo=UTC)])
def test_a_preview_knows_what_comes_back_and_pays_the_next_invoice(
    expires: datetime | None,
) -> None:
    """A change whose unused time is a note of its own: the gift pays part of the new plan."""
    subscription = billed("31.00", "31.00", expires_at=expires)
    dearer = published_version(recurring("62.00"), plan=make_plan(interval="year"))
    asked = {
        "subscription": subscription,
        "plan_version": dearer,
        "quantity": 1,
        "at": JAN_16,
        "override": ChangeOverride(timing=Timing.IMMEDIATE, unused_time=UnusedTime.REFUND),
    }

    seen = preview_plan_change(**asked)  # type: ignore[arg-type]
    change_plan(actor=TEST_ACTOR, **asked)  # type: ignore[arg-type]

    invoice = Invoice.objects.exclude(kind="start").latest("created_at")
    assert seen.draft is not None
    assert seen.draft.from_wallets == invoice.amount_from_wallets == Money(16, "USD")
    assert seen.due_now == invoice.amount_due


def test_the_whole_of_an_invoice_comes_back_in_parts_to_the_cent() -> None:
    subscription = billed("31.00", "20.00")
    invoice = Invoice.objects.get()
    pay(invoice, at=JAN_1)

    for number, amount in enumerate(["0.01", "10.33", "7.77", None]):
        issue_credit_note(
            invoice=invoice,
            reason="Outage",
            idempotency_key=str(number),
            amount=D(amount) if amount else None,
            at=JAN_16,
        )

    sums = CreditNote.objects.aggregate(Sum("to_wallets"), Sum("to_refund"), Sum("to_balance"))
    assert list(sums.values()) == [D(20), D(11), D(0)]
    assert left(subscription) == [(D(20), None)]


def test_the_preview_of_a_cancellation_says_where_it_goes() -> None:
    subscription = billed("31.00", "31.00")

    (note,) = preview_cancellation(subscription=subscription, at=JAN_16).notes

    assert (note.to_wallets.amount, note.to_balance.amount) == (D(15), D(0))


def test_nobody_turns_gifts_into_lasting_credit_or_money() -> None:
    """Not a person by a wish, and not a program past our own rules."""
    billed("31.00", "20.00")
    invoice = Invoice.objects.get()
    pay(invoice, at=JAN_1)

    with pytest.raises(CreditInvalid):
        issue_credit_note(
            invoice=invoice,
            reason="x",
            idempotency_key="x",
            amount=D(31),
            to_balance=D(31),
            at=JAN_16,
        )
    note = issue_credit_note(
        invoice=invoice,
        reason="x",
        idempotency_key="y",
        amount=D(11),
        to_balance=D(11),
        at=JAN_16,
    )
    note.pk, note.number, note.idempotency_key = PrepaidEntry.objects.first().pk, "CN-9", "z"  # type: ignore[union-attr]
    with pytest.raises(IntegrityError, match="goes back to them"), transaction.atomic():
        note.save(force_insert=True)
    assert CreditNote.objects.count() == 1
