"""What customers bring along by a file: stored methods, coupons, credits, add-ons, a pause."""

from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from billing.domain.belongings import BelongingKind
from billing.models import CouponRedemption, Invoice, PaymentMethod, PrepaidCredit
from billing.queries.wallets import Purse
from billing.services.changes.pausing import resume
from billing.services.credit.coupons import CouponDetails, create_coupon
from billing.services.invoices.renewal import run_billing
from billing.services.moving_in.belongings import move_belongings_in
from billing.services.moving_in.customers import move_customers_in
from subscriptions.domain.moving_in import FileKind
from subscriptions.models import Customer, Subscription
from subscriptions.services.moving_in.files import MovedIn
from tests.factories.accounts import make_user
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_plan,
    published_version,
    recurring,
    subscription_since,
)
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
JAN_16 = datetime(2026, 1, 16, 12, tzinfo=UTC)
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
METHODS = "customer,gateway,customer_reference,reference,last4,expires,is_default"
D = Decimal


@pytest.fixture
def acme() -> Customer:
    return make_customer(external_id="acme")


def taken(kind: str, header: str, *lines: str, **options: Any) -> MovedIn:
    return move_belongings_in(
        kind=BelongingKind(kind),
        text="\n".join([header, *lines]),
        actor=TEST_ACTOR,
        at=JAN_16,
        **{"is_dry_run": False, **options},
    )


def told(result: MovedIn) -> list[tuple[int, str, str]]:
    return [(error.line, error.field, error.message) for error in result.errors]


def test_tokens_of_a_gateway_move_in_once_with_the_one_that_is_charged(acme: Customer) -> None:
    lines = ["acme,stripe,cus_9,pm_1,4242,2028-02,", "acme,stripe,cus_9,pm_2,1881,,yes"]

    first, again = (
        taken("payment_methods", METHODS, *lines),
        taken("payment_methods", METHODS, *lines),
    )

    assert (first.made, again.made, again.known) == (2, 0, 2)
    found = PaymentMethod.objects.order_by("gateway_reference").values_list(
        "gateway_reference", "last4", "expires_on", "is_default"
    )
    assert list(found) == [
        ("pm_1", "4242", date(2028, 2, 29), False),
        ("pm_2", "1881", None, True),
    ]


def test_what_is_wrong_with_a_token_is_told_by_line_and_field_and_nothing_is_kept(
    acme: Customer,
) -> None:
    make_customer(external_id="beta")
    result = taken(
        "payment_methods",
        METHODS,
        "acme,stripe,cus_9,pm_1,4242,2028-02,",
        "acme,stripe,cus_8,pm_2,1881,,",
        "beta,stripe,cus_9,pm_3,1881,,",
        "beta,stripe,cus_7,pm_1,4242,,",
        "beta,somewhere,cus_7,pm_4,42424242,,",
        "beta,stripe,cus_7,pm_5,4242,2025-12,",
        "gamma,stripe,cus_6,pm_6,4242,soon,",
    )

    assert [(line, field) for line, field, _ in told(result)] == [
        (3, "customer_reference"),
        (4, "customer_reference"),
        (5, "reference"),
        (6, "gateway"),
        (7, "expires"),
        (8, "expires"),
    ]
    assert not PaymentMethod.objects.exists()


def test_coupons_move_in_with_what_is_left_of_them(acme: Customer) -> None:
    months = CouponDetails(
        code="MONTHS", name="Months", percentage=D(10), duration="repeating", periods=6
    )
    create_coupon(details=months, at=JAN_1)
    once = CouponDetails(code="ONCE", name="Once", amount=Money("50.00", "USD"), duration="once")
    create_coupon(details=once, at=JAN_1)
    header = "customer,coupon,amount_left,invoices_left"

    result = taken("coupons", header, "acme,months,,2", "acme,ONCE,12.50,")
    wrong = taken("coupons", header, "acme,months,,2", "acme,NEVER,,", is_dry_run=True)

    assert (result.made, wrong.known, told(wrong)[0][:2]) == (2, 1, (3, "coupon_code"))
    left = CouponRedemption.objects.order_by("coupon__code").values_list("amount_left", "uses_left")
    assert list(left) == [(None, 2), (D("12.50"), None)]


def test_more_of_a_coupon_than_there_is_is_refused(acme: Customer) -> None:
    once = CouponDetails(code="ONCE", name="Once", amount=Money("50.00", "USD"), duration="once")
    create_coupon(details=once, at=JAN_1)

    result = taken("coupons", "customer,coupon,amount_left", "acme,ONCE,60")

    assert told(result)[0][:2] == (2, "amount_left")
    assert not CouponRedemption.objects.exists()


def test_credits_move_in_once_by_their_key_and_expire(acme: Customer) -> None:
    header = "key,customer,amount,expires_on"
    lines = ["a1,acme,12.50,2026-03-01", "a2,acme,7.50,"]

    first, again = taken("wallets", header, *lines), taken("wallets", header, *lines)
    other = taken("wallets", header, "a1,acme,99.00,")

    assert (first.made, again.known) == (2, 2)
    assert other.errors
    assert PrepaidCredit.objects.count() == 2
    assert Purse(acme.pk, "USD").take([], Money("100.00", "USD"), FEB_1) == Money("20.00", "USD")


def test_an_add_on_moves_in_and_is_billed_with_the_next_period_not_before(
    acme: Customer,
) -> None:
    version = published_version(recurring("30.00"))
    subscription = subscription_since(JAN_1, customer=acme, version=version)
    setup = recurring("99.00", code="setup", name="Set-up", kind="setup")
    support = make_plan(code="support", is_add_on=True)
    published_version(setup, recurring("5.00", charge_model="per_unit"), plan=support)
    header = "subscription,add_on,quantity"

    first = taken("add_ons", header, f"{subscription.reference},support,3")
    again = taken("add_ons", header, f"{subscription.reference},support,3")
    other = taken("add_ons", header, f"{subscription.reference},support,4", "none,support,1")
    run_billing(at=FEB_1)

    assert (first.made, again.known, again.errors) == (1, 1, [])
    assert [(line, field) for line, field, _ in told(other)] == [
        (2, "quantity"),
        (3, "subscription"),
    ]
    assert Invoice.objects.get().total == Money("45.00", "USD")


def test_what_rests_moves_in_and_goes_on_by_itself_or_by_hand(acme: Customer) -> None:
    plan = make_plan(code="basic")
    published_version(recurring("31.00"), plan=plan)
    header = "reference,customer,plan,started_on,next_billing_on,paused_on,resumes_on"

    result = move_customers_in(
        kind=FileKind.SUBSCRIPTIONS,
        text=f"{header}\n"
        "rests,acme,basic,2025-06-01,2026-02-01,2025-12-10,\n"
        "wakes,acme,basic,2025-06-01,2026-02-01,2025-12-10,2026-01-22\n",
        actor=TEST_ACTOR,
        at=JAN_16,
        is_dry_run=False,
    )
    run_billing(at=datetime(2026, 1, 22, 1, tzinfo=UTC))
    rests, wakes = Subscription.objects.order_by("reference")
    resume(subscription=rests, actor=TEST_ACTOR, at=datetime(2026, 1, 23, 12, tzinfo=UTC))

    assert (result.made, result.errors) == (2, [])
    assert [s.state for s in Subscription.objects.order_by("reference")] == ["active", "active"]
    assert Invoice.objects.get(subscription=wakes).total == Money("10.00", "USD")
    assert Invoice.objects.get(subscription=rests).total == Money("9.00", "USD")


def test_a_pause_that_cannot_be_is_refused(acme: Customer) -> None:
    plan = make_plan(code="basic")
    published_version(recurring("31.00"), plan=plan)
    header = "reference,customer,plan,started_on,next_billing_on,paused_on,resumes_on,trial"
    result = move_customers_in(
        kind=FileKind.SUBSCRIPTIONS,
        text=f"{header}\n"
        "a,acme,basic,2025-06-01,2026-02-01,2026-03-01,,\n"
        "b,acme,basic,2025-06-01,2026-02-01,2026-01-01,2026-01-02,\n"
        "c,acme,basic,2025-06-01,2026-02-01,,2026-01-20,\n"
        "d,acme,basic,2025-06-01,2026-02-01,2026-01-01,,yes\n",
        actor=TEST_ACTOR,
        at=JAN_16,
        is_dry_run=False,
    )

    assert [(error.line, error.field) for error in result.errors] == [
        (2, "paused_on"),
        (3, "resumes_on"),
        (4, "resumes_on"),
        (5, "paused_on"),
    ]


def test_the_page_checks_first_and_takes_in_then(acme: Customer, client: Client) -> None:
    client.force_login(make_user(Role.FINANCE))
    text = f"{METHODS}\nacme,stripe,cus_9,pm_1,4242,2099-02,".encode()

    def send(**more: str) -> str:
        file = SimpleUploadedFile("methods.csv", text)
        given = {"kind": "payment_methods", "file": file, **more}
        return client.post("/customers/moving-in/belongings/", given).content.decode()

    checked, seen = send(), PaymentMethod.objects.count()
    done = send(write="1")

    assert "nothing was written yet" in checked
    assert (seen, PaymentMethod.objects.count()) == (0, 1)
    assert "The file is taken in." in done


def test_the_command_takes_a_file_in(acme: Customer, tmp_path: Path) -> None:
    file = tmp_path / "credits.csv"
    file.write_text("name,who,left\nx1,acme,5.00\n", encoding="utf-8")
    mapping = ["--map", "key=name", "--map", "customer=who", "--map", "amount=left"]
    said = StringIO()

    call_command("move_in_belongings", "wallets", str(file), *mapping, "--write", stdout=said)

    assert "1 made, 0 are there already" in said.getvalue()
    assert PrepaidCredit.objects.get().amount == Money("5.00", "USD")


def test_support_may_not() -> None:
    client = Client()
    client.force_login(make_user(Role.SUPPORT))

    assert client.get("/customers/moving-in/belongings/").status_code == 403
