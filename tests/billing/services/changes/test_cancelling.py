"""A subscription ends: what is billed last, what is given back, and what is refused."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from billing.errors import BackdatingInvalid, PeriodNotBilled
from billing.models import CreditNote, Invoice, UnusedCredit
from billing.queries.credit_balance import credit_of
from billing.services.changes.cancelling import (
    Cancellation,
    CancelWhen,
    cancel_subscription,
    preview_cancellation,
)
from billing.services.changes.plan_changes import change_plan
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.credit.customer_credit import grant_credit
from billing.services.invoices.renewal import run_billing
from subscriptions.domain.proration_policy import UnusedTime
from subscriptions.errors import (
    SubscriptionChanged,
    SubscriptionEnded,
    TransitionNotAllowed,
)
from subscriptions.models import Subscription
from subscriptions.services.changes import withdraw_cancellation
from tests.factories.lifecycle import (
    at,
    begin,
    billed,
    fee_of,
    lines_of,
    noted,
    taxed_customer,
)
from tests.factories.subscriptions import TEST_ACTOR, per_call
from tests.factories.usage import use
from tests.golden import scenario
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.periods import Alignment

pytestmark = pytest.mark.django_db
JAN_16 = "2026-01-16T10:00"


def cancel(subscription: Subscription, when: str = JAN_16, **terms: Any) -> Cancellation:
    return cancel_subscription(subscription=subscription, actor=TEST_ACTOR, at=at(when), **terms)


def pay_by_credit(subscription: Subscription, amount: str) -> None:
    """Let the first invoice be paid, so that what is given back goes to the balance."""
    grant_credit(
        customer=subscription.customer,
        amount=Money(Decimal(amount), subscription.currency),
        reason="Paid by hand",
        idempotency_key=f"paid:{subscription.pk}",
        actor=TEST_ACTOR,
        at=subscription.started_at,
    )


def ended(subscription: Subscription) -> Subscription:
    subscription.refresh_from_db()
    return subscription


def test_a_day_that_was_used_is_billed_and_the_rest_comes_off_an_open_invoice() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")

    done = cancel(subscription)

    assert (noted(subscription), done.invoice) == (["15.00"], None)
    first = Invoice.objects.get(subscription=subscription)
    assert (first.state, first.amount_due) == ("open", Money(16, "USD"))
    assert (ended(subscription).state, subscription.next_billing_at) == ("canceled", None)
    assert subscription.ended_at == at(JAN_16)
    assert subscription.phases.get().ends_at == at("2026-01-17")


@pytest.mark.parametrize(
    ("policy", "given_back"), [("own", "15.00"), ("killbill", "16.00"), ("stripe", "15.58")]
)
def test_the_policy_says_until_when(policy: str, given_back: str) -> None:
    subscription = begin(fee_of("31.00", policy), "2026-01-01")

    cancel(subscription)

    assert noted(subscription) == [given_back]


@pytest.mark.parametrize("choice", ["credit", "skip"])
def test_lago_term_35_one_termination_two_policies(choice: str) -> None:
    golden = {case.get("on_termination"): case for case in scenario("LAGO-TERM-35")["cases"][:3]}
    expected = golden[choice]["expected"]["final_invoice"]
    usage = per_call("1.00", included="0")
    version = fee_of("100.00", "lago", usage, currency="EUR")
    subscription = begin(
        version, "2025-02-08", customer=taxed_customer("20"), alignment=Alignment.CALENDAR
    )
    pay_by_credit(subscription, "90.00")
    for n in range(5):
        use(subscription.customer, 10, at(f"2025-02-10T0{n}:00"))

    done = cancel(subscription, "2025-02-21T10:00", unused=UnusedTime(choice))

    assert done.invoice is not None
    assert done.invoice.subtotal.amount * 100 == expected["subtotal_cents"]
    assert done.invoice.tax.amount * 100 == expected["tax_cents"]
    assert done.invoice.amount_due.amount * 100 == expected["total_cents"]
    assert noted(subscription) == (["30.00"] if choice == "credit" else [])
    assert credit_of(subscription.customer_id, "EUR").amount == 0


def test_lago_term_35_the_day_it_began_leaves_a_balance() -> None:
    usage = per_call("1.00", included="0")
    version = fee_of("100.00", "lago", usage, currency="EUR")
    subscription = begin(
        version, "2025-02-08", customer=taxed_customer("20"), alignment=Alignment.CALENDAR
    )
    pay_by_credit(subscription, "90.00")
    use(subscription.customer, 50, at("2025-02-08T05:00"))

    done = cancel(subscription, "2025-02-08T12:00")

    (note,) = done.notes
    assert (note.subtotal.amount, note.tax.amount) == (Decimal("71.43"), Decimal("14.29"))
    assert done.invoice is not None
    assert (done.invoice.total.amount, done.invoice.state) == (Decimal("60.00"), "paid")
    assert credit_of(subscription.customer_id, "EUR") == Money("25.72", "EUR")


def test_lago_term_35_in_arrears_there_is_nothing_to_give_back() -> None:
    usage = per_call("1.00", included="0")
    version = fee_of("100.00", "lago", usage, currency="EUR", timing="arrears")
    subscription = begin(
        version, "2025-02-08", customer=taxed_customer("20"), alignment=Alignment.CALENDAR
    )
    use(subscription.customer, 50, at("2025-02-10"))

    done = cancel(subscription, "2025-02-21")

    assert lines_of(done.invoice) == [("recurring", "50.00"), ("usage", "50.00")]
    assert done.invoice is not None
    assert (done.invoice.total.amount, done.notes) == (Decimal("120.00"), ())


def test_after_an_upgrade_more_comes_back_than_its_own_invoice_came_to() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    change_plan(
        subscription=subscription,
        plan_version=fee_of("62.00"),
        quantity=1,
        actor=TEST_ACTOR,
        at=at("2026-01-18T09:00"),
    )

    done = cancel(subscription, "2026-01-18T12:00")

    totals = {note.invoice.number: note.total.amount for note in done.notes}
    assert sorted(totals.values()) == [Decimal(12), Decimal(14)]  # 62.00 x 13/31 together
    assert sum(i.total.amount - i.amount_credited.amount for i in Invoice.objects.all()) == 19


def test_what_a_note_gave_back_already_is_not_given_back_again() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    invoice = Invoice.objects.get(subscription=subscription)
    issue_credit_note(
        invoice=invoice,
        reason="Goodwill",
        idempotency_key="g",
        amount=Decimal(25),
        at=at("2026-01-02"),
    )

    cancel(subscription)

    assert noted(subscription) == ["25.00", "6.00"]


def test_at_period_end_and_on_a_day_it_is_scheduled_and_can_be_withdrawn() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")

    cancel_subscription(
        subscription=subscription,
        when=CancelWhen.PERIOD_END,
        actor=TEST_ACTOR,
        at=at(JAN_16),
    )

    assert ended(subscription).cancel_at == at("2026-02-01")
    with pytest.raises(TransitionNotAllowed):
        preview_cancellation(
            subscription=subscription, when=CancelWhen.PERIOD_END, at=at("2026-01-17")
        )
    withdraw_cancellation(subscription=subscription, actor=TEST_ACTOR, at=at("2026-01-17"))
    run_billing(at=at("2026-02-01"))
    assert ended(subscription).state == "active"


def test_on_a_day_of_this_period_the_run_ends_it_and_gives_the_rest_back() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    cancel_subscription(
        subscription=subscription,
        when=CancelWhen.ON_DAY,
        on=date(2026, 1, 20),
        actor=TEST_ACTOR,
        at=at(JAN_16),
    )
    assert ended(subscription).next_billing_at == at("2026-01-21")

    run_billing(at=at("2026-01-21"))

    assert (ended(subscription).state, subscription.ended_at) == ("canceled", at("2026-01-21"))
    assert noted(subscription) == ["11.00"]


def test_on_a_day_of_a_later_period_only_the_days_until_then_are_charged() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    cancel_subscription(
        subscription=subscription,
        when=CancelWhen.ON_DAY,
        on=date(2026, 2, 14),
        actor=TEST_ACTOR,
        at=at(JAN_16),
    )

    run_billing(at=at("2026-03-01"))

    assert billed(subscription) == [
        ("2026-01-01", "2026-02-01", "31.00"),
        ("2026-02-01", "2026-02-15", "15.50"),
    ]
    assert (ended(subscription).state, noted(subscription)) == ("canceled", [])


def test_a_trial_ends_for_nothing() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01", trial_days=30)

    done = cancel(subscription)

    assert (done.invoice, done.notes, Invoice.objects.count()) == (None, (), 0)
    assert ended(subscription).state == "canceled"


def test_ending_twice_too_late_or_from_an_old_page_is_refused_and_changes_nothing() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    seen = preview_cancellation(subscription=subscription, at=at(JAN_16))
    with pytest.raises(PeriodNotBilled):
        cancel(subscription, "2026-02-01")
    with pytest.raises(BackdatingInvalid):
        cancel_subscription(
            subscription=subscription,
            when=CancelWhen.ON_DAY,
            on=date(2025, 12, 31),
            actor=TEST_ACTOR,
            at=at(JAN_16),
        )
    cancel_subscription(
        subscription=subscription, when=CancelWhen.PERIOD_END, actor=TEST_ACTOR, at=at(JAN_16)
    )
    with pytest.raises(SubscriptionChanged):
        cancel(subscription, expected=seen.token)
    assert (CreditNote.objects.count(), ended(subscription).state) == (0, "active")

    cancel(subscription)

    with pytest.raises(SubscriptionEnded):
        cancel(subscription)
    assert CreditNote.objects.count() == 1


def test_the_database_gives_a_line_s_unused_time_back_only_once() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    cancel(subscription)
    kept = UnusedCredit.objects.get()

    with pytest.raises(IntegrityError), transaction.atomic():
        UnusedCredit.objects.create(
            invoice_line=kept.invoice_line,
            unused_from=at("2026-01-20"),
            form=UnusedCredit.Form.NOTE,
            currency="USD",
            amount=1,
        )


def test_a_day_whose_usage_was_billed_is_not_billed_again_by_the_next_subscription() -> None:
    version = fee_of("31.00", "own", per_call("1.00", included="0"))
    first = begin(version, "2026-01-01")
    use(first.customer, 5, at("2026-01-15T08:00"))
    cancel(first, "2026-01-15T10:00")

    second = begin(version, "2026-01-15T11:00", customer=first.customer)
    use(first.customer, 3, at("2026-01-20"))
    run_billing(at=at("2026-02-15"))

    assert billed(first, "usage") == [("2026-01-01", "2026-01-16", "5.00")]
    assert billed(second, "usage") == [("2026-01-16", "2026-02-15", "3.00")]
