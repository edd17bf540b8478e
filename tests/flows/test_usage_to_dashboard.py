"""The whole river: an event over HTTP becomes a bill, money, a balanced entry, a figure."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client

from analytics.services.movements import record_movements
from billing.models import Invoice, InvoiceLine, Payment
from billing.services.invoices.renewal import run_billing
from billing.services.payments.collection import collect_due
from finance.queries.ledger import trial_balance
from finance.queries.unposted import unposted_count
from finance.services.posting import post_documents
from subscriptions.services.event_sources import create_event_source
from tests.factories.accounts import make_user
from tests.factories.subscriptions import JAN_1, subscription_since
from tests.stripe_world import StripeWorld
from tiktoktoe.kernel import clock

pytestmark = pytest.mark.django_db(transaction=True)
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)


def send(customer: str, count: int, key: str) -> None:
    """Send so many events of 1,000 calls each, all of them twice."""
    body = json.dumps(
        [
            {
                "id": f"call-{n}",
                "customer": customer,
                "meter": "api_calls",
                "occurred_at": (JAN_1 + timedelta(days=10, minutes=n)).isoformat(),
                "quantity": 1000,
            }
            for n in range(count)
        ]
    )
    with clock.moved_to(JAN_1 + timedelta(days=11)):
        for _ in range(2):
            answer = Client().post(
                "/api/v1/events",
                body,
                content_type="application/json",
                headers={"Authorization": f"Bearer {key}"},
            )
            assert answer.status_code == 200


def test_usage_becomes_a_bill_money_books_and_a_figure(stripe: StripeWorld) -> None:
    subscription = subscription_since(JAN_1)
    customer = subscription.customer
    stripe.store_card(customer)
    key = create_event_source(name="gateway", at=JAN_1).key
    send(customer.external_id, 15, key)

    run_billing(at=FEB_1)
    collect_due(at=FEB_1)
    post_documents(at=FEB_1)
    record_movements(at=FEB_1)

    invoice = Invoice.objects.get()
    line = InvoiceLine.objects.get(kind="usage")
    assert line.quantity == 15_000
    assert invoice.total.amount == Decimal("109.0000")
    assert invoice.state == "paid"
    assert stripe.charged(invoice) == [10_900]
    assert Payment.objects.get().state == "paid"
    assert unposted_count(at=FEB_1) == 0
    books = trial_balance(on=FEB_1.date(), currency="USD")
    assert books.debit_minor == books.credit_minor > 0
    client = Client()
    client.force_login(make_user())
    with clock.moved_to(FEB_1 + timedelta(hours=1)):
        overview = client.get("/overview/").content.decode()
        explained = client.get(f"/invoices/{invoice.number}/lines/{line.pk}/").content.decode()
    assert "$99.00" in overview
    assert "5000 × 0.002 = 10" in explained
