"""Staff make and give coupons; who signs up may type a code."""

import pytest
from django.test import Client

from billing.models import Coupon, CouponRedemption, Invoice
from billing.services.credit.coupons import CouponDetails, create_coupon
from subscriptions.models import Customer
from tests.factories.accounts import make_user
from tests.factories.subscriptions import JAN_1, make_customer, published_version, recurring
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db

FORM = {
    "code": "spring",
    "name": "Spring",
    "percentage": "20",
    "duration": "once",
    "max_per_customer": "1",
}


def signed_in(role: Role = Role.FINANCE) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def test_finance_makes_a_coupon_and_gives_it_to_a_customer() -> None:
    client, customer = signed_in(), make_customer()

    assert client.post("/coupons/new/", FORM).headers["Location"] == "/coupons/SPRING/"
    given = client.post("/coupons/SPRING/", {"customer": customer.external_id})
    again = client.post("/coupons/SPRING/", {"customer": customer.external_id})

    assert given.status_code == 302
    assert "redeemed already" in again.content.decode()
    redemption = CouponRedemption.objects.get()
    page = client.get("/coupons/SPRING/").content.decode()
    assert customer.name in page
    assert "SPRING" in client.get("/coupons/").content.decode()
    client.post(f"/coupon-redemptions/{redemption.pk}/withdrawal/")
    client.post("/coupons/SPRING/archiving/")
    redemption.refresh_from_db()
    assert (redemption.state, Coupon.objects.get().archived_at is None) == ("withdrawn", False)


def test_a_form_that_makes_no_sense_names_the_field() -> None:
    page = signed_in().post("/coupons/new/", {**FORM, "duration": "repeating"})

    assert "how often a repeating one counts" in page.content.decode()
    assert not Coupon.objects.exists()


def test_a_cap_by_the_month_is_made_and_said() -> None:
    client = signed_in()
    capped = {**FORM, "duration": "forever", "monthly_cap": "50"}

    no_currency = client.post("/coupons/new/", capped).content.decode()
    made = client.post("/coupons/new/", {**capped, "currency": "usd"}, follow=True)

    assert "in which currency" in no_currency
    assert "20 %, at most 50 USD a month" in made.content.decode()


def test_support_reads_coupons_and_gives_none() -> None:
    create_coupon(details=CouponDetails(code="A", name="A", amount=Money(1, "USD")), at=JAN_1)
    client, customer = signed_in(Role.SUPPORT), make_customer()

    assert "Give it to a customer" not in client.get("/coupons/A/").content.decode()
    client.post("/coupons/A/", {"customer": customer.external_id})
    assert client.post("/coupons/new/", FORM).status_code == 403
    assert not CouponRedemption.objects.exists()


def sign_up(client: Client, code: str) -> str:
    version = published_version(recurring("50.00"))
    answer = client.post(
        "/sign-up/",
        {
            "plan_version": version.pk,
            "quantity": 1,
            "coupon_code": code,
            "name": "Blauwal GmbH",
            "email": "anna@blauwal.example",
            "password": "three in a row",
            "address_line1": "Torstr. 3",
            "postal_code": "10119",
            "city": "New York",
            "country": "US",
            "time_zone": "UTC",
        },
    )
    return str(answer.content.decode())


def test_who_signs_up_with_a_code_pays_less() -> None:
    signed_in().post("/coupons/new/", FORM)

    sign_up(Client(), "spring")

    assert Invoice.objects.get().total == Money("40.00", "USD")


def test_a_wrong_code_is_named_and_nobody_is_taken_in() -> None:
    page = sign_up(Client(), "nope")

    assert "there is no such coupon" in page
    assert not Customer.objects.exists()
