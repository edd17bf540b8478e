from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import PlanChangeInvalid, PlanChangeNotNow
from billing.models import Invoice, InvoiceLine, PlanChange
from billing.services.changes.plan_change_previews import preview_plan_change
from billing.services.changes.plan_changes import change_plan, withdraw_plan_change
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.invoices.invoicing import bill_start, preview_next_invoice
from billing.services.invoices.renewal import run_billing
from subscriptions.errors import PlanVersionNotOnSale
from subscriptions.models import PlanVersion, Subscription, SubscriptionPhase
from subscriptions.services.changes import schedule_cancellation
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_plan,
    per_call,
    published_version,
    recurring,
    subscription_since,
)
from tests.factories.usage import use
from tests.shared_world import undone
from tests.strategies import histories
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
JAN_18 = datetime(2026, 1, 18, 15, 30, tzinfo=UTC)
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
MAR_1 = datetime(2026, 3, 1, tzinfo=UTC)


def fee(amount: str, **plan: object) -> PlanVersion:
    return published_version(recurring(amount), plan=make_plan(**plan))


def started(version: PlanVersion) -> Subscription:
    """A subscription of a version since January 1st, whose first period has been billed."""
    subscription = subscription_since(JAN_1, version=version)
    bill_start(subscription=subscription, at=JAN_1)
    return subscription


def change(subscription: Subscription, version: PlanVersion, at: datetime = JAN_18) -> PlanChange:
    return change_plan(
        subscription=subscription, plan_version=version, quantity=1, actor=TEST_ACTOR, at=at
    )


def amounts(invoice: Invoice) -> list[tuple[str, Decimal]]:
    return [(line.kind, line.amount.amount) for line in invoice.lines.all()]


def test_an_upgrade_credits_and_charges_the_rest_of_the_month_by_days() -> None:
    subscription = started(fee("31.00"))

    done = change(subscription, fee("62.00"))

    assert done.invoice is not None
    assert (done.state, done.invoice.kind, done.invoice.number) == (
        "applied",
        "change",
        "INV-000002",
    )
    assert amounts(done.invoice) == [
        ("proration_credit", Decimal("-14.0000")),
        ("proration_charge", Decimal("28.0000")),
    ]
    assert done.effective_at == datetime(2026, 1, 18, tzinfo=UTC)
    subscription.refresh_from_db()
    assert subscription.plan_version_id == done.plan_version_id


def test_a_second_upgrade_credits_the_first_one_and_not_the_original_fee() -> None:
    subscription = started(fee("31.00"))
    change(subscription, fee("62.00"), datetime(2026, 1, 11, tzinfo=UTC))

    second = change(subscription, fee("93.00"), datetime(2026, 1, 22, tzinfo=UTC))

    assert second.invoice is not None
    assert amounts(second.invoice) == [
        ("proration_credit", Decimal("-20.0000")),
        ("proration_charge", Decimal("30.0000")),
    ]


def test_what_a_credit_note_gave_back_is_not_credited_again() -> None:
    subscription = started(fee("31.00"))
    first = Invoice.objects.get()
    issue_credit_note(
        invoice=first, reason="Goodwill", idempotency_key="g", amount=Decimal(25), at=JAN_1
    )

    done = change(subscription, fee("62.00"))

    assert done.invoice is not None
    assert amounts(done.invoice)[0] == ("proration_credit", Decimal("-6.0000"))


def test_a_downgrade_waits_for_the_next_period() -> None:
    subscription = started(fee("62.00"))
    smaller = fee("31.00")

    done = change(subscription, smaller)

    assert (done.state, done.effective_at, done.invoice) == ("scheduled", FEB_1, None)
    subscription.refresh_from_db()
    assert subscription.plan_version_id != smaller.pk
    preview = preview_next_invoice(subscription=subscription)
    assert preview is not None
    assert preview.totals.total == Money("31.00", "USD")

    run_billing(at=FEB_1)

    subscription.refresh_from_db()
    assert subscription.plan_version_id == smaller.pk
    assert amounts(Invoice.objects.get(number="INV-000002")) == [("recurring", Decimal("31.0000"))]
    done.refresh_from_db()
    assert (done.state, done.applied_at) == ("applied", FEB_1)
    starts = SubscriptionPhase.objects.values_list("starts_at", flat=True).order_by("starts_at")
    assert list(starts) == [JAN_1, FEB_1]


def test_another_interval_waits_and_is_counted_from_there() -> None:
    subscription = started(fee("10.00"))

    done = change(subscription, fee("100.00", interval="year"))
    run_billing(at=FEB_1)

    assert done.effective_at == FEB_1
    subscription.refresh_from_db()
    assert subscription.current_period_end == datetime(2027, 2, 1, tzinfo=UTC)
    assert amounts(Invoice.objects.get(number="INV-000002")) == [("recurring", Decimal("100.0000"))]


def test_a_scheduled_change_can_be_withdrawn_and_replaced() -> None:
    subscription = started(fee("62.00"))
    first = change(subscription, fee("31.00"))
    second = change(subscription, fee("20.00"))

    first.refresh_from_db()
    assert (first.state, second.state) == ("withdrawn", "scheduled")
    withdraw_plan_change(change=second, at=JAN_18)
    run_billing(at=FEB_1)

    assert amounts(Invoice.objects.get(number="INV-000002")) == [("recurring", Decimal("62.0000"))]


def test_usage_stays_rated_by_the_price_of_its_days() -> None:
    cheap = published_version(recurring("31.00"), per_call("0.01", included="0"), plan=make_plan())
    dear = published_version(recurring("62.00"), per_call("0.02", included="0"), plan=make_plan())
    subscription = started(cheap)
    use(subscription.customer, 100, datetime(2026, 1, 17, 23, tzinfo=UTC))
    use(subscription.customer, 100, datetime(2026, 1, 18, 1, tzinfo=UTC))

    change(subscription, dear)
    run_billing(at=FEB_1)

    usage = InvoiceLine.objects.filter(kind="usage").order_by("period_start")
    assert [line.amount.amount for line in usage] == [Decimal("1.0000"), Decimal("2.0000")]


def test_a_trial_changes_at_once_and_costs_nothing() -> None:
    subscription = subscription_since(JAN_1, version=fee("10.00"), trial_days=14)

    done = change(subscription, fee("20.00"), datetime(2026, 1, 5, tzinfo=UTC))

    assert (done.state, done.invoice) == ("applied", None)


def test_more_seats_are_charged_for_the_days_left() -> None:
    version = published_version(recurring("31.00", charge_model="per_unit"), plan=make_plan())
    subscription = started(version)

    done = change_plan(
        subscription=subscription, plan_version=version, quantity=3, actor=TEST_ACTOR, at=JAN_18
    )

    assert done.invoice is not None
    assert done.invoice.total == Money("28.00", "USD")


def test_more_seats_do_not_start_the_included_usage_anew() -> None:
    seats = recurring("31.00", charge_model="per_unit")
    version = published_version(seats, per_call("0.01", included="310"), plan=make_plan())
    subscription = started(version)
    use(subscription.customer, 300, datetime(2026, 1, 5, tzinfo=UTC))
    use(subscription.customer, 110, datetime(2026, 1, 25, tzinfo=UTC))

    change_plan(
        subscription=subscription, plan_version=version, quantity=3, actor=TEST_ACTOR, at=JAN_18
    )
    run_billing(at=FEB_1)

    usage = InvoiceLine.objects.get(kind="usage")
    assert (usage.quantity, usage.amount.amount) == (Decimal(410), Decimal("1.0000"))


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_change_to_nothing_is_refused(quantity: int) -> None:
    subscription = started(fee("10.00"))

    with pytest.raises(PlanChangeInvalid):
        preview_plan_change(
            subscription=subscription,
            plan_version=subscription.plan_version,
            quantity=quantity,
            at=JAN_18,
        )


def test_changes_that_make_no_sense_are_refused_and_change_nothing() -> None:
    subscription = started(fee("10.00"))
    before = Subscription.objects.values().get()

    with pytest.raises(PlanChangeInvalid):
        change(subscription, subscription.plan_version)
    with pytest.raises(PlanChangeNotNow):
        change(subscription, fee("20.00"), MAR_1)
    with pytest.raises(PlanVersionNotOnSale):
        change(subscription, published_version(recurring(), plan=make_plan(), currency="EUR"))

    assert Subscription.objects.values().get() == before
    assert (Invoice.objects.count(), PlanChange.objects.count()) == (1, 0)


def test_a_subscription_that_is_ending_does_not_change() -> None:
    subscription = started(fee("10.00"))
    schedule_cancellation(subscription=subscription, actor=TEST_ACTOR, at=JAN_18)

    with pytest.raises(PlanChangeNotNow):
        change(subscription, fee("20.00"))


def test_a_cancellation_after_a_scheduled_change_wins() -> None:
    subscription = started(fee("62.00"))
    done = change(subscription, fee("31.00"))
    schedule_cancellation(subscription=subscription, actor=TEST_ACTOR, at=JAN_18)

    run_billing(at=FEB_1)

    done.refresh_from_db()
    subscription.refresh_from_db()
    assert (done.state, subscription.state) == ("withdrawn", "canceled")
    assert Invoice.objects.count() == 1


@histories(12, thorough=40)
@given(
    cents=st.lists(st.integers(0, 50_000), min_size=2, max_size=4),
    days=st.lists(st.integers(1, 31), min_size=3, max_size=3).map(sorted),
)
@undone()
def test_the_preview_is_what_happens_and_credits_never_exceed_charges(
    cents: list[int], days: list[int]
) -> None:
    first, *others = [fee(str(Decimal(amount) / 100)) for amount in cents]
    subscription = started(first)
    for version, day in zip(others, days, strict=False):
        at = datetime(2026, 1, day, 12, tzinfo=UTC)
        preview = preview_plan_change(
            subscription=subscription, plan_version=version, quantity=1, at=at
        )

        done = change(subscription, version, at)

        assert done.effective_at == preview.effective_at
        assert (done.state == "applied") == preview.is_immediate
        billed = done.invoice.total if done.invoice else Money(0, "USD")
        assert billed == preview.due_now

    lines = InvoiceLine.objects.filter(subscription=subscription)
    net = sum((line.amount.amount for line in lines), Decimal(0))
    assert Decimal(0) <= net <= Decimal(max(cents)) / 100 + Decimal("0.03")
