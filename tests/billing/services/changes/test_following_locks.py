"""Who looks at a preview holds nobody up for long who changes something, and others not at all."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from threading import Event
from time import perf_counter
from typing import TypeVar

import pytest
from django.db import OperationalError, connection, transaction
from pytest_django import Settings

from billing.models import CreditNote, Invoice, NumberSeries, PlanChange
from billing.services.changes.following import invoice_after
from billing.services.changes.plan_changes import change_plan
from billing.services.credit.credit_notes import issue_credit_note
from subscriptions.domain.proration_policy import Timing
from subscriptions.models import Subscription
from subscriptions.services.lifecycle import lock_subscription
from subscriptions.services.policies import ChangeOverride
from tests.factories.lifecycle import begin, fee_of
from tests.factories.subscriptions import TEST_ACTOR, make_customer

pytestmark = pytest.mark.django_db(transaction=True)
T = TypeVar("T")
FEB_6 = datetime(2026, 2, 6, 12, tzinfo=UTC)
HALF_A_SECOND = 0.5


def elsewhere(act: Callable[[], T]) -> T:
    """Act over another connection, which waits for a lock a fifth of a second at most."""

    def run() -> T:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '200ms'")
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


def changed(subscription: Subscription, fee: str, timing: Timing) -> Callable[[], object]:
    return partial(
        change_plan,
        subscription=subscription,
        plan_version=fee_of(fee),
        quantity=1,
        actor=TEST_ACTOR,
        at=FEB_6,
        override=ChangeOverride(timing=timing),
    )


def give_back(invoice: Invoice) -> CreditNote:
    return issue_credit_note(
        invoice=invoice,
        reason="Sorry",
        idempotency_key="sorry",
        amount=None,
        at=FEB_6,
    )


def test_others_take_their_numbers_while_a_change_is_tried_out() -> None:
    """The upgrade's invoice and the downgrade's note are there, and neither series is held."""
    ups, downs = (begin(fee_of("31.00"), "2026-01-31") for _ in range(2))
    other = begin(fee_of("9.00"), "2026-01-31", customer=make_customer())
    series = list(NumberSeries.objects.order_by("pk").values_list())
    seen: list[object] = []

    def try_out(act: Callable[[], object], meanwhile: Callable[[], object]) -> None:
        act()
        seen.append(elsewhere(meanwhile))

    up = changed(ups, "62.00", Timing.IMMEDIATE)
    fee = fee_of("5.00")
    invoice_after(
        lambda: try_out(up, lambda: begin(fee, "2026-02-06", customer=other.customer)),
        subscription=ups,
    )
    assert len(seen) == 1
    assert list(NumberSeries.objects.order_by("pk").values_list()) != series
    down = changed(downs, "15.50", Timing.IMMEDIATE)
    invoice_after(
        lambda: try_out(down, lambda: give_back(other.invoices.get())), subscription=downs
    )

    assert len(seen) == 2
    up()
    down()
    numbers = sorted(str(invoice.number) for invoice in Invoice.objects.all())
    assert numbers == [f"INV-{place:06d}" for place in range(1, len(numbers) + 1)]
    notes = sorted(CreditNote.objects.values_list("number", flat=True))
    assert notes == [f"CN-{place:06d}" for place in range(1, len(notes) + 1)]


def test_a_writer_waits_no_longer_than_that_for_one_that_waits_itself(settings: Settings) -> None:
    """The preview holds the subscription and waits for its scheduled change, which is locked."""
    settings.REHEARSAL_MILLISECONDS = 500
    subscription = begin(fee_of("31.00"), "2026-01-31")
    changed(subscription, "15.50", Timing.PERIOD_END)()
    held, waits = Event(), Event()

    def try_out() -> None:
        lock_subscription(subscription)
        waits.set()
        PlanChange.objects.update(state="withdrawn")

    def look() -> object:
        held.wait(timeout=10)
        try:
            return invoice_after(try_out, subscription=subscription)
        finally:
            connection.close()

    def write() -> float:
        waits.wait(timeout=10)
        started = perf_counter()
        try:
            with transaction.atomic():
                lock_subscription(subscription)
                return perf_counter() - started
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool, transaction.atomic():
        looked, wrote = pool.submit(look), pool.submit(write)
        PlanChange.objects.select_for_update().get()
        held.set()
        waited = wrote.result(timeout=20)
        assert looked.result(timeout=20) is None

    assert waited < HALF_A_SECOND


def test_one_that_takes_long_by_itself_is_given_up(settings: Settings) -> None:
    settings.REHEARSAL_MILLISECONDS = 500
    subscription = begin(fee_of("31.00"), "2026-01-31")
    lasted: list[float] = []

    def try_out() -> None:
        lock_subscription(subscription)
        started = perf_counter()
        try:
            for _ in range(100):
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_sleep(0.02)")
        finally:
            lasted.append(perf_counter() - started)

    assert invoice_after(try_out, subscription=subscription) is None

    assert lasted[0] < 2 * HALF_A_SECOND  # of the two seconds that all of it takes
    assert elsewhere(lambda: _locked(subscription)) == subscription


def _locked(subscription: Subscription) -> Subscription:
    with transaction.atomic():
        return lock_subscription(subscription)


def test_what_is_tried_out_holds_the_subscription_itself() -> None:
    """So the change is refused or made by what is there, and this test can fail."""
    subscription = begin(fee_of("31.00"), "2026-01-31")
    act = changed(subscription, "62.00", Timing.IMMEDIATE)

    def try_out() -> None:
        act()
        with pytest.raises(OperationalError, match="lock timeout"):
            elsewhere(lambda: _locked(subscription))

    assert invoice_after(try_out, subscription=subscription) is not None
