from datetime import UTC, datetime

import pytest

from billing.models import BillingRun, Invoice
from billing.services.invoices.renewal import open_run
from billing.tasks import bill_due, work_on_run
from tests.factories.subscriptions import JAN_1, subscription_since
from tiktoktoe.kernel import clock

pytestmark = pytest.mark.django_db
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)


def test_nothing_due_makes_no_run() -> None:
    subscription_since(JAN_1)

    with clock.moved_to(JAN_1):
        assert bill_due() == 0

    assert BillingRun.objects.count() == 0


def test_what_is_due_is_billed_by_the_workers() -> None:
    subscription_since(JAN_1)
    subscription_since(JAN_1)

    with clock.moved_to(FEB_1):
        assert bill_due() == 1

    assert Invoice.objects.count() == 2
    assert BillingRun.objects.get().state == "done"


def test_many_due_are_shared_among_workers(settings: pytest.FixtureRequest) -> None:
    settings.BILLING_CHUNK_SIZE = 1  # type: ignore[attr-defined]
    settings.BILLING_WORKERS = 3  # type: ignore[attr-defined]
    for _ in range(5):
        subscription_since(JAN_1)

    with clock.moved_to(FEB_1):
        assert bill_due() == 3

    assert Invoice.objects.count() == 5


def test_a_run_left_behind_is_finished_and_no_other_begun() -> None:
    subscription_since(JAN_1)
    left = open_run(at=FEB_1)

    with clock.moved_to(FEB_1):
        bill_due()
        work_on_run(left.pk)  # delivered again after a worker was lost

    assert BillingRun.objects.get().state == "done"
    assert Invoice.objects.count() == 1
