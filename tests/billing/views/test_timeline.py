"""The staff's page of everything that happened to a customer, and their own notes on it."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from billing.models import Dispute
from billing.queries.timeline import SOURCES
from billing.services.changes.pausing import pause
from billing.services.dunning.runs import run_dunning
from billing.views import timeline_words
from tests.factories.accounts import make_user
from tests.factories.billing import open_invoice
from tests.factories.dunning import campaign_in_force
from tests.factories.subscriptions import JAN_1, TEST_ACTOR, published_version, recurring
from tests.finance.services.test_posting import pay
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.ids import uuid7

pytestmark = pytest.mark.django_db
JAN_9 = datetime(2026, 1, 9, tzinfo=UTC)
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)


def signed_in(role: Role = Role.SUPPORT) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def test_entries_say_what_happened_and_lead_to_it() -> None:
    invoice = open_invoice(JAN_1)
    payment = pay(invoice, at=JAN_9)
    assert invoice.subscription
    pause(subscription=invoice.subscription, at_period_end=True, actor=TEST_ACTOR, at=JAN_9)

    page = signed_in().get(f"/customers/{invoice.customer_id}/timeline/").content.decode()

    assert (
        f'<a href="/invoices/{invoice.number}/">Invoice {invoice.number} issued: $99.00</a>' in page
    )
    assert f'<a href="/payments/{payment.payment_id}/">Payment of $99.00: succeeded</a>' in page
    reference = invoice.subscription.reference
    assert f'<a href="/subscriptions/{reference}/">Subscription: pause scheduled</a>' in page
    assert "pauses 1 Feb 2026" in page


def test_disputes_and_dunning_are_told() -> None:
    campaign_in_force("30 write_off")
    invoice = open_invoice(JAN_1)
    attempt = pay(invoice, at=JAN_9)
    Dispute.objects.create(
        id=uuid7(),
        payment=attempt.payment,
        attempt=attempt,
        gateway="stripe",
        gateway_reference="dp_1",
        state="won",
        reason="fraudulent",
        reason_class="other",
        currency="USD",
        amount=99,
        opened_at=JAN_9,
        reported_at=FEB_1,
        closed_at=FEB_1,
    )
    owing = open_invoice(
        JAN_1, customer=invoice.customer, version=published_version(recurring("10.00"))
    )
    run_dunning(at=FEB_1)

    address = f"/customers/{invoice.customer_id}/timeline/"
    disputes = signed_in().get(f"{address}?kind=disputes").content.decode()
    dunning = signed_in().get(f"{address}?kind=dunning").content.decode()

    assert "Dispute over $99.00 opened" in disputes
    assert "Dispute over $99.00 won" in disputes
    assert "Dunning: opened" in dunning
    assert f"invoice {owing.number}" in dunning


def test_one_kind_is_shown_alone_and_unknown_ones_are_not_there() -> None:
    invoice = open_invoice(JAN_1)
    address = f"/customers/{invoice.customer_id}/timeline/"
    client = signed_in()

    page = client.get(f"{address}?kind=people").content.decode()

    assert "became a customer" in page
    assert "issued" not in page
    assert client.get(f"{address}?kind=weather").status_code == 404
    assert client.get(f"{address}?after=2026-01-01T00:00:00%2B00:00+99:1").status_code == 404
    assert client.get(f"{address}?after=yesterday").status_code == 404


def test_support_writes_notes_and_customers_do_not() -> None:
    invoice = open_invoice(JAN_1)
    client, address = signed_in(), f"/customers/{invoice.customer_id}"

    answer = client.post(f"{address}/notes/", {"text": "Wants a bigger plan <soon>."}, follow=True)
    page = client.get(f"{address}/timeline/").content.decode()

    assert "The note is written." in answer.content.decode()
    assert "Wants a bigger plan &lt;soon&gt;." in page
    refused = signed_in(Role.CUSTOMER).post(f"{address}/notes/", {"text": "Hello"})
    assert refused.status_code == 403
    assert signed_in(Role.CUSTOMER).get(f"{address}/timeline/").status_code == 403


def test_every_source_has_its_words() -> None:
    assert set(timeline_words._SAY) == {source.name for source in SOURCES}
