"""Changes as of a day that is over: from then on, billed today; never into what is settled."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from analytics.models import MrrMovement
from analytics.services.movements import record_movements
from billing.errors import BackdatingInvalid
from billing.models import Invoice, PlanChange
from billing.services.changes.add_ons import AddOnChange, change_add_on
from billing.services.changes.cancelling import CancelWhen, cancel_subscription
from billing.services.changes.pausing import pause, resume
from billing.services.changes.plan_change_previews import preview_plan_change
from billing.services.changes.plan_changes import change_plan
from billing.services.invoices.invoicing import bill_start
from billing.services.invoices.renewal import run_billing
from billing.services.invoices.thresholds import bill_thresholds
from finance.queries import unposted_count
from finance.services.posting import post_documents
from subscriptions.domain.proration_policy import Timing, UnusedTime
from subscriptions.errors import PlanVersionNotOnSale
from subscriptions.models import (
    PlanVersion,
    Subscription,
    SubscriptionTransition,
)
from subscriptions.services.policies import NO_OVERRIDE, ChangeOverride
from subscriptions.services.price_specs import ThresholdSpec
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
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
JAN_11 = date(2026, 1, 11)
JAN_16 = datetime(2026, 1, 16, 9, 0, tzinfo=UTC)
JAN_21 = datetime(2026, 1, 21, 15, 30, tzinfo=UTC)
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
FEB_10 = datetime(2026, 2, 10, 12, 0, tzinfo=UTC)


def fee(amount: str) -> PlanVersion:
    return published_version(recurring(amount), plan=make_plan())


def add_on(amount: str) -> PlanVersion:
    return published_version(recurring(amount), plan=make_plan(is_add_on=True))


def put(
    subscription: Subscription,
    version: PlanVersion,
    quantity: int,
    *,
    at: datetime = JAN_21,
    since: date | None = None,
) -> AddOnChange:
    return change_add_on(
        subscription=subscription,
        plan_version=version,
        quantity=quantity,
        since=since,
        actor=TEST_ACTOR,
        at=at,
    )


def metered(price: str, **terms: Any) -> PlanVersion:
    usage = per_call(price, included="0")
    return published_version(recurring("31.00"), usage, plan=make_plan(), **terms)


def started(version: PlanVersion, at: datetime = JAN_1) -> Subscription:
    """A subscription of a version whose first period has been billed."""
    subscription = subscription_since(at, version=version)
    bill_start(subscription=subscription, at=at)
    return subscription


def change(
    subscription: Subscription,
    version: PlanVersion,
    *,
    since: date = JAN_11,
    quantity: int = 1,
    override: ChangeOverride = NO_OVERRIDE,
) -> PlanChange:
    return change_plan(
        subscription=subscription,
        plan_version=version,
        quantity=quantity,
        override=override,
        since=since,
        actor=TEST_ACTOR,
        at=JAN_21,
    )


def amounts(invoice: Invoice | None) -> list[tuple[Decimal, date, datetime | None]]:
    assert invoice is not None
    return [
        (line.amount.amount, line.period_start.date(), invoice.finalized_at)
        for line in invoice.lines.all()
    ]


def test_a_change_as_of_a_day_counts_from_it_and_is_billed_today() -> None:
    subscription = started(fee("31.00"))

    done = change(subscription, fee("62.00"))

    assert amounts(done.invoice) == [
        (Decimal("-21.0000"), JAN_11, JAN_21),
        (Decimal("42.0000"), JAN_11, JAN_21),
    ]
    assert done.effective_at == datetime(2026, 1, 11, tzinfo=UTC)
    assert [
        (phase.quantity, phase.starts_at.day, phase.ends_at and phase.ends_at.day)
        for phase in subscription.phases.order_by("starts_at")
    ] == [(1, 1, 11), (1, 11, None)]


def test_it_is_written_down_when_it_counts_from_and_when_it_was_said() -> None:
    subscription = started(fee("31.00"))

    change(subscription, fee("62.00"))

    row = SubscriptionTransition.objects.get(event="plan_changed")
    assert (row.effective_at, row.recorded_at) == (datetime(2026, 1, 11, tzinfo=UTC), JAN_21)


def test_what_costs_less_counts_from_that_day_too_and_is_given_back() -> None:
    subscription = started(fee("62.00"))

    change(subscription, fee("31.00"))

    assert subscription.customer.credit_notes.get().total == Money("42.00", "USD")


def test_the_preview_of_it_is_what_is_then_done() -> None:
    subscription = started(fee("31.00"))
    version = fee("62.00")

    seen = preview_plan_change(
        subscription=subscription, plan_version=version, quantity=3, since=JAN_11, at=JAN_21
    )
    done = change(subscription, version, quantity=3)

    assert seen.draft is not None
    assert done.invoice is not None
    assert seen.draft.totals.total == done.invoice.total
    assert done.invoice.total.amount == Decimal("21.0000")


def test_usage_since_that_day_is_billed_by_the_new_prices() -> None:
    old, new = metered("1.00"), metered("5.00")
    subscription = started(old)
    use(subscription.customer, 10, datetime(2026, 1, 5, tzinfo=UTC))
    use(subscription.customer, 10, datetime(2026, 1, 15, tzinfo=UTC))

    change(subscription, new)
    run_billing(at=FEB_1)

    invoice = subscription.invoices.get(kind="period", period_start=FEB_1)
    used = invoice.lines.filter(kind="usage").order_by("position")
    assert [line.amount.amount for line in used] == [Decimal("10.0000"), Decimal("50.0000")]


def test_the_terms_of_one_change_may_depart_from_the_policy() -> None:
    subscription = started(fee("31.00"))

    done = change(subscription, fee("62.00"), override=ChangeOverride(unused_time=UnusedTime.SKIP))

    assert [amount for amount, _, _ in amounts(done.invoice)] == [Decimal("42.0000")]


def test_a_period_that_is_billed_is_closed() -> None:
    subscription = started(fee("31.00"))
    run_billing(at=FEB_1)

    with pytest.raises(BackdatingInvalid, match=r"2026-01-31 is closed.*not before 2026-02-01"):
        change_plan(
            subscription=subscription,
            plan_version=fee("62.00"),
            quantity=1,
            since=date(2026, 1, 31),
            actor=TEST_ACTOR,
            at=FEB_10,
        )

    assert Invoice.objects.count() == 2
    assert not PlanChange.objects.exists()


def test_a_day_before_the_last_change_is_closed() -> None:
    subscription = started(fee("31.00"))
    change_plan(
        subscription=subscription,
        plan_version=fee("62.00"),
        quantity=1,
        actor=TEST_ACTOR,
        at=JAN_16,
    )

    with pytest.raises(BackdatingInvalid, match=r"changed on 2026-01-16.*not before 2026-01-16"):
        change(subscription, fee("93.00"))

    assert change(subscription, fee("93.00"), since=date(2026, 1, 16)).state == "applied"


def test_a_day_in_a_pause_is_closed() -> None:
    subscription = started(fee("31.00"))
    pause(subscription=subscription, actor=TEST_ACTOR, at=datetime(2026, 1, 9, tzinfo=UTC))
    resume(subscription=subscription, actor=TEST_ACTOR, at=JAN_16)

    with pytest.raises(BackdatingInvalid, match="not before 2026-01-16"):
        change(subscription, fee("93.00"))


def test_a_day_whose_usage_a_threshold_has_billed_is_closed_for_other_prices() -> None:
    version = metered("1.00", thresholds=[ThresholdSpec(amount=Decimal(100))])
    subscription = started(version)
    use(subscription.customer, 150, datetime(2026, 1, 5, tzinfo=UTC))
    bill_thresholds(at=JAN_16)

    with pytest.raises(BackdatingInvalid, match=r"usage was billed by .*not before 2026-01-17"):
        change(subscription, fee("62.00"))

    assert change(subscription, version, quantity=2).state == "applied"


def test_a_day_that_is_not_over_is_not_gone_back_to() -> None:
    subscription = started(fee("31.00"))

    with pytest.raises(BackdatingInvalid, match="is not over"):
        change(subscription, fee("62.00"), since=date(2026, 1, 21))


def test_prices_that_were_not_on_sale_on_that_day_are_refused() -> None:
    subscription = started(fee("31.00"))
    version = published_version(
        recurring("62.00"), plan=make_plan(), at=datetime(2026, 1, 15, tzinfo=UTC)
    )

    with pytest.raises(PlanVersionNotOnSale):
        change(subscription, version)


def test_an_end_as_of_a_day_gives_back_what_was_billed_beyond_it() -> None:
    subscription = started(fee("31.00"))

    done = cancel_subscription(
        subscription=subscription,
        when=CancelWhen.ON_DAY,
        on=date(2026, 1, 10),
        actor=TEST_ACTOR,
        at=JAN_21,
    )

    assert done.subscription.ended_at == datetime(2026, 1, 11, tzinfo=UTC)
    assert [(note.total.amount, note.issued_at) for note in done.notes] == [
        (Decimal("21.0000"), JAN_21)
    ]
    row = SubscriptionTransition.objects.get(event="canceled")
    assert (row.effective_at, row.recorded_at) == (done.subscription.ended_at, JAN_21)


def test_an_end_in_a_closed_period_is_refused_and_nothing_is_done() -> None:
    subscription = started(fee("31.00"))
    run_billing(at=FEB_1)

    with pytest.raises(BackdatingInvalid, match="2026-01-20 is closed"):
        cancel_subscription(
            subscription=subscription,
            when=CancelWhen.ON_DAY,
            on=date(2026, 1, 20),
            actor=TEST_ACTOR,
            at=FEB_10,
        )

    subscription.refresh_from_db()
    assert (subscription.state, subscription.customer.credit_notes.count()) == ("active", 0)


def test_an_end_before_an_add_on_came_is_refused() -> None:
    subscription = started(fee("31.00"))
    put(subscription, add_on("10.00"), 1, at=JAN_16)

    with pytest.raises(BackdatingInvalid, match="was changed on 2026-01-16"):
        cancel_subscription(
            subscription=subscription,
            when=CancelWhen.ON_DAY,
            on=JAN_11,
            actor=TEST_ACTOR,
            at=JAN_21,
        )


def test_a_pause_that_was_is_written_down_afterwards_and_has_ended_by_itself() -> None:
    subscription = started(fee("31.00"))

    done = pause(
        subscription=subscription,
        since=date(2026, 1, 10),
        resume_on=JAN_16.date(),
        actor=TEST_ACTOR,
        at=JAN_21,
    )
    run_billing(at=JAN_21)

    assert [note.total.amount for note in done.notes] == [Decimal("21.0000")]
    subscription.refresh_from_db()
    assert (subscription.state, subscription.resume_at) == ("active", None)
    resumed = Invoice.objects.order_by("created_at").last()
    assert resumed is not None
    assert resumed.total.amount == Decimal("16.0000")


def test_an_add_on_as_of_a_day_is_charged_from_it() -> None:
    subscription = started(fee("31.00"))

    done = put(subscription, add_on("62.00"), 1, since=JAN_11)

    assert amounts(done.invoice) == [(Decimal("42.0000"), JAN_11, JAN_21)]
    assert subscription.add_ons.get().starts_at == datetime(2026, 1, 11, tzinfo=UTC)


def test_an_add_on_is_taken_off_as_of_a_day_and_its_rest_given_back() -> None:
    subscription = started(fee("31.00"))
    beside = add_on("31.00")
    put(subscription, beside, 1, at=datetime(2026, 1, 5, tzinfo=UTC))

    done = put(subscription, beside, 0, since=JAN_11)

    assert [note.total.amount for note in done.notes] == [Decimal("21.0000")]
    ends_at = subscription.add_ons.get().ends_at
    assert ends_at == datetime(2026, 1, 11, tzinfo=UTC)


def test_an_add_on_is_not_changed_as_of_a_day_before_its_last_change() -> None:
    subscription = started(fee("31.00"))
    beside = add_on("31.00")
    put(subscription, beside, 1, at=JAN_16)

    with pytest.raises(BackdatingInvalid, match="was changed on 2026-01-16"):
        put(subscription, beside, 2, since=JAN_11)


def test_an_add_on_does_not_bill_usage_again_that_the_plan_of_then_bills() -> None:
    subscription = started(metered("1.00"))
    change_plan(
        subscription=subscription,
        plan_version=fee("62.00"),
        quantity=1,
        override=ChangeOverride(timing=Timing.IMMEDIATE),
        actor=TEST_ACTOR,
        at=JAN_16,
    )
    beside = published_version(per_call("2.00", included="0"), plan=make_plan(is_add_on=True))

    with pytest.raises(BackdatingInvalid, match="billed by something else"):
        put(subscription, beside, 1, since=JAN_11)

    assert put(subscription, beside, 1, since=JAN_16.date()).invoice is None


def test_recurring_revenue_and_the_books_follow_from_that_day() -> None:
    subscription = started(fee("31.00"))
    record_movements(at=JAN_16)
    change(subscription, fee("62.00"))
    put(subscription, add_on("10.00"), 1, since=JAN_11)
    cancel_subscription(
        subscription=subscription,
        when=CancelWhen.ON_DAY,
        on=date(2026, 2, 9),
        actor=TEST_ACTOR,
        at=_billed_on(datetime(2026, 2, 20, tzinfo=UTC)),
    )

    record_movements(at=FEB_10.replace(day=20))
    post_documents(at=FEB_10.replace(day=20))

    rows = MrrMovement.objects.exclude(kind="none").order_by("effective_at", "pk")
    assert [(row.kind, row.amount.amount, row.effective_at.date()) for row in rows] == [
        ("new", Decimal("31.00"), JAN_1.date()),
        ("expansion", Decimal("31.00"), JAN_11),
        ("expansion", Decimal("10.00"), JAN_11),
        ("churn", Decimal("-72.00"), date(2026, 2, 10)),
    ]
    assert unposted_count(at=FEB_10.replace(day=20)) == 0


def _billed_on(at: datetime) -> datetime:
    run_billing(at=at)
    return at
