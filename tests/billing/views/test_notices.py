from datetime import timedelta
from itertools import cycle
from typing import Any

import pytest
from django.test import Client

from billing.domain.announcements import NOTICE_KINDS
from billing.domain.notice_words import CATALOGS
from billing.models import Notice, NoticeRefusal, UsageBudget
from billing.services.announcements.announcing import announce_new
from billing.services.announcements.notice_text import refusal_address
from billing.services.announcements.notices import send_notices
from tests.factories.accounts import make_user
from tests.factories.announcements import announce_from_january
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import (
    JAN_1,
    make_customer,
    make_member,
    subscription_since,
)
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db
NOON = JAN_1 + timedelta(hours=12)


@pytest.fixture
def notice(settings: Any) -> Notice:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    announce_from_january()
    open_invoice()
    announce_new(at=NOON)
    return Notice.objects.get()


def signed_in(role: Role = Role.FINANCE) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def test_the_outbox_lists_what_was_written_and_finds_it(notice: Notice) -> None:
    client = signed_in(Role.SUPPORT)

    assert notice.customer.name in client.get("/notices/").content.decode()
    assert notice.customer.name in client.get("/notices/?state=queued&q=acme").content.decode()
    assert "No notice" in client.get("/notices/?state=sent").content.decode()


def test_a_notice_shows_its_text_its_html_and_is_sent_again(notice: Notice) -> None:
    client, path = signed_in(), f"/notices/{notice.pk}/"

    assert "Invoice INV-000001: $99.00" in client.get(path).content.decode()
    html = client.get(f"{path}html/")
    assert "INV-000001" in html.content.decode()
    assert "sandbox" in html["Content-Security-Policy"]
    send_notices(at=NOON)
    client.post(f"{path}resending/")
    notice.refresh_from_db()
    assert (notice.state, notice.resends) == ("queued", 1)


def test_a_sent_notice_is_marked_as_bounced_with_a_reason(notice: Notice) -> None:
    send_notices(at=NOON)

    signed_in().post(f"/notices/{notice.pk}/bounce/", {"reason": "mailbox full"})

    notice.refresh_from_db()
    assert (notice.state, notice.reason) == ("bounced", "mailbox full")


def test_support_reads_notices_and_sends_none(notice: Notice) -> None:
    client = signed_in(Role.SUPPORT)

    assert client.get(f"/notices/{notice.pk}/").status_code == 200
    assert client.post(f"/notices/{notice.pk}/resending/").status_code == 403
    assert client.post(f"/notices/{notice.pk}/bounce/").status_code == 403


def test_every_kind_is_shown_and_every_language() -> None:
    client = signed_in(Role.SUPPORT)

    # Each kind, in each language in turn; that all can be written in all is tested of the words.
    for kind, language in zip(NOTICE_KINDS, cycle(CATALOGS), strict=False):
        asked = {"kind": kind, "language": language}
        assert client.get("/notices/preview/html/", asked).status_code == 200, asked
        assert client.get("/notices/preview/", asked).status_code == 200, asked
    assert client.get("/notices/preview/", {"kind": "x"}).status_code == 404


def test_a_link_in_a_notice_asks_and_a_post_stops_them() -> None:
    customer = make_customer()
    path = refusal_address(customer.pk, "payment.succeeded").removeprefix("http://127.0.0.1:8000")
    client = Client(enforce_csrf_checks=True)

    assert "Stop these e-mails?" in client.get(path).content.decode()
    assert not NoticeRefusal.objects.exists()
    # As mail programs do it by themselves.
    answer = client.post(path, {"List-Unsubscribe": "One-Click"})

    assert answer.status_code == 200
    assert NoticeRefusal.objects.get().customer_id == customer.pk


@pytest.mark.parametrize("kind", ["invoice.finalized", "no.such"])
def test_a_mandatory_kind_or_a_forged_link_stops_nothing(kind: str) -> None:
    path = refusal_address(make_customer().pk, kind).removeprefix("http://127.0.0.1:8000")

    assert Client().post(path).status_code == 404
    assert Client().post(path[:-3] + "xx/").status_code == 404
    assert not NoticeRefusal.objects.exists()


def test_a_customer_chooses_in_the_portal_and_only_for_itself() -> None:
    member, other = make_member(), make_customer()
    client = Client()
    client.force_login(member.user)

    assert "always sent" in client.get("/portal/notices/").content.decode()
    client.post("/portal/notices/", {"kind": ["payment.succeeded", "usage.budget_reached"]})

    refused = set(NoticeRefusal.objects.values_list("customer_id", "kind"))
    assert refused == {
        (member.customer_id, "renewal.upcoming"),
        (member.customer_id, "usage.threshold_reached"),
    }
    path = f"/portal/notices/?customer={other.external_id}"
    assert client.get(path).status_code == 404
    assert client.post(path, {}).status_code == 404
    assert not NoticeRefusal.objects.filter(customer=other).exists()


def test_a_customer_sets_and_takes_back_a_budget_for_its_own_subscription_only() -> None:
    subscription, other = subscription_since(), subscription_since()
    client = Client()
    client.force_login(make_member(subscription.customer).user)
    path = f"/portal/subscriptions/{subscription.reference}/budget/"

    client.post(path, {"amount": "500"})
    budget = UsageBudget.objects.get()
    assert (budget.amount.amount, budget.source) == (500, "portal")
    assert 'value="500"' in client.get("/portal/notices/").content.decode()
    for amount in ("0", "-1", "1.005", "lots"):
        client.post(path, {"amount": amount})
        assert UsageBudget.objects.get().amount.amount == 500
    stranger = f"/portal/subscriptions/{other.reference}/budget/"
    assert client.post(stranger, {"amount": "1"}).status_code == 404
    client.post(path, {"amount": ""})
    assert not UsageBudget.objects.exists()
