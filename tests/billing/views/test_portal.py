"""The customer's own pages, and that nobody else's can be guessed."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import Payment, PaymentAttempt, PaymentMethod
from billing.services.invoices.boundaries import next_boundary
from billing.services.invoices.drafting import draft_invoices
from billing.services.invoices.writing import write_drafts
from billing.services.payments.charging import charge_invoice
from subscriptions.models import Customer, Subscription
from tests.factories.accounts import make_user
from tests.factories.subscriptions import make_customer, make_member
from tests.stripe_world import (
    NOW,
    PERSON,
    StripeWorld,
    customer_with_card,
    customer_with_token,
    first_invoice_of,
)
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.clock import moved_to

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _in_the_first_period(stripe: StripeWorld) -> Iterator[None]:
    today = NOW.replace(day=15)
    stripe.control.set_clock(today)
    with moved_to(today):
        yield


def member_of(customer: Customer) -> Client:
    client = Client()
    client.force_login(make_member(customer).user)
    return client


def test_home_shows_plan_usage_next_invoice_and_method(stripe: StripeWorld) -> None:
    customer = customer_with_card(stripe)
    invoice = first_invoice_of(customer)

    answer = member_of(customer).get(reverse("portal_home"))

    (overview,) = answer.context["overviews"]
    text = answer.content.decode()
    assert overview["plan"].name == "Team"
    assert [meter.price.name for meter in overview["meters"]] == ["API calls"]
    assert str(overview["next_invoice"].totals.total.amount) == "99.00"
    assert str(invoice) in text
    assert "Visa ending 4242" in text
    assert answer.context["troubles"] == []


def test_home_says_what_failed_and_where_to_fix_it(stripe: StripeWorld) -> None:
    customer = customer_with_token("pm_card_chargeDeclinedExpiredCard")
    invoice = first_invoice_of(customer)
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    text = member_of(customer).get(reverse("portal_home")).content.decode()

    assert (
        f"Invoice {invoice} could not be collected. This payment method can no longer be used."
        in text
    )
    assert reverse("portal_invoice", args=[invoice.number]) in text


def test_a_customer_without_anything_sees_a_friendly_page() -> None:
    answer = member_of(make_customer()).get(reverse("portal_home"))

    assert answer.status_code == 200
    assert "No subscription" in answer.content.decode()


def test_paying_goes_to_the_gateways_page_and_back_to_the_truth(stripe: StripeWorld) -> None:
    customer = make_customer()
    invoice = first_invoice_of(customer)
    client = member_of(customer)

    answer = client.post(reverse("portal_pay", args=[invoice.number]), {"save": "yes"})
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(stripe.address)
    back = reverse("portal_payment", args=[Payment.objects.get().pk])
    assert "has not been made yet" in client.get(back, {"status": "paid"}).content.decode()
    stripe.pay_on_page(answer.headers["Location"])

    assert "the payment has arrived" in client.get(back).content.decode()
    invoice.refresh_from_db()
    assert invoice.state == "paid"
    assert PaymentMethod.objects.get().customer == customer


def test_paying_what_is_paid_says_so(stripe: StripeWorld) -> None:
    customer = customer_with_card(stripe)
    invoice = first_invoice_of(customer)
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    answer = member_of(customer).post(reverse("portal_pay", args=[invoice.number]), follow=True)

    assert "Nothing is to be collected" in answer.content.decode()
    assert stripe.charged(invoice) == [9900]


def test_a_gateway_that_is_down_gives_a_sentence_and_no_second_attempt(
    stripe: StripeWorld,
) -> None:
    customer = make_customer()
    invoice = first_invoice_of(customer)
    stripe.control.add_fault("POST /v1/checkout/sessions$", "reset_before", times=5)
    client = member_of(customer)

    for _ in range(2):
        answer = client.post(reverse("portal_pay", args=[invoice.number]), follow=True)
        assert answer.status_code == 200

    assert PaymentAttempt.objects.count() == 1
    assert PaymentAttempt.objects.get().state == "unknown"


def test_a_card_is_added_made_default_and_removed(stripe: StripeWorld) -> None:
    customer = customer_with_card(stripe)
    first = PaymentMethod.objects.get()
    client = member_of(customer)

    answer = client.post(reverse("portal_method_add"))
    session = answer.headers["Location"].rpartition("/")[2]
    stripe.control.complete_checkout(session, card="5555555555554444")
    client.get(reverse("portal_method_return"), {"session": session})
    second = PaymentMethod.objects.exclude(pk=first.pk).get()
    client.post(reverse("portal_method_default", args=[second.pk]))
    client.post(reverse("portal_method_removal", args=[first.pk]))

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, first.is_default) == ("removed", False)
    assert (second.brand, second.is_default) == ("mastercard", True)


def test_a_card_is_replaced_by_another_that_takes_its_place(stripe: StripeWorld) -> None:
    customer = customer_with_card(stripe)
    client, first = member_of(customer), PaymentMethod.objects.get()
    assert ">Replace<" in client.get(reverse("portal_payment_methods")).content.decode()
    answer = client.post(reverse("portal_method_add"), {"replaces": first.pk})
    session = answer.headers["Location"].rpartition("/")[2]
    stripe.control.complete_checkout(session, card="5555555555554444")

    back = client.get(reverse("portal_method_return"), {"session": session}, follow=True)
    client.get(reverse("portal_method_return"), {"session": session})  # and once more

    first.refresh_from_db()
    second = PaymentMethod.objects.exclude(pk=first.pk).get()
    assert (first.state, first.is_default) == ("removed", False)
    assert (second.brand, second.state, second.is_default) == ("mastercard", "active", True)
    assert "It replaces" in back.content.decode()


def test_a_page_that_was_left_replaces_nothing(stripe: StripeWorld) -> None:
    client, first = member_of(customer_with_card(stripe)), PaymentMethod.objects.get()
    client.post(reverse("portal_method_add"), {"replaces": first.pk})
    other = client.post(reverse("portal_method_add")).headers["Location"].rpartition("/")[2]
    stripe.control.complete_checkout(other, card="5555555555554444")

    client.get(reverse("portal_method_return"), {"session": other})

    assert PaymentMethod.objects.usable().count() == 2
    first.refresh_from_db()
    assert first.is_default


def test_anothers_card_cannot_be_replaced(stripe: StripeWorld) -> None:
    customer_with_card(stripe)
    victim, thief = PaymentMethod.objects.get(), member_of(make_customer())

    assert thief.post(reverse("portal_method_add"), {"replaces": victim.pk}).status_code == 404


def test_another_customers_setup_page_is_not_taken_over(stripe: StripeWorld) -> None:
    client, stranger = member_of(make_customer()), member_of(make_customer())
    session = stranger.post(reverse("portal_method_add")).headers["Location"].rpartition("/")[2]
    stripe.control.complete_checkout(session)

    client.get(reverse("portal_method_return"), {"session": session})

    assert not PaymentMethod.objects.exists()


def test_a_made_up_session_adds_nothing(stripe: StripeWorld) -> None:
    client = member_of(make_customer())

    for session in ("", "cs_test_no", "../v1/refunds", "x" * 5000):
        answer = client.get(reverse("portal_method_return"), {"session": session})

        assert answer.status_code == 302, session
        assert not PaymentMethod.objects.exists(), session


def test_every_page_of_another_customer_is_not_there(stripe: StripeWorld) -> None:
    victim = customer_with_card(stripe)
    invoice = first_invoice_of(victim)
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    payment, method = Payment.objects.get(), PaymentMethod.objects.get()
    thief = member_of(make_customer())

    seen = [
        thief.get(reverse("portal_home"), {"customer": victim.external_id}),
        thief.get(reverse("portal_invoices"), {"customer": victim.external_id}),
        thief.get(reverse("portal_payment_methods"), {"customer": victim.external_id}),
        thief.get(reverse("portal_invoice", args=[invoice.number])),
        thief.get(reverse("portal_invoice_pdf", args=[invoice.number])),
        thief.post(reverse("portal_pay", args=[invoice.number])),
        thief.get(reverse("portal_payment", args=[payment.pk])),
        thief.post(reverse("portal_method_default", args=[method.pk])),
        thief.post(reverse("portal_method_removal", args=[method.pk])),
    ]

    assert [answer.status_code for answer in seen] == [404] * len(seen)
    method.refresh_from_db()
    assert method.state == "active"


def test_a_draft_is_not_shown_to_its_customer() -> None:
    customer = make_customer()
    issued = first_invoice_of(customer)
    boundary = next_boundary(Subscription.objects.get())
    assert boundary is not None
    (draft_id,) = write_drafts(draft_invoices([boundary]), at=NOW)
    client = member_of(customer)

    shown = client.get(reverse("portal_invoices")).context["page"]

    assert [invoice.pk for invoice in shown] == [issued.pk]
    assert client.get(reverse("portal_invoice", args=[str(draft_id)])).status_code == 404


def test_what_failed_stays_a_trouble_while_a_page_is_open(stripe: StripeWorld) -> None:
    customer = customer_with_token("pm_card_authenticationRequired")
    invoice = first_invoice_of(customer)
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    client = member_of(customer)
    client.post(reverse("portal_pay", args=[invoice.number]))

    (trouble,) = client.get(reverse("portal_home")).context["troubles"]

    assert "wants the payment confirmed" in trouble.words


@pytest.mark.parametrize("role", [Role.FINANCE, Role.SUPPORT, None])
def test_the_portal_is_for_customers(role: Role | None) -> None:
    client = Client()
    if role:
        client.force_login(make_user(role))

    for name in ("portal_home", "portal_invoices", "portal_payment_methods"):
        assert client.get(reverse(name)).status_code == (403 if role else 302)


def test_someone_who_acts_for_nobody_finds_nothing() -> None:
    client = Client()
    client.force_login(make_user(Role.CUSTOMER))

    assert client.get(reverse("portal_home")).status_code == 404


def test_a_person_of_two_customers_can_look_at_both() -> None:
    first, second = make_customer(name="A"), make_customer(name="B")
    user = make_member(first).user
    make_member(second, user)
    client = Client()
    client.force_login(user)

    assert client.get(reverse("portal_home")).context["customer"] == first
    other = client.get(reverse("portal_home"), {"customer": second.external_id})
    assert other.context["customer"] == second
