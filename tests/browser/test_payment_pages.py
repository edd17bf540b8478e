"""Pages of payments and the portal in Chromium, and a customer who pays by hand."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from billing.models import Invoice, Payment
from billing.services.payments.charging import charge_invoice
from billing.services.payments.refunds import refund_payment
from subscriptions.models import Customer
from tests.browser.reader import DESKTOP, PHONE, Reader
from tests.factories.accounts import make_user
from tests.factories.subscriptions import JAN_1, make_customer, make_member
from tests.factories.usage import use
from tests.stripe_world import (
    NOW,
    PERSON,
    StripeWorld,
    customer_with_card,
    customer_with_token,
    first_invoice_of,
)
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db(transaction=True)

PICTURES = os.environ.get("PICTURES", "")


@pytest.fixture
def world(stripe: StripeWorld, live_server: LiveServer, settings: Any) -> StripeWorld:
    """The sandbox, which sends people back to this very site."""
    settings.BASE_URL = live_server.url
    settings.CSP_FORM_ACTION = [stripe.address]
    return stripe


def charged(customer: Customer) -> Payment:
    invoice = first_invoice_of(customer)
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    return Payment.objects.get(invoice=invoice)


def test_staff_pages_of_payments_are_good_pages(world: StripeWorld, finance_reader: Reader) -> None:
    paid = charged(customer_with_card(world))
    refund_payment(
        payment=paid,
        amount=Money("30.00", "USD"),
        reason="goodwill",
        actor=PERSON,
        idempotency_key="r",
        at=NOW,
    )
    failed = charged(customer_with_token("pm_card_chargeDeclinedLostCard"))
    world.control.add_fault("POST /v1/payment_intents$", "reset_after", times=1)
    unknown = charged(customer_with_card(world))

    for name, path in {
        "payments": "/payments/",
        "payments-none": "/payments/?q=nobody",
        "payment-paid": f"/payments/{paid.pk}/",
        "payment-failed": f"/payments/{failed.pk}/",
        "payment-unknown": f"/payments/{unknown.pk}/",
    }.items():
        finance_reader.audit(path)
        _picture(finance_reader, name)


def test_finance_refunds_by_hand(world: StripeWorld, finance_reader: Reader) -> None:
    payment = charged(customer_with_card(world))
    page = finance_reader.open(f"/payments/{payment.pk}/")

    page.get_by_role("button", name="Refund…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Amount").fill("12.50")
    dialog.get_by_label("Reason").fill("Outage")
    dialog.get_by_role("button", name="Refund", exact=True).click()

    page.get_by_text("The refund is succeeded.").wait_for()
    assert world.refunded() == 1250


def test_portal_pages_are_good_pages(world: StripeWorld, reader: Reader) -> None:
    customer = customer_with_token("pm_card_chargeDeclinedExpiredCard")
    world.store_card(customer)
    failed = charged(customer)
    use(customer, 12_400, JAN_1.replace(hour=9))
    reader.sign_in(make_member(customer).user)

    for name, path in {
        "portal": "/portal/",
        "portal-invoices": "/portal/invoices/",
        "portal-invoice": f"/portal/invoices/{failed.invoice.number}/",
        "portal-payment": f"/portal/payments/{failed.pk}/",
        "portal-methods": "/portal/payment-methods/",
    }.items():
        reader.audit(path)
        _picture(reader, name)


def test_a_portal_without_anything_is_a_good_page(reader: Reader) -> None:
    reader.sign_in(make_member(make_customer(), make_user("customer")).user)  # type: ignore[arg-type]

    for path in ("/portal/", "/portal/invoices/", "/portal/payment-methods/"):
        reader.audit(path)


def test_a_customer_pays_by_hand_on_the_hosted_page(world: StripeWorld, reader: Reader) -> None:
    customer = make_customer()
    invoice = first_invoice_of(customer)
    reader.sign_in(make_member(customer).user)
    page = reader.open(f"/portal/invoices/{invoice.number}/")

    page.get_by_role("button", name=re.compile("^Pay")).click()
    page.wait_for_url(re.compile(f"^{re.escape(world.address)}/c/pay/"))
    page.get_by_role("button", name=re.compile("4242")).first.click()

    page.get_by_text("Thank you, the payment has arrived.").wait_for()
    assert Invoice.objects.get(pk=invoice.pk).state == "paid"
    assert world.charged(invoice) == [9900]
    assert reader.policy_violations() == []


def test_a_customer_confirms_a_stored_card_at_the_bank(world: StripeWorld, reader: Reader) -> None:
    customer = customer_with_token("pm_card_authenticationRequired")
    customer.payment_methods.update(brand="visa", last4="3184")
    invoice = first_invoice_of(customer)
    reader.sign_in(make_member(customer).user)
    page = reader.open(f"/portal/invoices/{invoice.number}/")

    page.get_by_label("Visa ending 3184").check()
    page.get_by_role("button", name=re.compile("^Pay")).click()
    page.wait_for_url(re.compile(f"^{re.escape(world.address)}/3ds/"))
    payment = Payment.objects.get()
    reader.audit(f"/portal/payments/{payment.pk}/")
    _picture(reader, "portal-payment-to-confirm")
    page.get_by_role("link", name="Confirm at your bank").click()
    page.get_by_role("button", name="Yes, confirm it").click()

    page.get_by_text("Thank you, the payment has arrived.").wait_for()
    assert world.charged(invoice) == [9900]
    assert payment.attempts.get().authentication["browser"]["javaScriptEnabled"] is True
    assert reader.policy_violations() == []


def test_a_customer_stores_a_card_by_hand(world: StripeWorld, reader: Reader) -> None:
    customer = make_customer()
    reader.sign_in(make_member(customer).user)
    page = reader.open("/portal/payment-methods/")

    page.get_by_role("link", name="Add a payment method").click()
    page.get_by_role("button", name="Continue at Stripe").click()
    page.wait_for_url(re.compile(f"^{re.escape(world.address)}/c/pay/"))
    page.get_by_role("button", name=re.compile("4242")).first.click()

    page.get_by_text("Visa ending 4242 was added.").wait_for()
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_text("Visa ending 4242 was removed.").wait_for()


def _picture(reader: Reader, name: str) -> None:
    """Keep pictures when a folder is asked for: PICTURES=folder pytest …"""
    if not PICTURES:
        return
    for size, suffix in ((DESKTOP, "desktop"), (PHONE, "phone")):
        reader.page.emulate_media(color_scheme="light")
        reader.page.set_viewport_size(size)  # type: ignore[arg-type]
        reader.page.reload()
        reader.page.screenshot(path=str(Path(PICTURES) / f"{name}-{suffix}.png"), full_page=True)
