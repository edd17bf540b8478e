"""dj-stripe mirrors what the sandbox has: the second client that is held against it."""

import io
from typing import Any

import pytest
import stripe
from django.core.management import call_command
from djstripe import models as mirror

from tests.sandbox.conftest import KEY, client_of
from tests.sandbox.server import RunningSandbox
from tests.sandbox.test_payments import pay

pytestmark = pytest.mark.django_db
MODELS = [
    *("Account", "Customer", "PaymentMethod", "PaymentIntent", "SetupIntent", "Charge", "Refund"),
    *("BalanceTransaction", "Payout", "Dispute", "WebhookEndpoint", "Session"),
    *("Product", "Price"),
]


@pytest.fixture
def mirrored(
    sandbox: RunningSandbox, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> RunningSandbox:
    """The sandbox as dj-stripe's Stripe, its owner known."""
    settings.STRIPE_API_HOST = sandbox.address
    settings.STRIPE_TEST_SECRET_KEY = KEY
    monkeypatch.setattr(stripe, "api_base", sandbox.address)
    account = client_of(sandbox.address).accounts.retrieve_current()
    owner = mirror.Account.sync_from_stripe_data(account, api_key=KEY)
    mirror.APIKey.objects.update_or_create(
        secret=KEY,
        defaults={"type": "secret", "livemode": False, "djstripe_owner_account": owner},
    )
    return sandbox


def test_every_kind_that_we_use_is_mirrored(
    mirrored: RunningSandbox, client: Any, customer: str, card: str
) -> None:
    intent = pay(client, payment_method=card, customer=customer)
    client.refunds.create({"payment_intent": intent.id, "amount": 1_000})
    disputed = pay(client, payment_method="pm_card_createDispute", customer=customer)
    setup = {"customer": customer, "payment_method": "pm_card_fr", "confirm": True}
    stored = client.setup_intents.create(setup)
    product = client.products.create({"name": "Support"})
    price = client.prices.create({"product": product.id, "currency": "eur", "unit_amount": 900})
    page = client.checkout.sessions.create(
        {
            "mode": "payment",
            "customer": customer,
            "line_items": [{"price": price.id, "quantity": 1}],
            "success_url": "http://127.0.0.1:1/",
        }
    )
    mirrored.control.complete_checkout(page.id)
    mirrored.control.advance_clock(3 * 86_400)
    payout = mirrored.control.pay_out("eur")

    told, wrong = io.StringIO(), io.StringIO()
    call_command("djstripe_sync_models", *MODELS, stdout=told, stderr=wrong)

    assert wrong.getvalue() == ""
    assert mirror.Customer.objects.get(id=customer).email == "ada@example.com"
    assert mirror.PaymentIntent.objects.get(id=intent.id).stripe_data["status"] == "succeeded"
    assert mirror.Charge.objects.filter(id=intent.latest_charge.id).exists()
    assert mirror.Refund.objects.filter(stripe_data__payment_intent=intent.id).count() == 1
    assert mirror.Dispute.objects.filter(stripe_data__payment_intent=disputed.id).count() == 1
    assert mirror.SetupIntent.objects.filter(id=stored.id).exists()
    assert mirror.Session.objects.get(id=page.id).stripe_data["status"] == "complete"
    assert mirror.Payout.objects.filter(id=payout["id"]).exists()
    assert mirror.PaymentMethod.objects.filter(id=card).exists()
    assert mirror.BalanceTransaction.objects.filter(id=payout["balance_transaction"]).exists()


def test_an_event_is_mirrored_as_a_webhook_brings_it(mirrored: RunningSandbox, client: Any) -> None:
    pay(client, payment_method="pm_card_fr")
    told = client.events.list({"type": "payment_intent.succeeded"}).data[0]

    # As plain JSON: listing events with djstripe_sync_models fails, dj-stripe 2.11 takes the
    # `request` of stripe 15's object for a text.
    body = told.to_dict()
    event = mirror.Event.process(body)

    assert (event.id, event.type) == (told.id, "payment_intent.succeeded")
    assert event.request_id == body["request"]["id"]
