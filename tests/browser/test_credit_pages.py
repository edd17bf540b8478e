"""The pages of credit, coupons, wallets and statements are accessible and fit a phone."""

import os
from decimal import Decimal
from pathlib import Path

import pytest

from billing.models import Invoice
from billing.services.changes.subscribing import start_subscription
from billing.services.credit.coupons import CouponDetails, create_coupon
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.credit.customer_credit import grant_credit
from billing.services.credit.wallets import grant_prepaid, open_wallet
from billing.services.invoices.one_off import ChargeLine, OneOffCharge, charge_once
from subscriptions.models import Customer
from tests.browser.reader import DESKTOP, PHONE, Reader
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_plan,
    published_version,
    recurring,
)
from tiktoktoe.kernel.money import Money

PICTURES = os.environ.get("PICTURES", "")


@pytest.fixture
def credited(transactional_db: None) -> Customer:
    """A customer with a coupon, credit, prepaid credits and an invoice that all of them paid."""
    customer = make_customer(name="Blauwal Analytik GmbH")
    plan = make_plan(name="Team")
    create_coupon(
        details=CouponDetails(
            code="SPRING", name="Spring", percentage=Decimal(20), duration="forever", plans=[plan]
        ),
        at=JAN_1,
    )
    grant_credit(
        customer=customer,
        amount=Money("30.00", "USD"),
        reason="Sorry for the outage of the eleventh of December",
        idempotency_key="g",
        actor=TEST_ACTOR,
        at=JAN_1,
    )
    wallet = open_wallet(customer=customer, currency="USD", name="Prepaid", at=JAN_1)
    grant_prepaid(
        wallet=wallet,
        amount=Money("20.00", "USD"),
        reason="Welcome",
        idempotency_key="w",
        actor=TEST_ACTOR,
        at=JAN_1,
    )
    start_subscription(
        customer=customer,
        plan_version=published_version(recurring("99.00"), plan=plan),
        at=JAN_1,
        actor=TEST_ACTOR,
        coupon_code="SPRING",
    )
    issue_credit_note(
        invoice=Invoice.objects.get(),
        reason="Outage",
        idempotency_key="n",
        amount=Decimal("40.00"),
        at=JAN_1,
    )
    return customer


def test_the_pages_of_credit_are_accessible_and_fit_a_phone(
    finance_reader: Reader, credited: Customer
) -> None:
    draft = charge_once(
        charge=OneOffCharge(
            customer=credited,
            currency="USD",
            lines=[ChargeLine(description="Training", unit_price=Decimal(150))],
        ),
        idempotency_key="k",
        is_draft=True,
        actor=TEST_ACTOR,
        at=JAN_1,
    )
    addresses = {
        "drafts": "/drafts/",
        "draft": f"/invoices/{draft.pk}/",
        "exports": "/exports/?start=2026-01-01",
        "credit": f"/customers/{credited.pk}/credit/",
        "wallets": f"/customers/{credited.pk}/wallets/",
        "wallet-scope": f"/wallets/{credited.wallets.get().pk}/scope/",
        "numbering": "/numbering/",
        "wallet-rule": f"/wallets/{credited.wallets.get().pk}/top-up/",
        "wallet-void": f"/wallets/{credited.wallets.get().pk}/void/",
        "statement": f"/customers/{credited.pk}/statement/?start=2026-01-01&end=2026-01-31",
        "charge-once": f"/customers/{credited.pk}/charges/new/",
        "invoicing": f"/customers/{credited.pk}/invoicing/",
        "coupons": "/coupons/",
        "offers": "/retention-offers/",
        "coupon": "/coupons/SPRING/",
        "coupon-new": "/coupons/new/",
        "invoice-paid-by-credit": "/invoices/INV-000001/",
        "credit-note-parts": "/credit-notes/CN-000001/",
    }
    for name, path in addresses.items():
        finance_reader.audit(path)
        _take_pictures(finance_reader, name)


def _take_pictures(reader: Reader, name: str) -> None:
    """Keep pictures for the eye when PICTURES names a folder."""
    sizes: tuple[tuple[str, dict[str, int]], ...] = (("desktop", DESKTOP), ("phone", PHONE))
    for word, size in sizes if PICTURES else ():
        reader.page.set_viewport_size(size)  # type: ignore[arg-type]
        reader.page.screenshot(path=Path(PICTURES) / f"{name}-{word}.png", full_page=True)
