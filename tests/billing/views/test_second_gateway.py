"""A customer brings a card to a second gateway in the portal, and is charged where it works."""

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import (
    GatewayHealth,
    InstrumentToken,
    Payment,
    PaymentAttempt,
    PaymentDecision,
    PaymentMethod,
    ProcessorFeeRule,
)
from billing.services.payments.collection import collect_due
from finance.queries.ledger import trial_balance
from finance.services.posting import post_documents
from subscriptions.models import Customer
from tests.adyen_world import GOOD_CARD, AdyenWorld
from tests.factories.accounts import make_user
from tests.factories.subscriptions import make_customer, make_member
from tests.stripe_world import StripeWorld, customer_with_card, invoice_of, later
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db
METHODS, ADD = reverse("portal_payment_methods"), reverse("portal_method_add")


def member_of(customer: Customer) -> Client:
    client = Client()
    client.force_login(make_member(customer).user)
    return client


def store(
    client: Client, world: StripeWorld | AdyenWorld, *, holder: str = "", **terms: object
) -> str:
    """Choose a gateway, type the card in on its page, come back; gives what is said then."""
    address = client.post(ADD, {"gateway": world.name, **terms}).headers["Location"]
    assert address.startswith(world.address)
    session = address.rpartition("/")[2]
    back = world.control.complete_checkout(session, card=GOOD_CARD, holder=holder)
    return client.get(back, follow=True).content.decode()


def test_every_gateway_that_stores_is_offered_in_plain_words_the_usual_one_first(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    text = member_of(make_customer()).get(ADD).content.decode()

    assert text.index("Continue at Stripe") < text.index("Continue at Adyen")
    assert "Takes cards and wallets, such as Apple Pay" in text
    assert "Takes cards, in USD." in text


def test_one_that_is_switched_off_is_neither_offered_nor_gone_to(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    GatewayHealth.objects.create(gateway="adyen", is_enabled=False)
    client = member_of(customer_with_card(stripe))

    assert "Adyen" not in client.get(ADD).content.decode()
    assert "second payment service" not in client.get(METHODS).content.decode()
    assert client.post(ADD, {"gateway": "adyen"}).headers["Location"] == ADD


def test_what_a_gateway_declines_to_open_says_so(stripe: StripeWorld, adyen: AdyenWorld) -> None:
    adyen.control.add_fault(adyen.pages, "http_500_before", times=5)

    answer = member_of(make_customer()).post(ADD, {"gateway": "adyen"}, follow=True)

    assert "cannot be reached right now" in answer.content.decode()


def test_a_page_that_was_left_adds_nothing_and_is_asked_about_once(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    client = member_of(make_customer())
    client.post(ADD, {"gateway": "adyen"})
    back = f"{reverse('portal_method_return')}?gateway=adyen"

    for _ in range(2):
        assert "No payment method was added" in client.get(back, follow=True).content.decode()


@pytest.mark.parametrize("session", ["../storedPaymentMethods?shopperReference=x", "a/b", ""])
def test_what_cannot_be_a_pages_name_is_not_asked_about(
    stripe: StripeWorld, adyen: AdyenWorld, session: str
) -> None:
    client = member_of(make_customer())

    page = client.get(
        reverse("portal_method_return"), {"gateway": "adyen", "session": session}, follow=True
    )

    assert "No payment method was added." in page.content.decode()


def test_a_card_of_another_customer_cannot_be_brought(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    theirs = customer_with_card(stripe).payment_methods.get()
    thief = member_of(make_customer())

    assert thief.post(ADD, {"gateway": "adyen", "method": theirs.pk}).status_code == 404
    address = reverse("portal_token_removal", args=[theirs.pk])
    assert thief.post(address, {"gateway": "stripe"}).status_code == 404


def test_one_card_at_two_gateways_is_charged_at_the_other_after_a_proven_no(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    """The whole way: two pages in the portal, an invoice, a refusal, the books."""
    customer = make_customer()
    client = member_of(customer)
    assert "Visa ending 1111 was added" in store(client, stripe)
    method = PaymentMethod.objects.get()
    assert "Keep Visa ending 1111 at Adyen too" in client.get(METHODS).content.decode()
    said = store(client, adyen, method=method.pk)
    assert "Visa ending 1111 is kept at Adyen too: what Stripe cannot take is tried there" in said
    assert "Kept at Stripe and Adyen" in said
    assert "second payment service" not in said
    invoice = invoice_of(customer)
    _let_stripe_be_cheaper()
    stripe.control.add_fault(stripe.charges, "http_429", times=9)

    collect_due(at=later(minutes=1))
    adyen.deliver()
    adyen.tell_fees()

    invoice.refresh_from_db()
    tries = PaymentAttempt.objects.order_by("sequence").values_list(
        "gateway", "state", "method", "is_fallback"
    )
    assert list(tries) == [
        ("stripe", "not_sent", method.pk, False),
        ("adyen", "succeeded", method.pk, True),
    ]
    assert (invoice.state, Payment.objects.get().state) == ("paid", "paid")
    assert (stripe.charged(invoice), adyen.charged(invoice)) == ([], [9900])
    assert [c["why_not"] for c in PaymentDecision.objects.get().candidates] == [[], []]
    post_documents(at=later(hours=1))
    assert trial_balance(on=later(days=1).date(), currency="USD").difference_minor == 0


def test_it_is_kept_at_the_second_no_longer_when_the_customer_says_so(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    client = member_of(make_customer())
    store(client, stripe)
    store(client, adyen)
    method = PaymentMethod.objects.get()

    address = reverse("portal_token_removal", args=[method.pk])
    said = client.post(address, {"gateway": "adyen"}, follow=True).content.decode()

    assert "Visa ending 1111 is not kept at Adyen any more" in said
    assert InstrumentToken.objects.get().state == "removed"


def test_an_invoice_can_be_paid_by_it_while_where_it_was_stored_is_switched_off(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    customer = make_customer()
    client = member_of(customer)
    store(client, stripe)
    store(client, adyen)
    GatewayHealth.objects.create(gateway="stripe", is_enabled=False)
    invoice = invoice_of(customer)

    client.post(
        reverse("portal_pay", args=[invoice.number]),
        {"way": f"method-{PaymentMethod.objects.get().pk}"},
    )

    assert (stripe.charged(invoice), adyen.charged(invoice)) == ([], [9900])


def test_staff_see_where_each_method_is_held(stripe: StripeWorld, adyen: AdyenWorld) -> None:
    customer = make_customer()
    client = member_of(customer)
    store(client, stripe)
    staff = Client()
    staff.force_login(make_user(Role.SUPPORT))
    page = reverse("customer_money", args=[customer.pk])
    assert "Nobody: no other gateway can be tried" in staff.get(page).content.decode()

    store(client, adyen)

    text = staff.get(page).content.decode()
    assert "Visa ending 1111" in text
    assert 'data-label="Held too by">Adyen' in text
    happened = staff.get(reverse("customer_timeline", args=[customer.pk])).content.decode()
    assert "Visa ending 1111 kept at Adyen too" in happened


def _let_stripe_be_cheaper() -> None:
    ProcessorFeeRule.objects.all().delete()
    for name, share in (("stripe", 10), ("adyen", 300)):
        ProcessorFeeRule.objects.create(
            gateway=name, share_bps=share, valid_from="2020-01-01", source="a test"
        )
