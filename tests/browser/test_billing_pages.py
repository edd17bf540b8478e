"""The staff's pages of invoices, credit notes, billing runs and plan changes."""

import os
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from billing.models import BillingFailure, BillingRun, DryRun, Invoice, TaxRate
from billing.services.changes.plan_changes import change_plan
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.invoices.dry_run import start_dry_run, work_on_dry_run
from billing.services.invoices.invoicing import bill_start
from billing.services.invoices.renewal import run_billing
from subscriptions.models import Subscription
from subscriptions.services.price_specs import TierTerms
from tests.browser.reader import DESKTOP, PHONE, Reader
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_plan,
    per_call,
    published_version,
    recurring,
    subscription_since,
)
from tests.factories.usage import use

PICTURES = os.environ.get("PICTURES", "")
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
TIERS = [
    TierTerms(up_to=Decimal(10_000), unit_amount=Decimal("0.004")),
    TierTerms(up_to=Decimal(50_000), unit_amount=Decimal("0.003")),
    TierTerms(up_to=None, unit_amount=Decimal("0.002")),
]


@pytest.fixture
def billed(transactional_db: None) -> Subscription:
    """A German customer with a month of graduated usage, an upgrade and a credit note."""
    TaxRate.objects.create(
        code="de-vat", name="VAT", country="DE", percentage=Decimal(19), valid_from=date(2021, 1, 1)
    )
    calls = per_call(charge_model="graduated", tiers=TIERS, included="0")
    small = published_version(
        recurring("99.00"), calls, plan=make_plan(name="Team", rank=1), currency="EUR"
    )
    large = published_version(
        recurring("249.00"), calls, plan=make_plan(name="Business", rank=2), currency="EUR"
    )
    customer = make_customer(name="Blauwal Analytik GmbH", country="DE", currency="EUR")
    subscription = subscription_since(JAN_1, customer=customer, version=small)
    bill_start(subscription=subscription, at=JAN_1)
    for day in range(28):
        use(customer, 1800 + 211 * (day % 5), JAN_1 + timedelta(days=day, hours=9))
    change_plan(
        subscription=subscription,
        plan_version=large,
        quantity=1,
        actor=TEST_ACTOR,
        at=JAN_1 + timedelta(days=19),
    )
    first = Invoice.objects.get(number="INV-000001")
    issue_credit_note(
        invoice=first, reason="Outage", idempotency_key="o", amount=Decimal("11.90"), at=FEB_1
    )
    run_billing(at=FEB_1)
    stuck = subscription_since(JAN_1, customer=make_customer(name="Sans Taux", country="FR"))
    BillingFailure.objects.create(
        run=BillingRun.objects.get(),
        subscription=stuck,
        error="TaxRateMissing: country: no tax rate is known for FR",
        failed_at=FEB_1,
    )
    BillingRun.objects.create(at=FEB_1, due_count=40, invoice_count=10, started_at=FEB_1)
    for by in (FEB_1 + timedelta(days=30), FEB_1 + timedelta(days=60)):
        start_dry_run(by=by, user=None, at=FEB_1)
        if DryRun.objects.count() == 1:
            work_on_dry_run(at=FEB_1)
    return subscription


def addresses(subscription: Subscription) -> dict[str, str]:
    line = Invoice.objects.get(number="INV-000003").lines.filter(kind="usage").first()
    credit = Invoice.objects.get(number="INV-000002").lines.get(kind="proration_credit")
    assert line is not None
    finished, running = BillingRun.objects.order_by("pk")
    smaller = subscription.plan_version_id
    return {
        "customer": f"/customers/{subscription.customer_id}/",
        "timeline": f"/customers/{subscription.customer_id}/timeline/",
        "timeline-none": f"/customers/{subscription.customer_id}/timeline/?kind=coupons",
        "invoices": "/invoices/",
        "invoices-none": "/invoices/?q=nobody&start=2026-02-01&end=2026-01-01",
        "invoice": "/invoices/INV-000003/",
        "invoice-credited": "/invoices/INV-000001/",
        "line": f"/invoices/INV-000003/lines/{line.pk}/",
        "line-credit": f"/invoices/INV-000002/lines/{credit.pk}/",
        "credit-note": "/credit-notes/CN-000001/",
        "credit-note-new": "/invoices/INV-000003/credit-notes/new/",
        "runs": "/billing-runs/",
        "run": f"/billing-runs/{finished.pk}/",
        "run-running": f"/billing-runs/{running.pk}/",
        "dry-runs": "/billing-runs/dry/",
        "dry-run": f"/billing-runs/dry/{DryRun.objects.get(state='done').pk}/",
        "dry-run-running": f"/billing-runs/dry/{DryRun.objects.get(state='running').pk}/",
        "plan-change": f"/subscriptions/{subscription.reference}/plan-change/",
        "plan-change-refused": (
            f"/subscriptions/{subscription.reference}/plan-change/"
            f"?plan_version={smaller}&quantity=1"
        ),
    }


def test_the_pages_of_billing_are_accessible_and_fit_a_phone(
    finance_reader: Reader, billed: Subscription
) -> None:
    for name, path in addresses(billed).items():
        finance_reader.audit(path)
        take_pictures(finance_reader, name)


def test_a_dialog_stands_before_what_cannot_be_undone(
    finance_reader: Reader, billed: Subscription
) -> None:
    page = finance_reader.open("/invoices/INV-000002/")

    page.get_by_role("button", name="Void", exact=True).click()
    assert Invoice.objects.get(number="INV-000002").state == "open"
    page.get_by_role("button", name="Void it").click()
    page.wait_for_url("**/invoices/INV-000002/")

    assert page.get_by_text("INV-000002 is void").is_visible()
    assert Invoice.objects.get(number="INV-000002").state == "void"


def take_pictures(reader: Reader, name: str) -> None:
    """Keep pictures for the eye when PICTURES names a folder."""
    if not PICTURES:
        return
    sizes: tuple[tuple[str, dict[str, int]], ...] = (("desktop", DESKTOP), ("phone", PHONE))
    for word, size in sizes:
        reader.page.set_viewport_size(size)  # type: ignore[arg-type]
        reader.page.screenshot(path=Path(PICTURES) / f"{name}-{word}.png", full_page=True)
