"""Dry runs: everything that is due by an instant, in chunks, kept and undone."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from billing.errors import DryRunInvalid, DryRunNotRunning
from billing.models import (
    CouponUse,
    CreditNote,
    DryRun,
    DryRunInvoice,
    Invoice,
    InvoiceLine,
    NumberSeries,
)
from billing.queries.dry_runs import currency_sums, rehearsed_invoices, with_changes
from billing.services.changes.cancelling import CancelWhen, cancel_subscription
from billing.services.changes.plan_changes import change_plan
from billing.services.invoices import dry_run, rehearsing
from billing.services.invoices.dry_run import (
    LEASE,
    cancel_dry_run,
    is_left_alone,
    start_dry_run,
    work_on_dry_run,
)
from billing.services.invoices.invoicing import bill_start
from billing.services.invoices.renewal import run_billing
from billing.services.invoices.run_changes import Rehearsed, beside_last_period
from subscriptions.models import Subscription, SubscriptionTransition, UsageClosing
from tests.factories.accounts import make_user
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_plan,
    per_call,
    published_version,
    recurring,
    subscription_since,
)
from tests.factories.usage import use
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel import clock
from tiktoktoe.kernel.money import Money
from tiktoktoe.web.days import day_end

pytestmark = pytest.mark.django_db
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
MAR_1 = datetime(2026, 3, 1, tzinfo=UTC)
APRIL_1 = datetime(2026, 4, 1, tzinfo=UTC)
D = Decimal


def worked_out(*, by: datetime, at: datetime) -> DryRun:
    run = start_dry_run(by=by, user=None, at=at)
    while work_on_dry_run(at=at):
        pass
    run.refresh_from_db()
    return run


def subscriber(amount: str = "99.00", **customer: Any) -> Subscription:
    version = published_version(recurring(amount, charge_model="per_unit"), plan=make_plan())
    made = subscription_since(JAN_1, version=version, customer=make_customer(**customer))
    bill_start(subscription=made, at=JAN_1)
    return made


def everything() -> list[tuple[Any, ...]]:
    """What a run that is undone must leave as it was."""
    found: list[tuple[Any, ...]] = [
        (model.__name__, model.objects.count())
        for model in (Invoice, InvoiceLine, CouponUse, SubscriptionTransition, UsageClosing)
    ]
    found += list(Subscription.objects.order_by("pk").values_list())
    return found + list(NumberSeries.objects.order_by("pk").values_list())


def test_it_comes_to_what_is_then_billed_and_writes_nothing_of_it() -> None:
    subscriber("99.00")
    subscriber("31.00")
    before = everything()

    run = worked_out(by=FEB_1, at=FEB_1)

    assert everything() == before
    assert (run.state, run.done_count, run.due_count) == ("done", 2, 2)
    run_billing(at=FEB_1)
    billed = Invoice.objects.filter(period_start=FEB_1).values_list("total", flat=True)
    assert sorted(billed) == sorted(run.invoices.values_list("total", flat=True))


def test_by_a_coming_day_each_period_follows_from_the_one_before() -> None:
    """Three renewals, of which the second is on the plan that it goes to with March."""
    subscription = subscriber("99.00")
    cheaper = published_version(recurring("49.00", charge_model="per_unit"), plan=make_plan())
    leaving = subscriber("10.00")
    at = datetime(2026, 2, 10, tzinfo=UTC)
    run_billing(at=FEB_1)
    change_plan(
        subscription=subscription, plan_version=cheaper, quantity=2, actor=TEST_ACTOR, at=at
    )
    cancel_subscription(subscription=leaving, actor=TEST_ACTOR, at=at, when=CancelWhen.PERIOD_END)
    before = everything()

    run = worked_out(by=APRIL_1, at=at)

    assert everything() == before
    seen = [(row.boundary, row.total.amount) for row in run.invoices.order_by("boundary")]
    assert seen == [(MAR_1, D(98)), (APRIL_1, D(98))]
    run_billing(at=APRIL_1)
    later = Invoice.objects.filter(period_start__gte=MAR_1).order_by("period_start")
    assert [invoice.total.amount for invoice in later] == [D(98), D(98)]


def test_it_takes_no_number_for_what_it_gives_back() -> None:
    """The end on the 20th gives twelve days back by a note, whose series nobody waits for."""
    leaving = subscriber("31.00")
    cancel_subscription(
        subscription=leaving,
        actor=TEST_ACTOR,
        at=JAN_1,
        when=CancelWhen.ON_DAY,
        on=date(2026, 1, 20),
    )
    before = everything()
    seen: list[tuple[int, list[tuple[Any, ...]]]] = []

    def look(*given: Any) -> list[Rehearsed]:
        seen.append((CreditNote.objects.count(), list(NumberSeries.objects.values_list())))
        return beside_last_period(*given)

    with patch.object(rehearsing, "beside_last_period", look):
        worked_out(by=FEB_1, at=JAN_1)

    assert everything() == before
    assert seen[0] == (1, list(NumberSeries.objects.values_list()))


def test_what_would_be_set_aside_is_named_and_keeps_nobody_else_from_it() -> None:
    subscriber("99.00")
    stuck = subscription_since(JAN_1, customer=make_customer(country="FR", name="Sans Taux"))

    run = worked_out(by=FEB_1, at=FEB_1)

    assert [row.total.amount for row in run.invoices.all()] == [D(99)]
    failure = run.failures.get()
    assert failure.subscription == stuck
    assert "no tax rate is known for FR" in failure.error


def test_what_differs_from_the_period_before_is_kept_with_its_reason() -> None:
    fee = published_version(recurring("10.00", charge_model="per_unit"), per_call("1.00"))
    subscription = subscription_since(JAN_1, version=fee)
    bill_start(subscription=subscription, at=JAN_1)
    run_billing(at=FEB_1)
    subscription_since(FEB_1)
    Subscription.objects.filter(pk=subscription.pk).update(quantity=3)
    use(subscription.customer, 10_005, datetime(2026, 2, 3, tzinfo=UTC))

    run = worked_out(by=MAR_1, at=MAR_1)

    ((row, changes),) = with_changes(rehearsed_invoices(run, "changed"))
    assert [(c.before.amount, c.after.amount, c.why) for c in changes] == [
        (D(10), D(30), "quantity 1 → 3"),
        (D(0), D(5), "quantity 0 → 10005"),
    ]
    assert rehearsed_invoices(run, "new").count() == 1
    (sums,) = currency_sums(run)
    assert (sums.count, sums.difference.amount, row.difference.amount) == (2, D(25), D(25))
    with clock.moved_to(MAR_1):
        client = Client()
        client.force_login(make_user(Role.FINANCE))
        page = client.get(reverse("dry_run", args=[run.pk])).content.decode()
    assert '$10.00 → $30.00 <span class="muted">(quantity 1 → 3)</span>' in page


def test_a_second_period_is_compared_with_the_first_of_the_same_dry_run() -> None:
    """The change to 49.00 is told once, with March; April goes on as March was."""
    subscription = subscriber("99.00")
    run_billing(at=FEB_1)
    at = datetime(2026, 2, 10, tzinfo=UTC)
    cheaper = published_version(recurring("49.00", charge_model="per_unit"), plan=make_plan())
    change_plan(
        subscription=subscription, plan_version=cheaper, quantity=1, actor=TEST_ACTOR, at=at
    )
    begun = subscription_since(at, version=cheaper, customer=make_customer())

    run = worked_out(by=APRIL_1 + timedelta(days=20), at=at)

    seen = {
        (row.references[0], row.boundary): (row.before, row.difference, len(row.changes))
        for row in run.invoices.all()
    }
    march_10, april_10 = at.replace(month=3), at.replace(month=4)
    assert seen == {
        (subscription.reference, MAR_1): (Money("99.00", "USD"), Money("-50.00", "USD"), 1),
        (subscription.reference, APRIL_1): (Money("49.00", "USD"), Money("0.00", "USD"), 0),
        (begun.reference, march_10): (None, None, 0),
        (begun.reference, april_10): (Money("49.00", "USD"), Money("0.00", "USD"), 0),
    }
    (sums,) = currency_sums(run)
    assert sums.difference == Money("-50.00", "USD")


def test_no_customer_is_torn_apart_between_chunks(settings: Any) -> None:
    settings.BILLING_CHUNK_SIZE = 1
    customer, fee = make_customer(), published_version(recurring("10.00"))
    both = [subscription_since(JAN_1, customer=customer, version=fee).pk for _ in range(2)]
    subscription_since(JAN_1)

    run = start_dry_run(by=FEB_1, user=None, at=FEB_1)

    chunks = sorted(run.chunks.values_list("subscription_ids", flat=True), key=len)
    assert [len(chunk) for chunk in chunks] == [1, 2]
    assert sorted(chunks[1]) == both


def test_a_worker_that_dies_is_followed_and_no_chunk_counts_twice(settings: Any) -> None:
    settings.BILLING_CHUNK_SIZE = 1
    subscriber("99.00")
    subscriber("31.00")
    run = start_dry_run(by=FEB_1, user=None, at=FEB_1)
    with patch.object(dry_run, "_keep", side_effect=SystemExit), pytest.raises(SystemExit):
        work_on_dry_run(at=FEB_1)

    assert work_on_dry_run(at=FEB_1)
    assert not work_on_dry_run(at=FEB_1)
    assert not is_left_alone(FEB_1)
    later = FEB_1 + LEASE
    assert is_left_alone(later)
    assert work_on_dry_run(at=later)

    run.refresh_from_db()
    assert (run.state, run.done_count, run.invoices.count()) == ("done", 2, 2)
    row = run.invoices.first()
    assert row is not None
    row.pk = None
    with pytest.raises(IntegrityError, match="dry_run_invoice_once"), transaction.atomic():
        row.save(force_insert=True)


def test_a_canceled_one_goes_no_further_and_keeps_what_it_has(settings: Any) -> None:
    settings.BILLING_CHUNK_SIZE = 1
    subscriber("99.00")
    subscriber("31.00")
    run = start_dry_run(by=FEB_1, user=None, at=FEB_1)
    work_on_dry_run(at=FEB_1)

    cancel_dry_run(run=run, at=FEB_1)

    assert not work_on_dry_run(at=FEB_1)
    run.refresh_from_db()
    assert (run.state, run.done_count, run.invoices.count()) == ("canceled", 1, 1)
    with pytest.raises(DryRunNotRunning):
        cancel_dry_run(run=run, at=FEB_1)


@pytest.mark.parametrize("days", [-1, 401])
def test_a_day_that_is_over_or_too_far_ahead_is_refused(days: int) -> None:
    with pytest.raises(DryRunInvalid) as refused:
        start_dry_run(by=FEB_1 + timedelta(days=days), user=None, at=FEB_1)

    assert refused.value.field == "day"


@pytest.mark.parametrize("hour", [0, 12])
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/Los_Angeles"])
def test_the_last_day_that_a_refusal_names_is_accepted_and_the_next_is_not(
    zone: str, hour: int
) -> None:
    at = FEB_1.replace(hour=hour)
    with timezone.override(zone):
        with pytest.raises(DryRunInvalid) as refused:
            start_dry_run(by=at + timedelta(days=402), user=None, at=at)
        last = date.fromisoformat(refused.value.remedy.split()[-1])
        with pytest.raises(DryRunInvalid):
            start_dry_run(by=day_end(last + timedelta(days=1)), user=None, at=at)

        assert start_dry_run(by=day_end(last), user=None, at=at).state == "done"


def test_one_goes_on_at_a_time_and_numbers_must_add_up() -> None:
    subscriber("99.00")
    start_dry_run(by=FEB_1, user=None, at=FEB_1)

    with pytest.raises(DryRunInvalid):
        start_dry_run(by=MAR_1, user=None, at=FEB_1)

    work_on_dry_run(at=FEB_1)
    with pytest.raises(IntegrityError, match="adds_up"), transaction.atomic():
        DryRunInvoice.objects.update(tax=D(1))


def test_old_ones_are_forgotten_when_another_starts() -> None:
    subscriber("99.00")
    old = worked_out(by=FEB_1, at=FEB_1)

    start_dry_run(by=FEB_1 + timedelta(days=91), user=None, at=FEB_1 + timedelta(days=91))

    assert not DryRun.objects.filter(pk=old.pk).exists()


def test_the_pages_start_it_and_show_what_it_came_to(client: Client) -> None:
    subscriber("99.00", name="Seen First Ltd")
    client.force_login(make_user(Role.FINANCE))

    with clock.moved_to(FEB_1):
        page = client.post(reverse("dry_run_start"), {"day": ""}, follow=True).content.decode()
        listed = client.get(reverse("dry_run_list")).content.decode()
        wrong = client.post(reverse("dry_run_start"), {"day": "2025-01-01"}).content.decode()

    assert "Seen First Ltd" in page
    assert "$99.00" in page
    assert "1 of 1" in listed
    assert "it is over, or too far ahead" in wrong


def test_support_looks_and_starts_none(client: Client) -> None:
    client.force_login(make_user(Role.SUPPORT))

    assert client.get(reverse("dry_run_list")).status_code == 200
    assert client.post(reverse("dry_run_start")).status_code == 403


def test_a_chunk_asks_a_fixed_number_of_queries(
    django_assert_max_num_queries: Any,
) -> None:
    for _ in range(6):
        subscriber("99.00")
    start_dry_run(by=FEB_1, user=None, at=FEB_1)

    with django_assert_max_num_queries(45):
        assert work_on_dry_run(at=FEB_1)
