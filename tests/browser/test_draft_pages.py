"""Drafts, what was discarded, late usage and a statement are accessible and fit a phone."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from billing.models import Invoice
from billing.services.changes.cancelling import cancel_subscription
from billing.services.invoices.late_usage import bill_late_usage
from billing.services.invoices.redrafting import discard_draft
from billing.services.invoices.refreshing import refresh_held
from billing.services.invoices.renewal import run_billing
from tests.browser.reader import DESKTOP, PHONE, Reader
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import JAN_1, TEST_ACTOR, subscription_since
from tests.factories.usage import use

PICTURES = os.environ.get("PICTURES", "")
JAN_10 = datetime(2026, 1, 10, tzinfo=UTC)
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
FEB_2 = FEB_1 + timedelta(days=1)


@pytest.fixture
def addresses(transactional_db: None, settings: Any) -> dict[str, str]:
    """A draft that late usage came on, one that was discarded, usage after an end, an account."""
    settings.INVOICE_REVIEW_DAYS = 3
    ended = subscription_since(JAN_1)
    use(ended.customer, 12_500, datetime(2026, 1, 5, tzinfo=UTC))
    cancel_subscription(subscription=ended, actor=TEST_ACTOR, at=JAN_10)
    used_at = datetime(2026, 1, 7, tzinfo=UTC)
    use(ended.customer, 1_000, used_at, received_at=JAN_10 + timedelta(days=2))
    billed = bill_late_usage(subscription=ended, at=JAN_10 + timedelta(days=3)).invoice
    assert billed is not None
    use(ended.customer, 500, used_at, received_at=JAN_10 + timedelta(days=4))
    held = subscription_since(JAN_1)
    subscription_since(JAN_1)
    run_billing(at=FEB_1)
    use(held.customer, 12_000, datetime(2026, 1, 20, tzinfo=UTC), received_at=FEB_2)
    refresh_held(at=FEB_2)
    draft = Invoice.objects.get(subscription=held, state="draft")
    other = Invoice.objects.exclude(pk=draft.pk).get(state="draft")
    discard_draft(invoice=other, reason="Free month", actor=TEST_ACTOR, at=FEB_2)
    owing = open_invoice(JAN_1)
    return {
        "drafts": "/drafts/",
        "draft": f"/invoices/{draft.pk}/",
        "discarded": f"/invoices/{other.pk}/",
        "late-usage": "/billing/usage-after-the-end/",
        "late-line": f"/invoices/{billed.number}/lines/{billed.lines.get().pk}/",
        "statement": f"/customers/{owing.customer_id}/statement/?start=2026-01-01&end=2026-02-28",
    }


def test_they_are_accessible_and_fit_a_phone(
    finance_reader: Reader, addresses: dict[str, str]
) -> None:
    for name, path in addresses.items():
        finance_reader.audit(path)
        _take_pictures(finance_reader, name)


def _take_pictures(reader: Reader, name: str) -> None:
    """Keep pictures for the eye when PICTURES names a folder."""
    if not PICTURES:
        return
    for device, size in (("desktop", DESKTOP), ("phone", PHONE)):
        reader.page.set_viewport_size(size)  # type: ignore[arg-type]
        picture = Path(PICTURES) / f"{name}-{device}.png"
        reader.page.screenshot(path=str(picture), full_page=True)
