"""Workers are killed in the middle of a billing run; whoever goes on leaves no trace of it."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from multiprocessing import get_context
from multiprocessing.process import BaseProcess as Process
from random import Random
from typing import Any

import pytest
from django.db import connections
from django.db.models import Sum

from billing.models import BillingRun, Invoice, InvoiceLine
from billing.services.invoices import renewal
from billing.services.invoices.due import due
from subscriptions.models import Subscription
from tests.factories.subscriptions import (
    JAN_1,
    make_customer,
    published_version,
    subscription_since,
)
from tests.factories.usage import use

pytestmark = pytest.mark.django_db(transaction=True)
CUSTOMERS = 12  # eight chunks in two months
CHUNK = 3
MAR_2 = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def due_twice(settings: Any) -> Sequence[Subscription]:
    """Subscriptions with two months to bill, and usage in each."""
    settings.BILLING_CHUNK_SIZE = CHUNK
    version = published_version()
    subscriptions = []
    for number in range(CUSTOMERS):
        customer = make_customer()
        subscriptions.append(subscription_since(JAN_1, customer=customer, version=version))
        use(customer, 10_500 + number, datetime(2026, 1, 20, tzinfo=UTC))
        use(customer, 11_500 + number, datetime(2026, 2, 20, tzinfo=UTC))
    return subscriptions


@dataclass(frozen=True)
class Death:
    """Where a worker ends by SIGKILL: at the n-th call of a function of the billing run.

    That is before the call is made, or after it and before the transaction ends.
    """

    function: str
    calls: int
    moment: str


DEATHS = [
    Death("close_usage", 1, "after"),
    Death("write_drafts", 2, "after"),
    Death("finalize_drafts", 3, "before"),
    Death("finalize_drafts", 3, "after"),
    Death("_move_on", 2, "after"),
]


def start_worker(death: Death | None = None) -> Process:
    """A worker in a process of its own, on the test's database."""
    worker = get_context("fork").Process(target=_work, args=[death])
    worker.start()
    return worker


def _work(death: Death | None) -> None:
    for inherited in connections.all():
        inherited.connection = None  # the parent's, and not ours to close
    if death:
        setattr(renewal, death.function, _dying(getattr(renewal, death.function), death))
    run = renewal.run_in_hand(at=MAR_2)
    while run is not None and renewal.work_on(run=run, at=MAR_2).billed:
        pass


def _dying(function: Callable[..., Any], death: Death) -> Callable[..., Any]:
    made = 0

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal made
        made += 1
        if made == death.calls and death.moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*args, **kwargs)
        if made == death.calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return call


def check_everything_was_billed_once(subscriptions: Sequence[Subscription]) -> None:
    invoices = Invoice.objects.order_by("number")
    periods = Counter(invoices.values_list("subscription_id", "period_start"))
    assert set(periods.values()) == {1}
    assert len(periods) == 2 * len(subscriptions)
    assert [invoice.number for invoice in invoices] == [
        f"INV-{number:06d}" for number in range(1, 2 * len(subscriptions) + 1)
    ]
    sums = InvoiceLine.objects.values("invoice").annotate(net=Sum("amount"), tax=Sum("tax_amount"))
    by_invoice = {row["invoice"]: (row["net"], row["tax"]) for row in sums}
    for invoice in invoices:
        assert by_invoice[invoice.pk] == (invoice.subtotal.amount, invoice.tax.amount)
    used = InvoiceLine.objects.filter(kind="usage").aggregate(quantity=Sum("quantity"))["quantity"]
    assert used == sum(Decimal(22_000 + 2 * number) for number in range(CUSTOMERS))
    ends = set(Subscription.objects.values_list("next_billing_at", flat=True))
    assert ends == {datetime(2026, 4, 1, tzinfo=UTC)}
    assert list(BillingRun.objects.values_list("state", flat=True)) == ["done"] * (
        BillingRun.objects.count()
    )


def finish() -> None:
    """What the tasks of the next minute do after the dead ones."""
    while run := renewal.run_in_hand(at=MAR_2):
        while renewal.work_on(run=run, at=MAR_2).billed:
            pass
        assert renewal.finish_run(run=run, at=MAR_2).state == "done"


def test_workers_that_die_at_any_step_leave_nothing_half_done(
    due_twice: Sequence[Subscription],
) -> None:
    for death in DEATHS:
        worker = start_worker(death)
        worker.join(60)

        assert worker.exitcode == -signal.SIGKILL, death
        assert Invoice.objects.count() == Invoice.objects.final().count(), death
    assert due(MAR_2).exists(), "the last of them had nothing to do"

    finish()

    check_everything_was_billed_once(due_twice)


def test_workers_killed_again_and_again_bill_everything_once(
    due_twice: Sequence[Subscription],
) -> None:
    random = Random(7)
    while due(MAR_2).exists():
        before = Invoice.objects.count()
        workers = [start_worker(), start_worker()]
        while Invoice.objects.count() == before and any(w.is_alive() for w in workers):
            time.sleep(0.01)
        assert Invoice.objects.count() > before, "they ended and had done nothing"
        time.sleep(random.uniform(0, 0.05))
        for worker in workers:
            worker.kill()
            worker.join(60)

    finish()

    check_everything_was_billed_once(due_twice)


def test_workers_side_by_side_share_the_work(due_twice: Sequence[Subscription]) -> None:
    workers = [start_worker() for _ in range(3)]
    for worker in workers:
        worker.join(60)

    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    finish()
    check_everything_was_billed_once(due_twice)
