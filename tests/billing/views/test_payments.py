"""Staff pages of payments: who may open them, what they show, what they do."""

from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import Invoice, Payment, PaymentAttempt, Refund
from billing.services.payments.charging import charge_invoice
from tests.factories.accounts import make_user
from tests.stripe_world import (
    NOW,
    PERSON,
    StripeWorld,
    customer_with_card,
    customer_with_token,
    invoice_of,
)
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db


def signed_in(role: Role = Role.FINANCE) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def charged(stripe: StripeWorld, token: str = "") -> Payment:
    invoice = invoice_of(customer_with_token(token) if token else customer_with_card(stripe))
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    return Payment.objects.get(invoice=invoice)


def test_the_list_filters_by_state_words_and_days(stripe: StripeWorld) -> None:
    paid, failed = charged(stripe), charged(stripe, "pm_card_chargeDeclinedLostCard")
    client = signed_in(Role.SUPPORT)

    def shown(**asked: str) -> set[UUID]:
        page = client.get(reverse("payment_list"), asked).context["page"]
        return {payment.pk for payment in page}

    assert shown() == {paid.pk, failed.pk}
    assert shown(state="paid") == {paid.pk}
    assert shown(q=str(failed.invoice)) == {failed.pk}
    assert shown(q=paid.attempts.get().gateway_reference) == {paid.pk}
    assert shown(customer=str(paid.customer_id)) == {paid.pk}
    assert shown(start="2026-01-02") == set()
    assert shown(start="2026-01-01", end="2026-01-01") == {paid.pk, failed.pk}
    assert shown(q="nobody") == set()


def test_the_list_adds_up_what_it_shows(stripe: StripeWorld) -> None:
    charged(stripe)
    charged(stripe)
    charged(stripe, "pm_card_chargeDeclined")

    (found,) = signed_in().get(reverse("payment_list")).context["sums"]

    assert (found.count, str(found.paid.amount), str(found.outstanding.amount)) == (
        3,
        "198.0000",
        "99.0000",
    )
    assert str(found.fees.amount) == "6.3400"


def test_the_list_costs_the_same_for_many_payments(
    stripe: StripeWorld, django_assert_max_num_queries: object
) -> None:
    for _ in range(4):
        charged(stripe)
    client = signed_in()

    with django_assert_max_num_queries(12):  # type: ignore[operator]
        client.get(reverse("payment_list"))


def test_the_file_holds_what_the_list_shows(stripe: StripeWorld) -> None:
    payment = charged(stripe)

    answer = signed_in().get(reverse("payment_csv"), {"state": "paid"})

    lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 2
    assert f"paid,{payment.customer.name},{payment.invoice}" in lines[1]


def test_a_decline_is_told_in_plain_words(stripe: StripeWorld) -> None:
    payment = charged(stripe, "pm_card_chargeDeclinedLostCard")

    text = signed_in().get(reverse("payment_detail", args=[payment.pk])).content.decode()

    assert "hard instrument (lost_card). The customer has to act" in text
    assert "Given up: collecting by itself has ended" in text


def test_an_unknown_outcome_is_explained_and_can_be_asked_for(stripe: StripeWorld) -> None:
    stripe.control.add_fault("POST /v1/payment_intents$", "reset_after", times=1)
    payment = charged(stripe)
    client = signed_in()
    page = reverse("payment_detail", args=[payment.pk])
    assert "nothing else can charge" in client.get(page).content.decode()

    client.post(reverse("payment_look", args=[payment.pk]))

    payment.refresh_from_db()
    assert payment.state == "paid"
    assert "nothing else can charge" not in client.get(page).content.decode()


def test_finance_charges_a_payment_that_waits_for_its_next_try(stripe: StripeWorld) -> None:
    payment = charged(stripe, "pm_card_chargeDeclined")
    stripe.store_card(payment.customer)
    good = payment.customer.payment_methods.get(last4="4242")
    payment.customer.payment_methods.update(is_default=False)
    payment.customer.payment_methods.filter(pk=good.pk).update(is_default=True)

    signed_in().post(reverse("payment_attempt", args=[payment.pk]))

    payment.refresh_from_db()
    assert payment.state == "paid"
    assert Invoice.objects.get().state == "paid"


def test_finance_refunds_once_however_often_the_form_is_sent(stripe: StripeWorld) -> None:
    payment = charged(stripe)
    client = signed_in()
    form = {"amount": "30.00", "reason": "goodwill", "key": "k", "credit_note": ""}

    for _ in range(2):
        answer = client.post(reverse("refund_create", args=[payment.pk]), form)
        assert answer.status_code == 302

    refund = Refund.objects.get()
    assert (refund.state, refund.reason) == ("succeeded", "goodwill")
    assert stripe.refunded() == 3000


def test_a_refund_that_makes_no_sense_is_refused_with_words(stripe: StripeWorld) -> None:
    address = reverse("refund_create", args=[charged(stripe).pk])
    client = signed_in()

    for amount in ("99.01", "0", "-5", "x", "", "1e9", "NaN"):
        answer = client.post(address, {"amount": amount, "reason": "r", "key": "k"})

        assert answer.status_code == 422, amount
        assert not Refund.objects.exists(), amount


def test_support_reads_but_neither_charges_nor_refunds(stripe: StripeWorld) -> None:
    payment = charged(stripe)
    client = signed_in(Role.SUPPORT)

    assert client.get(reverse("payment_detail", args=[payment.pk])).status_code == 200
    for name in ("payment_look", "payment_attempt", "refund_create"):
        assert client.post(reverse(name, args=[payment.pk])).status_code == 403
    assert not Refund.objects.exists()
    assert PaymentAttempt.objects.count() == 1


@pytest.mark.parametrize("role", [Role.CUSTOMER, None])
def test_nobody_else_opens_them(role: Role | None) -> None:
    client = signed_in(role) if role else Client()
    identity = "00000000-0000-7000-8000-000000000000"
    expected = 403 if role else 302

    for name in ("payment_list", "payment_csv"):
        assert client.get(reverse(name)).status_code == expected
    assert client.get(reverse("payment_detail", args=[identity])).status_code == expected
    for name in ("payment_look", "payment_attempt", "refund_create"):
        assert client.post(reverse(name, args=[identity])).status_code == expected


def test_money_is_held_captured_in_part_and_shown(stripe: StripeWorld) -> None:
    invoice, client = invoice_of(customer_with_card(stripe)), signed_in()

    client.post(reverse("invoice_hold", args=[invoice.number]))
    attempt = PaymentAttempt.objects.get()
    page = client.get(reverse("payment_detail", args=[attempt.payment_id]))
    assert "Authorised" in page.content.decode()
    key = page.context["capture_form"].initial["key"]
    asked = {"amount": "40.00", "is_last": "on", "key": key}
    address = reverse("hold_capture", args=[attempt.pk])
    assert signed_in(Role.SUPPORT).post(address, asked).status_code == 403
    client.post(address, asked)

    attempt.refresh_from_db()
    payment = Payment.objects.get()
    assert (attempt.state, payment.state, payment.amount.amount) == ("succeeded", "paid", 40)


def test_a_hold_is_let_go_by_hand(stripe: StripeWorld) -> None:
    invoice, client = invoice_of(customer_with_card(stripe)), signed_in()
    client.post(reverse("invoice_hold", args=[invoice.number]))
    attempt = PaymentAttempt.objects.get()

    client.post(reverse("hold_void", args=[attempt.pk]))

    attempt.refresh_from_db()
    assert (attempt.state, Payment.objects.get().state) == ("abandoned", "open")
