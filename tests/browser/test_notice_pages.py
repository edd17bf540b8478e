"""The pages of notices and webhooks."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from billing.models import Announcing, Notice, WebhookDelivery, WebhookEndpoint, WebhookTry
from billing.services.announcements.announcing import announce_new
from billing.services.announcements.notice_text import refusal_address
from billing.services.announcements.webhook_endpoints import create_endpoint, disable_endpoint
from tests.browser.reader import DESKTOP, PHONE, Reader
from tests.factories.announcements import announce_from_january
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import JAN_1, make_customer, make_member

PICTURES = os.environ.get("PICTURES", "")
NOON = JAN_1 + timedelta(hours=12)


@pytest.fixture
def told(transactional_db: None) -> Notice:
    """A notice, and an endpoint that is disabled after a failed delivery."""
    announce_from_january()
    endpoint = create_endpoint(
        url="https://hooks.blauwal-analytik.example/tiktoktoe/events",
        kinds=[],
        description="The data warehouse",
        at=JAN_1,
    ).endpoint
    open_invoice(customer=make_customer(name="Blauwal Analytik GmbH"))
    announce_new(at=NOON)
    assert Announcing.objects.get().searched_through == NOON
    delivery = WebhookDelivery.objects.get(announcement__kind="invoice.finalized")
    WebhookTry.objects.create(
        delivery=delivery, at=NOON, status=503, milliseconds=412, answer="<html>Unavailable" * 9
    )
    WebhookDelivery.objects.filter(pk=delivery.pk).update(
        state="failed", tries_done=11, next_try_at=None
    )
    disable_endpoint(endpoint=endpoint, reason="nothing has arrived since 2026-01-01 12:00 UTC")
    return Notice.objects.get()


def test_the_pages_of_notices_and_webhooks_are_accessible_and_fit_a_phone(
    finance_reader: Reader, told: Notice
) -> None:
    endpoint = WebhookEndpoint.objects.get()
    delivery = WebhookDelivery.objects.get(state="failed")
    for path in (
        "/notices/",
        f"/notices/{told.pk}/",
        "/notices/preview/?kind=payment.failed&language=de",
        "/outgoing-webhooks/",
        f"/outgoing-webhooks/{endpoint.reference}/",
        f"/outgoing-webhooks/deliveries/{delivery.pk}/",
    ):
        finance_reader.audit(path)
        take_pictures(finance_reader, path)


def test_customers_choose_their_e_mails_on_pages_that_fit_a_phone(
    reader: Reader, told: Notice
) -> None:
    link = refusal_address(told.customer_id, "payment.succeeded")
    path = "/notices/stop/" + link.rsplit("/stop/", 1)[1]
    reader.audit(path)
    take_pictures(reader, "/notices/stop/")
    reader.open(path).get_by_role("button", name="Stop them").click()
    assert "no more of these" in reader.page.content()

    reader.sign_in(make_member(told.customer).user)
    reader.audit("/portal/notices/")
    take_pictures(reader, "/portal/notices/")


def take_pictures(reader: Reader, path: str) -> None:
    """Keep pictures for the eye when PICTURES names a folder."""
    if not PICTURES:
        return
    name = path.partition("?")[0].strip("/").replace("/", "-")
    for word, size in (("desktop", DESKTOP), ("phone", PHONE)):
        reader.page.set_viewport_size(size)  # type: ignore[arg-type]
        reader.page.screenshot(path=Path(PICTURES) / f"{name}-{word}.png", full_page=True)
