"""Webhooks from the sandbox through dj-stripe's real intake: hints in any order, facts once."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from djstripe.models import APIKey, Event, PaymentIntent, WebhookEndpoint, WebhookEventTrigger
from kombu.exceptions import OperationalError

from billing.gateways.stripe_secrets import cover_old_rows
from billing.models import (
    Invoice,
    Payment,
    PaymentAttempt,
    PaymentEvent,
    PaymentMethod,
    Refund,
    WebhookEvent,
)
from billing.services.payments.charging import charge_invoice
from billing.services.payments.checkout import open_payment_page
from billing.services.payments.payment_methods import open_setup_page
from billing.services.payments.refunds import refund_payment
from billing.services.payments.webhook_inbox import work_off_waiting
from tests.factories.subscriptions import make_customer
from tests.stripe_world import (
    NOW,
    PERSON,
    StripeWorld,
    customer_with_card,
    customer_with_token,
    invoice_of,
)
from tiktoktoe.kernel.clock import now

pytestmark = pytest.mark.django_db(transaction=True)
SIZES = ("{}", "x" * 300_000)


@pytest.fixture
def intake(stripe: StripeWorld, live_server: Any, settings: Any) -> StripeWorld:
    """The sandbox with its webhooks going to this very application."""
    settings.BASE_URL = live_server.url
    settings.ALLOWED_HOSTS = ["*"]
    call_command("setup_stripe", base_url=live_server.url)
    return stripe


@pytest.fixture
def set_up(stripe: StripeWorld) -> StripeWorld:
    """The sandbox with an endpoint of ours at which nothing has to arrive."""
    call_command("setup_stripe", base_url="http://127.0.0.1:9")
    return stripe


@pytest.mark.django_db
def test_setting_up_twice_registers_one_endpoint(set_up: StripeWorld) -> None:
    first = WebhookEndpoint.objects.get()

    call_command("setup_stripe", base_url=str(first.url).partition("/stripe")[0])

    second = WebhookEndpoint.objects.get()
    assert (second.id, second.secret) == (first.id, first.secret)
    assert first.secret


@pytest.mark.django_db
def test_neither_the_key_nor_the_signing_secret_lies_in_the_database(set_up: StripeWorld) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM djstripe_apikey")
        (key,) = cursor.fetchall()
        cursor.execute("SELECT secret FROM djstripe_webhookendpoint")
        (signing,) = cursor.fetchall()

    assert key[0].startswith("mark:")
    assert signing[0].startswith("sealed:")
    assert APIKey.objects.get().secret == settings.STRIPE_TEST_SECRET_KEY
    assert APIKey.objects.filter(secret=settings.STRIPE_TEST_SECRET_KEY).exists()
    assert str(WebhookEndpoint.objects.get().secret).startswith("whsec_")


@pytest.mark.django_db
def test_what_was_kept_in_the_clear_is_covered(set_up: StripeWorld) -> None:
    secret = WebhookEndpoint.objects.get().secret
    with connection.cursor() as cursor:
        cursor.execute("UPDATE djstripe_apikey SET secret = %s", [settings.STRIPE_TEST_SECRET_KEY])
        cursor.execute("UPDATE djstripe_webhookendpoint SET secret = %s", [secret])

    cover_old_rows()

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT secret FROM djstripe_apikey UNION SELECT secret FROM djstripe_webhookendpoint"
        )
        kept = sorted(row[0].partition(":")[0] for row in cursor.fetchall())
    assert kept == ["mark", "sealed"]
    assert WebhookEndpoint.objects.get().secret == secret


@pytest.mark.django_db
def test_a_sandbox_that_forgot_us_is_told_again(set_up: StripeWorld) -> None:
    first = WebhookEndpoint.objects.get()
    set_up.control.reset()

    call_command("setup_stripe", base_url=str(first.url).partition("/stripe")[0])

    second = WebhookEndpoint.objects.get()
    assert second.id != first.id


@pytest.mark.parametrize("delivery", [{}, {"is_shuffled": True, "copies": 3}], ids=str)
def test_events_in_any_number_and_order_pay_an_invoice_once(
    intake: StripeWorld, delivery: dict[str, Any]
) -> None:
    intake.control.set_webhooks(**delivery)
    invoice = invoice_of(make_customer())
    intake.pay_on_page(open_payment_page(invoice=invoice, actor=PERSON, at=now()))

    _until(lambda: Invoice.objects.get().state == "paid")
    _until(lambda: intake.control.stats()["waiting"] == 0)

    invoice.refresh_from_db()
    assert invoice.amount_paid == invoice.total
    assert PaymentEvent.objects.filter(event="payment_paid").count() == 1
    assert PaymentEvent.objects.get(event="payment_paid").actor == "webhook"
    assert PaymentIntent.objects.count() == 1
    assert Event.objects.filter(type="payment_intent.succeeded").count() == 1


def test_an_answer_that_was_lost_arrives_by_webhook(intake: StripeWorld) -> None:
    invoice = invoice_of(customer_with_card(intake))
    intake.control.add_fault("POST /v1/payment_intents$", "reset_after", times=1)

    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    assert attempt.state == "unknown"
    _until(lambda: Invoice.objects.get().state == "paid")
    assert intake.charged(invoice) == [9900]


def test_an_event_without_a_broker_waits_in_the_inbox(
    intake: StripeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_broker(*_: object, **__: object) -> None:
        raise OperationalError("no broker")

    monkeypatch.setattr("billing.webhooks.work_off_event.delay", no_broker)
    invoice = invoice_of(customer_with_card(intake))
    intake.control.add_fault("POST /v1/payment_intents$", "reset_after", times=1)
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    _until(lambda: WebhookEvent.objects.filter(name="payment_intent.succeeded").exists())
    kept = WebhookEvent.objects.get(name="payment_intent.succeeded")
    assert (kept.gateway, kept.state, kept.is_signed) == ("stripe", "waiting", True)
    assert kept.happened_at is not None
    assert PaymentAttempt.objects.get().state == "unknown"

    work_off_waiting(at=now())

    kept.refresh_from_db()
    assert (kept.state, kept.result) == ("done", "attempt succeeded")
    assert Invoice.objects.get().state == "paid"


def test_a_card_stored_on_the_page_arrives_by_webhook_alone(intake: StripeWorld) -> None:
    customer = make_customer()
    session = open_setup_page(customer=customer, at=now()).rpartition("/")[2]

    intake.control.complete_checkout(session)

    _until(lambda: PaymentMethod.objects.filter(customer=customer).exists())
    assert PaymentMethod.objects.get().is_default


def test_a_refund_that_settles_later_arrives_by_webhook(intake: StripeWorld) -> None:
    invoice = invoice_of(customer_with_token("pm_card_pendingRefund"))
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    payment = Payment.objects.get()
    refund_payment(
        payment=payment,
        amount=payment.amount,
        reason="return",
        actor=PERSON,
        idempotency_key="r",
        at=NOW,
    )
    assert Refund.objects.get().state == "pending"

    intake.control.advance_clock(10 * 86_400)

    _until(lambda: Refund.objects.get().state == "succeeded")


def test_an_event_that_lies_changes_nothing(intake: StripeWorld) -> None:
    invoice = invoice_of(make_customer())
    open_payment_page(invoice=invoice, actor=PERSON, at=now())
    attempt = PaymentAttempt.objects.get()
    lie = _event(
        "checkout.session.completed",
        {
            "id": attempt.gateway_session,
            "object": "checkout.session",
            "payment_status": "paid",
            "status": "complete",
            "metadata": {"our_reference": str(attempt.pk)},
        },
    )

    answer = _post(lie, signed_at=int(time.time()))

    assert answer.status_code in {200, 500}  # the mirror may choke on it; the books do not
    attempt.refresh_from_db()
    assert attempt.state == "requires_action"
    assert Invoice.objects.get().state == "open"


def test_what_stripe_has_not_signed_now_and_whole_is_refused_and_noted(
    intake: StripeWorld,
) -> None:
    """Forged, replayed later, cut off, unsigned, enormous: of none dj-stripe keeps anything."""
    text, at = _event("refund.updated", _thing()), int(time.time())
    known = str(WebhookEndpoint.objects.get().url)

    statuses = [
        _post(text, signed_at=at, secret="no").status_code,
        _post(text + " ", signed_at=at - 600).status_code,
        _post(text + "  ", signed_at=at, cut=len(text) // 2).status_code,
        httpx.post(known, json={}).status_code,
        _post("x" * 300_000, signed_at=at).status_code,
    ]

    assert statuses == [400, 400, 400, 400, 413]
    assert not WebhookEventTrigger.objects.exists()
    assert not Event.objects.filter(id="evt_forged").exists()
    kept = WebhookEvent.objects.values_list("state", "is_signed", "result").order_by("id")
    forged = ("refused", False, "the signature does not fit")
    assert list(kept) == [forged] * 4 + [("refused", False, "the request is too large")]


@pytest.mark.django_db
def test_of_an_endpoint_that_there_is_not_nothing_is_kept(set_up: StripeWorld) -> None:
    unknown = "/stripe/webhook/00000000-0000-4000-8000-000000000000/"
    signed = {"stripe-signature": "t=1,v1=x"}

    answers = [Client().post(unknown, body, "text/plain", headers=signed) for body in SIZES]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert not WebhookEvent.objects.exists()


def _thing() -> dict[str, Any]:
    return {"id": "re_1", "object": "refund", "metadata": {}}


def _event(kind: str, thing: dict[str, Any]) -> str:
    return json.dumps(
        {
            "id": "evt_forged",
            "object": "event",
            "type": kind,
            "livemode": False,
            "api_version": "2026-05-27.dahlia",
            "created": int(time.time()),
            "data": {"object": thing},
            "request": None,
            "pending_webhooks": 1,
        }
    )


def _post(text: str, *, signed_at: int, secret: str = "", cut: int = 0) -> httpx.Response:
    endpoint = WebhookEndpoint.objects.get()
    key = (secret or str(endpoint.secret)).encode()
    signature = hmac.new(key, f"{signed_at}.{text}".encode(), hashlib.sha256).hexdigest()
    headers = {"Stripe-Signature": f"t={signed_at},v1={signature}"}
    return httpx.post(str(endpoint.url), content=text[cut:], headers=headers)


def _until(is_true: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
