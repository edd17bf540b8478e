"""The customer's credit, and coming back: each sees and buys only its own."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client

from billing.models import Invoice, TopUp, Wallet
from billing.services.changes.cancelling import cancel_subscription
from billing.services.credit.coupons import CouponDetails, create_coupon, redeem_coupon
from billing.services.credit.wallets import grant_prepaid, open_wallet
from subscriptions.models import Customer, Plan, Subscription
from tests.factories.lifecycle import begin, fee_of
from tests.factories.subscriptions import JAN_1, TEST_ACTOR, make_customer, make_member
from tiktoktoe.kernel import clock
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
KEY = "01a214ef-348a-7d58-81ee-5021bc0f4b66"


def client_of(customer: Customer) -> Client:
    client = Client()
    client.force_login(make_member(customer).user)
    return client


def wallet_of(customer: Customer) -> Wallet:
    wallet = open_wallet(customer=customer, currency="USD", name="Main", at=JAN_1)
    grant_prepaid(
        wallet=wallet,
        amount=Money(20, "USD"),
        reason="Welcome",
        idempotency_key=f"w{wallet.pk}",
        expires_at=datetime(2026, 6, 1, tzinfo=UTC),
        actor=TEST_ACTOR,
        at=JAN_1,
    )
    return wallet


def test_the_page_shows_lots_with_their_expiry_and_coupons_in_force() -> None:
    customer = make_customer()
    wallet_of(customer)
    create_coupon(
        details=CouponDetails(
            code="TEN",
            name="Ten off",
            percentage=Decimal(10),
            duration="repeating",
            periods=3,
        ),
        at=JAN_1,
    )
    redeem_coupon(code="TEN", customer=customer, actor=TEST_ACTOR, at=JAN_1)

    with clock.moved_to(JAN_1 + timedelta(days=5)):
        page = client_of(customer).get("/portal/credit/").content.decode()

    assert "Main: $20.00" in page
    assert 'Valid until <time datetime="2026-06-01' in page
    assert "Ten off: 10 % off everything" in page
    assert "3 invoices left" in page


def test_buying_more_makes_one_invoice_however_often_it_is_sent() -> None:
    customer = make_customer()
    wallet = wallet_of(customer)
    client, address = client_of(customer), f"/portal/wallets/{wallet.pk}/top-up/"

    answers = [client.post(address, {"amount": "50", "key": KEY}) for _ in range(2)]

    invoice = TopUp.objects.get().invoice
    assert [a.headers["Location"] for a in answers] == [f"/portal/invoices/{invoice.number}/"] * 2
    assert (invoice.total, invoice.customer) == (Money(50, "USD"), customer)


@pytest.mark.parametrize("amount", ["", "0", "-5", "0.001", "much"])
def test_what_cannot_be_bought_is_refused(amount: str) -> None:
    customer = make_customer()
    wallet = wallet_of(customer)

    client_of(customer).post(f"/portal/wallets/{wallet.pk}/top-up/", {"amount": amount, "key": KEY})

    assert not Invoice.objects.exists()


def test_another_customer_s_wallet_is_not_there() -> None:
    wallet = wallet_of(make_customer())
    stranger = client_of(make_customer())

    answer = stranger.post(f"/portal/wallets/{wallet.pk}/top-up/", {"amount": "5", "key": KEY})

    assert answer.status_code == 404
    assert "Main: $" not in stranger.get("/portal/credit/").content.decode()


def gone() -> Subscription:
    subscription = begin(fee_of("31.00", name="Team"), (now() - timedelta(days=3)).isoformat())
    Plan.objects.filter(pk=subscription.plan_version.plan_id).update(is_public=True)
    cancel_subscription(subscription=subscription, actor=TEST_ACTOR, at=now())
    return subscription


def test_coming_back_is_shown_first_and_then_done() -> None:
    subscription = gone()
    client, address = (
        client_of(subscription.customer),
        (f"/portal/subscriptions/{subscription.reference}/return/"),
    )

    home = client.get("/portal/").content.decode()
    page = client.get(address).content.decode()
    done = client.post(address, follow=True).content.decode()
    again = client.post(address, follow=True).content.decode()

    assert address in home
    assert "$31.00</strong> is invoiced now" in page
    assert "Welcome back" in done
    assert address not in done
    assert "it runs again already" in again
    assert Subscription.objects.live().count() == 1


def test_another_customer_s_ended_subscription_is_not_there() -> None:
    address = f"/portal/subscriptions/{gone().reference}/return/"
    stranger = client_of(make_customer())

    assert stranger.get(address).status_code == stranger.post(address).status_code == 404
