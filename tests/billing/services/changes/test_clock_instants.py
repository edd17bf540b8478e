"""A clock stops at each instant at which something is due for its customers, and at no other."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import QuerySet

from billing.domain.announcements import RENEWS_SOON, TRIAL_ENDS_SOON
from billing.models import (
    DunningRun,
    Invoice,
    Notice,
    Payment,
    PaymentAttempt,
    PaymentOperation,
    Refund,
    WebhookDelivery,
)
from billing.services.announcements.announcing import announce_new
from billing.services.announcements.webhook_endpoints import create_endpoint
from billing.services.changes.clock_instants import next_instant
from billing.services.changes.expiring import PATIENCE
from billing.services.dunning.runs import open_runs
from billing.services.invoices.one_off import ChargeLine, OneOffCharge, charge_once
from billing.services.payments.channels import Channel
from billing.services.payments.charging import open_attempt
from subscriptions.models import Customer, CustomerClock, Subscription
from subscriptions.services.customer_clocks import create_clock
from tests.factories.announcements import announce_from_january
from tests.factories.billing import open_invoice
from tests.factories.dunning import campaign_in_force
from tests.factories.subscriptions import JAN_1, TEST_ACTOR, make_customer
from tests.shared_world import shared_world, undone
from tiktoktoe.kernel.ids import uuid7

pytestmark = pytest.mark.django_db
MAY_1, JUNE_1, JULY_1 = (datetime(2027, month, 1, tzinfo=UTC) for month in (5, 6, 7))
AT_ONCE = timedelta(0)


def draft_one_off(customer: Customer) -> None:
    line = ChargeLine(description="Set-up", unit_price=Decimal(50))
    charge = OneOffCharge(customer=customer, currency=customer.currency, lines=[line])
    charge_once(charge=charge, idempotency_key="d", actor=TEST_ACTOR, at=JAN_1, is_draft=True)


def lives_by_a_clock() -> CustomerClock:
    """Somebody with an overdue invoice that is told of and being paid, and with a draft."""
    announce_from_january()
    clock = create_clock(code="mine", starts_at=JAN_1, at=JAN_1)
    invoice = open_invoice(customer=make_customer(clock=clock))
    terms: dict[str, Any] = {"channel": Channel.HOSTED_PAGE, "gateway": "stripe"}
    attempt = open_attempt(invoice=invoice, actor=TEST_ACTOR, at=JAN_1, **terms)
    asked: dict[str, Any] = {"currency": "USD", "amount": 1, "requested_at": JAN_1}
    Refund.objects.create(
        id=uuid7(), payment=attempt.payment, attempt=attempt, idempotency_key="r", **asked
    )
    PaymentOperation.objects.create(
        id=uuid7(), attempt=attempt, kind="capture", idempotency_key="c", **asked
    )
    create_endpoint(url="https://a.example/", kinds=["invoice.finalized"], at=JAN_1)
    announce_new(at=JAN_1, clock=clock)
    campaign_in_force("7 email", at=JAN_1)
    open_runs(at=JAN_1 + timedelta(days=60), clock=clock)
    draft_one_off(invoice.customer)
    Subscription.objects.update(next_billing_at=None)
    return clock


clock = shared_world(lives_by_a_clock)
DUE: list[tuple[QuerySet[Any], str, timedelta]] = [
    (Subscription.objects.all(), "next_billing_at", AT_ONCE),
    (Subscription.objects.all(), "trial_ends_at", TRIAL_ENDS_SOON),
    (Subscription.objects.all(), "current_period_end", RENEWS_SOON),
    (Subscription.objects.all(), "created_at", -PATIENCE),
    (Invoice.objects.filter(state="draft"), "review_until", AT_ONCE),
    (Payment.objects.all(), "next_attempt_at", AT_ONCE),
    (PaymentAttempt.objects.all(), "next_check_at", AT_ONCE),
    (Refund.objects.all(), "next_check_at", AT_ONCE),
    (PaymentOperation.objects.all(), "next_check_at", AT_ONCE),
    (WebhookDelivery.objects.all(), "next_try_at", AT_ONCE),
    (DunningRun.objects.all(), "next_step_at", AT_ONCE),
    (Notice.objects.all(), "next_try_at", AT_ONCE),
]


def test_it_stops_when_something_says_that_it_is_due(clock: CustomerClock) -> None:
    assert next_instant(clock, after=MAY_1, to=JULY_1) is None

    for rows, name, before in DUE:
        with undone():
            if name == "created_at":
                rows.update(state="incomplete")
            assert rows.update(**{name: JUNE_1 + before}) == 1, name
            assert next_instant(clock, after=MAY_1, to=JULY_1) == JUNE_1, (rows.model, name)
            assert next_instant(clock, after=JUNE_1, to=JULY_1) is None, (rows.model, name)
            assert next_instant(clock, after=MAY_1, to=JUNE_1) == JUNE_1, (rows.model, name)
