"""Stored ways to pay: whose they are, which is the default, and when they are gone."""

import pytest

from billing.errors import GatewayUnavailable, PaymentInFlight, PaymentMethodMissing
from billing.gateways.registry import gateway_named
from billing.models import GatewayCustomer, PaymentMethod
from billing.services.payments.channels import Channel
from billing.services.payments.charging import charge_invoice, open_attempt
from billing.services.payments.intake import look_at_reported
from billing.services.payments.payment_methods import (
    make_known,
    open_setup_page,
    refresh_method,
    remove_method,
    set_default_method,
    take_over_method,
)
from tests.factories.subscriptions import make_customer
from tests.stripe_world import NOW, PERSON, StripeWorld, customer_with_card, invoice_of
from tiktoktoe.kernel.clock import now

pytestmark = pytest.mark.django_db


def test_a_customer_is_made_known_once(stripe: StripeWorld) -> None:
    customer = make_customer()

    first, second = (make_known(customer=customer, at=NOW) for _ in range(2))

    assert first.pk == second.pk
    assert GatewayCustomer.objects.count() == 1


def test_the_first_method_is_the_default_and_a_second_is_not(stripe: StripeWorld) -> None:
    customer = customer_with_card(stripe)

    second = stripe.store_card(customer, "5555555555554444")

    assert [m.is_default for m in customer.payment_methods.order_by("pk")] == [True, False]
    assert (second.kind, second.brand, second.last4) == ("card", "mastercard", "4444")


def test_the_default_moves_and_there_is_only_one(stripe: StripeWorld) -> None:
    customer = customer_with_card(stripe)
    second = stripe.store_card(customer)

    set_default_method(method=second)

    assert customer.payment_methods.get(is_default=True).pk == second.pk


def test_a_removed_method_is_forgotten_here_and_there(stripe: StripeWorld) -> None:
    customer = customer_with_card(stripe)
    invoice = invoice_of(customer)
    method = PaymentMethod.objects.get()

    remove_method(method=method)

    method.refresh_from_db()
    assert (method.state, method.is_default) == ("removed", False)
    with pytest.raises(PaymentMethodMissing):
        charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    with pytest.raises(PaymentMethodMissing):
        charge_invoice(invoice=invoice, method=method, actor=PERSON, at=NOW)
    with pytest.raises(PaymentMethodMissing):
        set_default_method(method=method)


def test_removing_works_while_the_gateway_is_down(stripe: StripeWorld) -> None:
    method = PaymentMethod.objects.get(customer=customer_with_card(stripe))
    stripe.control.add_fault("POST /v1/payment_methods", "reset_before", times=1)

    assert remove_method(method=method).state == "removed"


def test_a_method_in_use_is_not_removed(stripe: StripeWorld) -> None:
    customer = customer_with_card(stripe)
    method = PaymentMethod.objects.get()
    open_attempt(
        invoice=invoice_of(customer),
        channel=Channel.STORED_METHOD,
        gateway="stripe",
        method=method,
        actor=PERSON,
        at=NOW,
    )

    with pytest.raises(PaymentInFlight):
        remove_method(method=method)

    method.refresh_from_db()
    assert method.state == "active"


def test_a_page_that_nobody_finished_stores_nothing(stripe: StripeWorld) -> None:
    customer = make_customer()
    session = open_setup_page(customer=customer, at=now()).rpartition("/")[2]

    assert take_over_method(session=session, customer=customer, at=NOW) is None


def test_no_page_without_the_gateway(stripe: StripeWorld) -> None:
    customer = make_customer()
    make_known(customer=customer, at=NOW)
    stripe.control.add_fault("POST /v1/checkout/sessions$", "reset_before", times=1)

    with pytest.raises(GatewayUnavailable):
        open_setup_page(customer=customer, at=now())


def test_a_method_detached_elsewhere_is_not_used_any_more(stripe: StripeWorld) -> None:
    method = PaymentMethod.objects.get(customer=customer_with_card(stripe))
    gateway_named("stripe").detach_method(method.gateway_reference, customer_reference="")

    refreshed = refresh_method(reference=method.gateway_reference)

    assert refreshed is not None
    assert (refreshed.state, refreshed.is_default) == ("removed", False)


@pytest.mark.parametrize("kind", ["payment_method", "refund", "payment_intent", "setup_intent"])
def test_what_is_not_ours_is_left_alone(stripe: StripeWorld, kind: str) -> None:
    said = look_at_reported(kind=kind, reference="xx_1", our_reference="not a uuid", at=NOW)

    assert said == "not ours"
