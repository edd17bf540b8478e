"""One card at two gateways: recognised, charged where it can be, let go of again."""

from datetime import date

import pytest
from django.db import IntegrityError, transaction

from billing.errors import PaymentInFlight
from billing.gateways.registry import gateway_named
from billing.models import (
    GatewayCustomer,
    InstrumentToken,
    MethodEvent,
    Payment,
    PaymentAttempt,
    PaymentMethod,
    ProcessorFeeRule,
)
from billing.services.payments.charging import charge_invoice
from billing.services.payments.collection import collect_due
from billing.services.payments.further_tokens import forget_token
from billing.services.payments.payment_methods import (
    open_setup,
    refresh_method,
    refresh_methods,
    remove_method,
    take_over_method,
)
from subscriptions.models import Customer
from tests.adyen_world import GOOD_CARD, AdyenWorld
from tests.factories.subscriptions import make_customer
from tests.stripe_world import NOW, PERSON, StripeWorld, invoice_of, later
from tiktoktoe.kernel.clock import now

pytestmark = pytest.mark.django_db


def at_both(stripe: StripeWorld, adyen: AdyenWorld, *, then: str = "good") -> PaymentMethod:
    """A customer's default card, stored at Stripe and then brought to Adyen."""
    customer = make_customer()
    stripe.store_card(customer, GOOD_CARD)
    return adyen.store_card(customer, then)


def bring(adyen: AdyenWorld, customer: Customer, meant: PaymentMethod, card: str) -> PaymentMethod:
    """Bring a card to Adyen on purpose, and type in whichever."""
    page = open_setup(customer=customer, at=now(), gateway="adyen", meant=meant)
    adyen.control.complete_checkout(page.session, card=card)
    method = take_over_method(session=page.session, customer=customer, at=NOW, gateway="adyen")
    assert method is not None
    return method


def shopper(customer: Customer) -> str:
    """How Adyen names a customer."""
    return GatewayCustomer.objects.get(customer=customer, gateway="adyen").gateway_reference


def prefer(gateway: str) -> None:
    """Let a gateway be the cheaper one by far."""
    ProcessorFeeRule.objects.all().delete()
    for name in ("stripe", "adyen"):
        share = 10 if name == gateway else 300
        ProcessorFeeRule.objects.create(
            gateway=name, share_bps=share, valid_from="2020-01-01", source="a test"
        )


def test_a_card_that_comes_to_a_second_gateway_is_the_same_method(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    method = at_both(stripe, adyen)

    token = InstrumentToken.objects.get()
    assert PaymentMethod.objects.get() == method
    assert (method.gateway, method.last4, method.expires_on) == (
        "stripe",
        "1111",
        date(2030, 3, 31),
    )
    assert (token.method, token.gateway, token.state) == (method, "adyen", "active")
    told = MethodEvent.objects.get(event="held")
    assert (told.method, told.after) == (method, {"gateway": "adyen"})


def test_it_is_so_the_other_way_round_and_for_events_that_come_twice(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    customer = make_customer()
    adyen.store_card(customer)
    stripe.store_card(customer, GOOD_CARD)
    adyen.deliver()

    assert PaymentMethod.objects.get().gateway == "adyen"
    assert InstrumentToken.objects.get().gateway == "stripe"


def test_another_card_is_a_method_of_its_own(stripe: StripeWorld, adyen: AdyenWorld) -> None:
    customer = make_customer()
    meant = stripe.store_card(customer)  # ends in 4242

    brought = bring(adyen, customer, meant, GOOD_CARD)

    assert brought.pk != meant.pk
    assert (brought.gateway, brought.is_default) == ("adyen", False)
    assert not InstrumentToken.objects.exists()


def test_of_two_that_look_alike_it_is_the_one_that_was_meant(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    customer = make_customer()
    stripe.store_card(customer, GOOD_CARD)
    second = stripe.store_card(customer, GOOD_CARD)

    assert bring(adyen, customer, second, GOOD_CARD) == second


def test_of_two_that_look_alike_none_is_taken_unless_it_is_said(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    customer = make_customer()
    for _ in range(2):
        stripe.store_card(customer, GOOD_CARD)

    assert adyen.store_card(customer).gateway == "adyen"
    assert not InstrumentToken.objects.exists()


def test_the_same_card_of_another_customer_stays_theirs(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    stripe.store_card(make_customer(), GOOD_CARD)

    assert adyen.store_card(make_customer()).gateway == "adyen"


def test_a_refusal_at_one_is_tried_at_the_other_at_once(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    method = at_both(stripe, adyen, then="generic")  # Adyen stores it, and refuses to charge it
    prefer("adyen")
    invoice = invoice_of(method.customer)

    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    tries = PaymentAttempt.objects.order_by("sequence").values_list("gateway", "state")
    assert list(tries) == [("adyen", "declined"), ("stripe", "succeeded")]
    assert (attempt.is_fallback, attempt.method) == (True, method)
    assert (stripe.charged(invoice), adyen.charged(invoice)) == ([9900], [])


def test_what_may_have_been_taken_goes_nowhere_else(stripe: StripeWorld, adyen: AdyenWorld) -> None:
    method = at_both(stripe, adyen)
    prefer("adyen")
    invoice = invoice_of(method.customer)
    adyen.control.add_fault(adyen.charges, "reset_after", times=1)

    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    with pytest.raises(PaymentInFlight):
        charge_invoice(invoice=invoice, actor=PERSON, at=later(minutes=1))

    assert PaymentAttempt.objects.get().gateway == "adyen"
    assert (stripe.charged(invoice), adyen.charged(invoice)) == ([], [9900])


def test_it_is_let_go_of_at_the_second_and_charged_there_no_more(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    method = at_both(stripe, adyen)
    prefer("adyen")

    forget_token(method=method, gateway="adyen")

    attempt = charge_invoice(invoice=invoice_of(method.customer), actor=PERSON, at=NOW)
    assert attempt.gateway == "stripe"
    assert refresh_method(reference=InstrumentToken.objects.get().gateway_reference) is None
    again = adyen.store_card(method.customer)
    assert again == method
    assert InstrumentToken.objects.get().state == "active"
    events = MethodEvent.objects.filter(method=method).values_list("event", flat=True)
    assert list(events) == ["stored", "held", "let_go", "held"]


def test_a_method_that_is_removed_is_forgotten_wherever_it_is_held(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    method = at_both(stripe, adyen)
    token = InstrumentToken.objects.get()

    remove_method(method=method)

    token.refresh_from_db()
    assert token.state == "removed"
    assert gateway_named("adyen").list_methods(shopper(method.customer)) == []


@pytest.mark.parametrize("is_whole", [True, False])
def test_what_was_let_go_of_stays_so_though_the_gateway_could_not_be_told(
    stripe: StripeWorld, adyen: AdyenWorld, is_whole: bool
) -> None:
    method = at_both(stripe, adyen)
    adyen.control.add_fault("DELETE .*/storedPaymentMethods/.*", "http_500_before", times=1)

    if is_whole:
        remove_method(method=method)
    else:
        forget_token(method=method, gateway="adyen")
    whose = shopper(method.customer)
    assert len(gateway_named("adyen").list_methods(whose)) == 1  # it is still there
    refresh_methods(customer_reference=whose, at=NOW, gateway="adyen")  # an event, or another page

    assert InstrumentToken.objects.get().state == "removed"
    assert PaymentMethod.objects.get().state == ("removed" if is_whole else "active")


def test_what_was_let_go_of_in_vain_can_be_brought_again(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    method = at_both(stripe, adyen)
    InstrumentToken.objects.update(state="removed")

    assert bring(adyen, method.customer, method, GOOD_CARD) == method

    assert InstrumentToken.objects.get().state == "active"


def test_a_token_that_the_gateway_has_lost_is_over_and_the_method_is_not(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    method = at_both(stripe, adyen)
    token = InstrumentToken.objects.get()
    gateway_named("adyen").detach_method(
        token.gateway_reference, customer_reference=shopper(method.customer)
    )

    refresh_method(reference=token.gateway_reference, gateway="adyen")

    token.refresh_from_db()
    method.refresh_from_db()
    assert (token.state, method.state) == ("removed", "active")


def test_the_database_keeps_a_token_in_use_as_it_is_and_a_name_to_one_method(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    method = at_both(stripe, adyen)
    other = stripe.store_card(make_customer())

    for change in (
        {"gateway_reference": "another"},
        {"gateway": "paypal"},
        {"method": other},
        {"gateway_reference": method.gateway_reference, "gateway": "stripe"},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            InstrumentToken.objects.update(**change)
    with pytest.raises(IntegrityError, match="a method of its own"), transaction.atomic():
        InstrumentToken.objects.create(
            method=other, gateway="stripe", gateway_reference="pm_another"
        )


def test_a_run_collects_by_the_second_gateway_when_the_first_is_down(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    method = at_both(stripe, adyen)
    prefer("stripe")
    invoice = invoice_of(method.customer)
    stripe.control.add_fault(stripe.charges, "http_429", times=5)

    collect_due(at=later(minutes=1))

    assert Payment.objects.get().state == "paid"
    assert (stripe.charged(invoice), adyen.charged(invoice)) == ([], [9900])
