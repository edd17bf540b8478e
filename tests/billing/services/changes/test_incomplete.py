"""A subscription that waits for its first payment begins with it, or is given up."""

from decimal import Decimal

import pytest

from billing.models import Invoice
from billing.services.changes.expiring import expire_unpaid
from billing.services.credit.customer_credit import grant_credit
from billing.services.invoices.renewal import run_billing
from subscriptions.models import Subscription
from tests.factories.lifecycle import at, begin, fee_of
from tests.factories.subscriptions import TEST_ACTOR, make_customer
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db


def pay(subscription: Subscription, when: str) -> None:
    """Let the credit balance pay what it owes."""
    grant_credit(
        customer=subscription.customer,
        amount=Money(Decimal(31), "USD"),
        reason="Paid by hand",
        idempotency_key=f"paid:{subscription.pk}",
        actor=TEST_ACTOR,
        at=at(when),
    )
    subscription.refresh_from_db()


def test_it_begins_with_its_first_payment_and_renews_from_then_on() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01", needs_payment=True)
    assert (subscription.state, subscription.next_billing_at) == ("incomplete", None)

    pay(subscription, "2026-01-01T10:00")
    run_billing(at=at("2026-02-01"))

    assert subscription.state == "active"
    assert Invoice.objects.filter(subscription=subscription).count() == 2
    events = subscription.transitions.order_by("pk").values_list("event", flat=True)
    assert list(events) == ["subscribed", "activated"]


def test_what_a_balance_pays_begins_at_once() -> None:
    customer = make_customer()
    grant_credit(
        customer=customer,
        amount=Money(Decimal(31), "USD"),
        reason="Deposit",
        idempotency_key="deposit",
        actor=TEST_ACTOR,
        at=at("2026-01-01"),
    )

    subscription = begin(fee_of("31.00"), "2026-01-01", customer=customer, needs_payment=True)

    assert subscription.state == "active"


def test_unpaid_for_a_day_it_is_given_up_and_its_invoice_is_void() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01", needs_payment=True)

    assert expire_unpaid(at=at("2026-01-01T22:00")) == 0
    assert expire_unpaid(at=at("2026-01-01T23:00")) == 1
    assert expire_unpaid(at=at("2026-01-02")) == 0

    subscription.refresh_from_db()
    assert (subscription.state, subscription.ended_at) == ("expired", at("2026-01-01T23:00"))
    assert Invoice.objects.get(subscription=subscription).state == "void"


def test_a_trial_begins_without_a_payment() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01", trial_days=14, needs_payment=True)

    assert subscription.state == "trialing"
