"""The pages on which a company moves in, and what is seen of its bills afterwards."""

import os
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.urls import reverse

from billing.models import CreditNote, Invoice
from billing.services.changes.cancelling import cancel_subscription
from billing.services.changes.plan_changes import change_plan
from billing.services.moving_in.customers import move_customers_in
from finance.services.posting import post_documents
from subscriptions.domain.moving_in import FileKind
from subscriptions.models import Subscription
from tests.browser.reader import END_OF_FADING, VIEWS, Reader
from tests.factories.lifecycle import LONG_AGO, taxed_customer
from tests.factories.subscriptions import TEST_ACTOR, make_plan, published_version, recurring
from tiktoktoe.kernel.clock import now

PICTURES = os.environ.get("PICTURES", "")
AUDITED = ("moving-in", "belongings", "bill", "bill-netted", "bills")  # others are as they were
FIRMS = {
    "nordlicht": "Nordlicht Logistik GmbH",
    "habermann": "Habermann & Söhne Maschinenbau GmbH & Co. KG",
    "seeblick": "Klinikum Seeblick gGmbH",
}


@pytest.fixture
def next_month(transactional_db: None) -> date:
    """Three companies have moved in today, in the middle of a month that was billed elsewhere."""
    first = (now().date().replace(day=1) + timedelta(days=32)).replace(day=1)
    version = published_version(
        recurring("31.00", charge_model="per_unit", name="Seats"),
        plan=make_plan(code="team", name="Team"),
        currency="EUR",
        at=LONG_AGO,
    )
    rows = ["reference,customer,plan,quantity,started_on,next_billing_on"]
    for seats, (key, name) in zip((40, 27, 10), FIRMS.items(), strict=True):
        taxed_customer("19", external_id=key, name=name)
        rows.append(f"{key}-team,{key},{version.plan.code},{seats},2024-03-01,{first}")
    move_customers_in(
        kind=FileKind.SUBSCRIPTIONS,
        text="\n".join(rows),
        actor=TEST_ACTOR,
        at=now(),
        is_dry_run=False,
    )
    return first


def test_what_was_billed_elsewhere_is_checked_taken_in_and_seen_where_it_counts(
    finance_reader: Reader, next_month: date
) -> None:
    last = next_month - timedelta(days=1)
    bills = (
        "subscription,invoice,billed_amount,tax,billed_through\n"
        f"nordlicht-team,NL-2026-00481,1240.00,,{last}\n"
        f"habermann-team,NL-2026-00482,837.00,159.03,{last}\n"
        f"seeblick-team,NL-2026-00483,279.00,19.53,{last}\n"
    )
    wrong = bills.replace(str(last), "2025-12-31", 1).replace("habermann-team", "habermann")
    show(finance_reader, wrong, "Check it", "errors; nothing was written")
    pictures(finance_reader, "wrong")
    show(finance_reader, bills, "Check it", "nothing was written yet")
    pictures(finance_reader, "checked")
    finance_reader.page.get_by_role("button", name="Take in what was checked").click()
    finance_reader.page.get_by_text("The file is taken in").wait_for()
    pictures(finance_reader, "taken")

    ended = Subscription.objects.get(reference="seeblick-team")
    cancel_subscription(subscription=ended, actor=TEST_ACTOR, at=now())
    grown = Subscription.objects.get(reference="habermann-team")
    change_plan(
        subscription=grown,
        plan_version=grown.plan_version,
        quantity=35,
        actor=TEST_ACTOR,
        at=now(),
    )
    post_documents(at=now())
    netted = Invoice.objects.get(reference="NL-2026-00482")
    kept, note = Invoice.objects.get(reference="NL-2026-00483"), CreditNote.objects.get()
    addresses = {
        "moving-in": reverse("moving_in"),
        "belongings": reverse("moving_in_belongings"),
        "bill": reverse("invoice_detail", args=[kept.address_key]),
        "bill-line": reverse("invoice_line_detail", args=[kept.address_key, kept.lines.get().pk]),
        "bill-netted": reverse("invoice_detail", args=[netted.address_key]),
        "customer": reverse("customer_timeline", args=[grown.customer_id]),
        "bills": f"{reverse('invoice_list')}?state=elsewhere",
        "bill-note": reverse("credit_note_detail", args=[note.number]),
        "bill-entries": reverse("document_entries", args=[kept.pk]),
        "subscription": reverse("subscription_detail", args=[ended.reference]),
    }
    for name, path in addresses.items():
        if name in AUDITED:
            finance_reader.audit(path)
        elif PICTURES:
            finance_reader.open(path)
        pictures(finance_reader, name)


def show(reader: Reader, text: str, button: str, says: str) -> None:
    """Give the page a file, and wait for what it says."""
    page = reader.open(reverse("moving_in_belongings"))
    page.select_option("select[name=kind]", "opening_bills")
    page.set_input_files(
        "input[type=file]", {"name": "b.csv", "mimeType": "text/csv", "buffer": text.encode()}
    )
    page.get_by_role("button", name=button).click()
    page.get_by_text(says).wait_for()


def pictures(reader: Reader, name: str) -> None:
    """Keep pictures for the eye when PICTURES names a folder."""
    for theme, size in VIEWS if PICTURES else ():
        reader.page.set_viewport_size(size)  # type: ignore[arg-type]
        reader.page.emulate_media(color_scheme=theme)
        reader.page.evaluate(END_OF_FADING)
        path = Path(PICTURES) / f"{name}-{size['width']}-{theme}.png"
        reader.page.screenshot(path=path, full_page=True)
