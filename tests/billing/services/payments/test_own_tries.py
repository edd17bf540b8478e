"""A customer who tries another card in vain leaves what was planned for the default one."""

import pytest

from billing.domain.declines import DeclineClass
from billing.domain.presence import Presence
from billing.errors import NothingToCharge
from billing.models import GatewayCustomer, Invoice, Payment, PaymentAttempt, PaymentMethod
from billing.services.payments.checkout import charge_present_customer
from billing.services.payments.collection import collect_due
from subscriptions.models import Subscription
from tests.scripted_gateway import TwoGateways, declined, gateways
from tests.stripe_world import NOW, PERSON, first_invoice_of, invoice_of, later

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db
THERE = Presence(address="203.0.113.7", user_agent="Browser 1", accept="text/html", language="en")
STOLEN, NO_FUNDS = declined(DeclineClass.HARD_INSTRUMENT), declined(DeclineClass.SOFT_FUNDS)


def own_try(invoice: Invoice, *, hours: float) -> PaymentAttempt:
    """The customer chooses the other card, which the gateway beta holds."""
    GatewayCustomer.objects.get_or_create(
        customer=invoice.customer, gateway="beta", gateway_reference="at beta"
    )
    other, _ = PaymentMethod.objects.get_or_create(
        customer=invoice.customer,
        gateway="beta",
        gateway_reference="other",
        kind="card",
        created_at=NOW,
    )
    return charge_present_customer(
        invoice=invoice, method=other, present=THERE, actor=PERSON, at=later(hours=hours)
    )


def test_a_dead_card_does_not_stop_the_retry_of_the_default_one(gateways: TwoGateways) -> None:
    gateways.alpha.script, gateways.beta.script = [NO_FUNDS], [STOLEN]
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    collect_due(at=NOW)
    planned = Payment.objects.get().next_attempt_at
    assert planned is not None

    attempt = own_try(invoice, hours=1)

    payment = Payment.objects.get()
    assert (attempt.state, attempt.gateway) == ("declined", "beta")
    assert (payment.state, payment.next_attempt_at, payment.retries_done) == ("open", planned, 0)
    collect_due(at=planned)
    invoice.refresh_from_db()
    assert invoice.state == "paid"


def test_a_dead_card_before_the_first_pass_leaves_the_pass(gateways: TwoGateways) -> None:
    gateways.beta.script = [STOLEN]
    invoice = first_invoice_of(gateways.customer_with_card(held_by="alpha"))
    own_try(invoice, hours=0)
    assert Subscription.objects.get().state == "active"

    collect_due(at=NOW)

    invoice.refresh_from_db()
    assert (invoice.state, len(gateways.alpha.taken)) == ("paid", 1)


def test_a_card_that_cannot_be_charged_leaves_the_plan_too(gateways: TwoGateways) -> None:
    gateways.alpha.script, gateways.beta.script = [NO_FUNDS], [STOLEN]
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    collect_due(at=NOW)
    planned = Payment.objects.get().next_attempt_at
    own_try(invoice, hours=1)

    with pytest.raises(NothingToCharge, match="must not be charged again"):
        own_try(invoice, hours=2)

    payment = Payment.objects.get()
    assert (payment.state, payment.next_attempt_at) == ("open", planned)


def test_what_was_given_up_stays_so(gateways: TwoGateways) -> None:
    gateways.alpha.script, gateways.beta.script = [STOLEN], [NO_FUNDS]
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    collect_due(at=NOW)

    own_try(invoice, hours=1)

    assert {payment.state for payment in Payment.objects.all()} == {"failed"}
    collect_due(at=later(days=30))
    assert PaymentAttempt.objects.count() == 2


def test_a_decline_of_the_default_card_plans_as_any(gateways: TwoGateways) -> None:
    gateways.alpha.script = [NO_FUNDS, STOLEN]
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    collect_due(at=NOW)

    charge_present_customer(
        invoice=invoice,
        method=PaymentMethod.objects.get(),
        present=THERE,
        actor=PERSON,
        at=later(hours=1),
    )

    assert Payment.objects.get().state == "failed"
