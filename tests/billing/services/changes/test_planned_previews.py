"""What a start on a day to come is shown to bill is what it bills, to the cent."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import CouponInvalid, TaxRateMissing
from billing.models import BillingFailure, BillingRun, Invoice, PlannedStart
from billing.services.changes.cancelling import CancelWhen, cancel_subscription
from billing.services.changes.first_add_ons import AddOnWanted
from billing.services.changes.planned_previews import (
    PlannedPreview,
    preview_planned_start,
    preview_waiting_start,
)
from billing.services.changes.planned_starts import StartWanted, plan_start
from billing.services.changes.planned_work import start_planned
from billing.services.credit.coupons import CouponDetails, create_coupon
from billing.services.credit.customer_credit import grant_credit
from billing.services.invoices.consolidating import set_invoicing
from billing.services.invoices.draft_parts import DraftInvoice
from billing.services.invoices.draft_review import issue_reviewed
from billing.services.invoices.renewal import run_billing
from subscriptions.errors import SubscriptionInvalid
from subscriptions.models import Customer, PlanVersion, Subscription
from tests.factories.lifecycle import at, begin, due_since, fee_of, taxed_customer
from tests.factories.subscriptions import (
    TEST_ACTOR,
    make_customer,
    make_plan,
    per_call,
    published_version,
    recurring,
)
from tests.shared_world import undone
from tests.strategies import histories
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.periods import Alignment

pytestmark = pytest.mark.django_db
NOW = at("2026-01-05T09:00")
FEB_10 = date(2026, 2, 10)
Case = tuple[Customer, StartWanted]


def preview(customer: Customer, wanted: StartWanted) -> PlannedPreview:
    return preview_planned_start(customer=customer, wanted=wanted, actor=TEST_ACTOR, at=NOW)


def live_to(when: str) -> None:
    """Let the scheduler come by whenever something is due, up to an instant."""
    until = at(when)
    while (instant := due_since(until)) is not None:
        run_billing(at=instant)
        start_planned(at=instant)


def shown(draft: DraftInvoice | None) -> tuple[object, ...]:
    if draft is None:
        return ()
    lines = [
        (line.description, line.period.start, line.period.end, taxed.net, taxed.tax)
        for line, taxed in draft.taxed_lines
    ]
    return (lines, draft.totals.total, draft.totals.tax, draft.due)


def billed(invoice: Invoice | None) -> tuple[object, ...]:
    if invoice is None:
        return ()
    lines = [
        (line.description, line.period_start, line.period_end, line.amount, line.tax_amount)
        for line in invoice.lines.order_by("position")
    ]
    return (lines, invoice.total, invoice.tax, invoice.amount_due)


def seats(amount: str) -> PlanVersion:
    """A fee for each of the quantity."""
    return published_version(recurring(amount, charge_model="per_unit"), at=at("2025-12-01"))


def plain() -> Case:
    """Beside another subscription, whose bills use up the credit that there is today."""
    customer, version = make_customer(), seats("31.00")
    begin(fee_of("20.00", code="other"), "2026-01-02", customer=customer)
    grant_credit(
        customer=customer,
        amount=Money("25.00", "USD"),
        reason="sorry",
        actor=TEST_ACTOR,
        idempotency_key="k",
        at=NOW,
    )
    return customer, StartWanted(on=FEB_10, plan_version=version, quantity=2)


def trial() -> Case:
    return make_customer(), StartWanted(on=FEB_10, plan_version=fee_of("31.00"), trial_days=14)


def calendar() -> Case:
    customer = make_customer(time_zone="America/New_York")
    version = seats("28.00")
    return customer, StartWanted(
        on=FEB_10, plan_version=version, alignment=Alignment.CALENDAR, quantity=3
    )


def anchored() -> Case:
    return make_customer(), StartWanted(on=FEB_10, plan_version=fee_of("28.00"), anchor_day=20)


def with_all() -> Case:
    """With a coupon, an add-on and tax."""
    customer = taxed_customer("19")
    create_coupon(
        details=CouponDetails(code="HALF", name="Half", percentage=Decimal(50)), at=at("2026-01-01")
    )
    extra = published_version(
        recurring("9.00"),
        plan=make_plan(code="support", is_add_on=True),
        currency="EUR",
        at=at("2025-12-01"),
    )
    wanted = StartWanted(
        on=FEB_10,
        plan_version=fee_of("33.33", currency="EUR"),
        coupon_code="HALF",
        add_ons=[AddOnWanted(extra, 2)],
    )
    return customer, wanted


def later_prices() -> Case:
    """Prices that are on sale from a day before it on, not today."""
    version = published_version(recurring("45.00"), plan=make_plan(), at=at("2026-02-01"))
    return make_customer(), StartWanted(on=FEB_10, plan_version=version)


def in_place() -> Case:
    """In place of one that ends with the day before, with the same meter."""
    version = published_version(recurring("31"), per_call("0.10"), at=at("2025-12-01"))
    customer = make_customer()
    old = begin(version, "2026-01-10", customer=customer)
    cancel_subscription(subscription=old, when=CancelWhen.PERIOD_END, actor=TEST_ACTOR, at=NOW)
    return customer, StartWanted(on=FEB_10, plan_version=version)


@pytest.mark.parametrize(
    ("case", "first", "after"),
    [
        (plain, "62.00", "62.00"),
        (trial, "", "31.00"),
        (calendar, "57.00", "84.00"),
        (anchored, "9.03", "28.00"),
        (with_all, "25.18", "42.33"),
        (later_prices, "45.00", "45.00"),
        (in_place, "31.00", "31.00"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_what_is_shown_is_what_is_billed(case: Callable[[], Case], first: str, after: str) -> None:
    customer, wanted = case()
    before = (Subscription.objects.count(), Invoice.objects.count())

    seen = preview(customer, wanted)

    assert (Subscription.objects.count(), Invoice.objects.count()) == before
    assert not PlannedStart.objects.exists()
    assert (str(seen.first.totals.total.amount) if seen.first else "") == first
    assert seen.fee_after == Money(after, wanted.plan_version.currency)
    start = plan_start(customer=customer, wanted=wanted, actor=TEST_ACTOR, at=NOW)
    assert shown(preview_waiting_start(start).first) == shown(seen.first)
    live_to("2026-02-10T12:00")
    begun = Subscription.objects.get(reference=start.reference)
    assert billed(begun.invoices.first()) == shown(seen.first)
    assert seen.following is not None
    live_to("2026-03-12T12:00")
    assert billed(begun.invoices.order_by("created_at").last()) == shown(seen.following)


@histories(6, thorough=12)
@given(
    day=st.dates(date(2026, 1, 7), date(2026, 3, 31)),
    terms=st.fixed_dictionaries(
        {
            "quantity": st.integers(1, 40),
            "trial_days": st.sampled_from([None, 3, 30]),
            "alignment": st.sampled_from(list(Alignment)),
        }
    ),
    zone=st.sampled_from(["UTC", "Pacific/Auckland", "America/New_York"]),
)
@undone()
def test_whatever_is_planned_is_shown_as_it_will_be(
    version: PlanVersion, day: date, terms: dict[str, Any], zone: str
) -> None:
    customer = make_customer(time_zone=zone)
    begin(version, "2026-01-03", customer=customer)
    wanted = StartWanted(on=day, plan_version=version, **terms)

    seen = preview(customer, wanted)

    start = plan_start(customer=customer, wanted=wanted, actor=TEST_ACTOR, at=NOW)
    live_to(f"{start.due_at:%Y-%m-%dT%H:%M}")
    start.refresh_from_db()
    assert start.subscription is not None
    assert billed(start.subscription.invoices.first()) == shown(seen.first)


@pytest.fixture
def version() -> PlanVersion:
    return seats("9.99")


def test_of_two_on_one_day_the_second_is_shown_as_it_comes_after_the_first() -> None:
    version = published_version(recurring("31"), per_call("0.10"), at=at("2025-12-01"))
    customer = make_customer()
    wanted = StartWanted(on=FEB_10, plan_version=version)
    first = plan_start(customer=customer, wanted=wanted, actor=TEST_ACTOR, at=NOW)

    with pytest.raises(SubscriptionInvalid, match="another live subscription"):
        preview(customer, wanted)

    other = StartWanted(on=FEB_10, plan_version=fee_of("5.00", code="other"))
    second = plan_start(customer=customer, wanted=other, actor=TEST_ACTOR, at=NOW)
    assert preview_waiting_start(second).is_after
    assert not preview_waiting_start(first).is_after
    live_to("2026-02-10")
    assert Subscription.objects.filter(customer=customer).count() == 2


def invoiced(customer: Customer, *, together: bool, review_days: int) -> None:
    set_invoicing(
        customer=customer,
        currency="USD",
        is_consolidated=together,
        review_days=review_days,
        actor=TEST_ACTOR,
        at=NOW,
    )


def test_a_bill_that_people_look_at_before_uses_up_credit_when_it_is_issued() -> None:
    """Of 25 the other's bills take 20 and, held for two days in February, 5."""
    customer, wanted = plain()
    invoiced(customer, together=False, review_days=2)

    seen = preview(customer, wanted)

    start = plan_start(customer=customer, wanted=wanted, actor=TEST_ACTOR, at=NOW)
    live_to("2026-02-02")
    issue_reviewed(at=at("2026-02-04"))
    live_to("2026-02-10")
    first = Subscription.objects.get(reference=start.reference).invoices.get()
    assert seen.first is not None
    assert (seen.first.due, first.amount_due) == (Money("62.00", "USD"), Money("62.00", "USD"))


def test_a_first_bill_that_waits_for_others_of_its_day_uses_up_credit_before_the_next() -> None:
    customer = make_customer()
    invoiced(customer, together=True, review_days=0)
    grant_credit(
        customer=customer,
        amount=Money("25.00", "USD"),
        reason="sorry",
        actor=TEST_ACTOR,
        idempotency_key="k",
        at=NOW,
    )
    wanted = StartWanted(on=FEB_10, plan_version=fee_of("31.00"))

    seen = preview(customer, wanted)

    plan_start(customer=customer, wanted=wanted, actor=TEST_ACTOR, at=NOW)
    live_to("2026-02-10")
    issue_reviewed(at=at("2026-02-11"))
    live_to("2026-03-10")
    assert seen.first is not None
    assert seen.following is not None
    due = [invoice.amount_due for invoice in Invoice.objects.order_by("created_at")]
    assert [seen.first.due, seen.following.due] == due
    assert due == [Money("6.00", "USD"), Money("31.00", "USD")]


def test_what_is_set_aside_keeps_no_start_from_being_shown() -> None:
    customer, wanted = plain()
    run = BillingRun.objects.create(at=NOW, due_count=1, started_at=NOW)
    BillingFailure.objects.create(
        run=run, subscription=Subscription.objects.get(), error="?", failed_at=NOW
    )

    seen = preview(customer, wanted)

    start = plan_start(customer=customer, wanted=wanted, actor=TEST_ACTOR, at=NOW)
    start_planned(at=at("2026-02-10"))
    assert seen.first is not None
    begun = Subscription.objects.get(reference=start.reference)
    assert billed(begun.invoices.first()) == shown(seen.first)


def test_what_will_be_refused_says_so_when_it_is_looked_at() -> None:
    version = fee_of("31.00")
    with pytest.raises(TaxRateMissing):
        preview(make_customer(country="DE"), StartWanted(on=FEB_10, plan_version=version))
    with pytest.raises(CouponInvalid):
        preview(make_customer(), StartWanted(on=FEB_10, plan_version=version, coupon_code="NOPE"))

    assert not Subscription.objects.exists()
