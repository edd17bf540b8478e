"""The dunning pages in a browser."""

import os
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from billing.domain.overdue import OverdueTerms, RequestTerms
from billing.models import DunningRun
from billing.services.dunning.campaigns import publish_campaign
from billing.services.dunning.runs import run_dunning
from billing.services.payments.pay_links import make_share_link
from tests.browser.reader import DESKTOP, PHONE, THEMES, Reader
from tests.factories.billing import open_invoice
from tests.factories.dunning import campaign_in_force, campaign_terms
from tests.factories.subscriptions import TEST_ACTOR, make_customer
from tests.stripe_world import later
from tiktoktoe.kernel.clock import now

PICTURES = os.environ.get("PICTURES", "")


@pytest.fixture
def run(transactional_db: None) -> DunningRun:
    """A run whose first steps are done."""
    campaign_in_force("0 email, 2 retry, 5 restrict, 200 cancel, 300 write_off")
    invoice = open_invoice(customer=make_customer())
    assert invoice.due_at is not None
    for day in (1, 3, 6):
        run_dunning(at=invoice.due_at + timedelta(days=day))
    open_invoice(later(), customer=make_customer())
    publish_campaign(
        code="whole",
        name="Whole debts",
        terms=campaign_terms("1 email"),
        actor=TEST_ACTOR,
        at=later(),
        requests=RequestTerms(thresholds={"USD": Decimal(50)}, requests_max=3, days_between=7),
        states=[OverdueTerms(name="late", unpaid_invoices=1, blocks_service=True)],
    )
    return DunningRun.objects.get()


def test_the_pages_are_accessible_and_fit(finance_reader: Reader, run: DunningRun) -> None:
    paths = {
        "board": "/dunning/",
        "run": f"/dunning/runs/{run.pk}/",
        "recovered": "/dunning/recovered/",
        "campaigns": "/dunning/campaigns/",
        "campaign": "/dunning/campaigns/test/1/?past_due_on=2026-03-02&reason=fraud",
        "new": "/dunning/campaigns/new/?after=test:1",
        "whole": "/dunning/campaigns/whole/1/",
    }
    for name, path in paths.items():
        finance_reader.audit(path)
        for theme in THEMES if PICTURES else ():
            for size in (DESKTOP, PHONE):
                finance_reader.page.emulate_media(color_scheme=theme)
                finance_reader.page.set_viewport_size(size)  # type: ignore[arg-type]
                finance_reader.open(path).screenshot(
                    path=str(Path(PICTURES) / f"{name}-{theme}-{size['width']}.png"),
                    full_page=True,
                )


def test_a_run_is_stopped_in_its_dialog(finance_reader: Reader, run: DunningRun) -> None:
    page = finance_reader.open(f"/dunning/runs/{run.pk}/")

    page.get_by_role("button", name="Stop…").click()
    page.get_by_label("Why").last.fill("settled by phone")
    page.get_by_role("button", name="Stop", exact=True).click()

    page.get_by_text("Nothing more happens by itself").wait_for()
    run.refresh_from_db()
    assert run.outcome == "stopped"


def test_the_pages_of_pay_links_are_accessible_and_fit(
    finance_reader: Reader, run: DunningRun
) -> None:
    link = make_share_link(invoice=run.invoice, days=30, actor=TEST_ACTOR, at=now())

    finance_reader.audit("/" + link.address.split("/", 3)[3])
    finance_reader.audit(f"/invoices/{run.invoice.number}/payment-links/")
    finance_reader.audit("/pay/" + "x" * 43 + "/", expect=404)
