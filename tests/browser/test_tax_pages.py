"""Taxes, issuers and price moves: accessible, fit for a phone, in light and dark."""

import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.urls import reverse

from billing.models import Invoice, PriceMove, TaxRate
from billing.services.changes.price_move_previews import MoveTerms
from billing.services.changes.price_moves import start_price_move, work_on_price_moves
from billing.services.invoices.invoicing import bill_start
from finance.services.posting import post_documents
from subscriptions.services.issuers import IssuerDetails, assign_customer, create_issuer
from tests.browser.reader import END_OF_FADING, VIEWS, Reader
from tests.factories.subscriptions import (
    JAN_1,
    make_customer,
    make_plan,
    published_version,
    recurring,
    subscription_since,
)

JAN_9 = datetime(2026, 1, 9, tzinfo=UTC)
PICTURES = os.environ.get("PICTURES", "")


@pytest.fixture
def sold(transactional_db: None) -> PriceMove:
    """Two taxes on a line, a company of ours, prices with tax, and a price move."""
    for levy, region, name, percentage in (("gst", "", "GST", "5"), ("qst", "QC", "QST", "9.975")):
        TaxRate.objects.create(
            code=f"ca-{levy}",
            name=name,
            country="CA",
            region=region,
            levy=levy,
            percentage=Decimal(percentage),
            valid_from=date(2001, 1, 1),
        )
    issuer = create_issuer(
        details=IssuerDetails(
            code="ca",
            name="Croix & Zéros Ltée",
            address="1 rue Sainte-Catherine, Montréal",
            country="CA",
            email="facturation@zeros.example",
            invoice_prefix="CA-",
            credit_note_prefix="CAC-",
        ),
        at=JAN_1,
    )
    plan = make_plan(name="Team", offer="team")
    old = published_version(recurring("100.00"), plan=plan, currency="CAD", includes_tax=True)
    new = published_version(recurring("120.00"), plan=plan, currency="CAD", includes_tax=True)
    for name in ("Baleine Bleue Analytique inc.", "Acme"):
        customer = make_customer(name=name, country="CA", region="QC", currency="CAD")
        assign_customer(customer=customer, issuer=issuer)
        customer.refresh_from_db()
        subscription = subscription_since(JAN_1, customer=customer, version=old)
        bill_start(subscription=subscription, at=JAN_1)
    post_documents(at=JAN_9)
    move = start_price_move(
        terms=MoveTerms(from_version=old, to_version=new, when="renewal", reason="Prices of 2026"),
        user=None,
        at=JAN_9,
    )
    work_on_price_moves(at=JAN_9)
    return move


def test_pages_of_taxes_issuers_and_moves_are_accessible_and_fit_a_phone(
    finance_reader: Reader, sold: PriceMove
) -> None:
    invoice = Invoice.objects.get(number="CA-000001")
    asked = f"from_version={sold.from_version_id}&to_version={sold.to_version_id}&notice_days=30"
    addresses = {
        "taxes": "/books/taxes/?since=2026-01-01&until=2026-01-31&currency=CAD",
        "issuers": reverse("issuer_list"),
        "issuer": reverse("issuer_edit", args=["ca"]),
        "issuer-new": reverse("issuer_create"),
        "moves": reverse("price_move_list"),
        "move": reverse("price_move", args=[sold.pk]),
        "move-new": reverse("price_move_create"),
        "move-seen": f"{reverse('price_move_create')}?{asked}&when=now&reason=Prices",
        "waiting-for-tax": reverse("tax_waiting_list"),
        "line-of-two-taxes": reverse(
            "invoice_line_detail", args=[invoice.number, invoice.lines.get().pk]
        ),
        "version-terms": reverse("plan_version", args=[sold.to_version_id]),
    }
    for name, path in addresses.items():
        finance_reader.audit(path)
        _take_pictures(finance_reader, name)


def _take_pictures(reader: Reader, name: str) -> None:
    """Keep pictures for the eye when PICTURES names a folder."""
    for theme, size in VIEWS if PICTURES else ():
        reader.page.set_viewport_size(size)  # type: ignore[arg-type]
        reader.page.emulate_media(color_scheme=theme)
        reader.page.evaluate(END_OF_FADING)
        path = Path(PICTURES) / f"{name}-{size['width']}-{theme}.png"
        reader.page.screenshot(path=path, full_page=True)
