from collections.abc import Iterator
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection

from billing.domain.announcements import MAIL_RETRIES, NOTICE_KINDS
from billing.domain.notice_samples import SAMPLE_CUSTOMER, SAMPLE_ZONE, SAMPLES
from billing.domain.notice_words import CATALOGS
from billing.errors import NoticeNotResendable
from billing.models import Announcement, Notice, NoticeRefusal
from billing.services.announcements.announcing import announce_new
from billing.services.announcements.notice_text import NoticeText, read_refusal, render_notice
from billing.services.announcements.notices import (
    choose_notices,
    claim_notices,
    mark_bounced,
    refuse_notices,
    resend_notice,
    send_notices,
    write_notices,
)
from subscriptions.models import Customer
from subscriptions.services.issuers import assign_customer, create_issuer
from tests.billing.services.invoices.test_issuers import details
from tests.factories.announcements import announce_from_january
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import JAN_1, make_customer
from tests.mail_server import MailServer, mail_server
from tests.shared_world import shared_world

pytestmark = pytest.mark.django_db
NOON = JAN_1 + timedelta(hours=12)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    """A real SMTP server that the mail backend sends to."""
    with mail_server() as running:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
        settings.EMAIL_USE_TLS, settings.EMAIL_HOST_USER = False, ""
        yield running


def invoice_notice(**fields: object) -> Notice:
    announce_from_january()
    open_invoice(customer=make_customer(**fields))
    announce_new(at=NOON)
    return Notice.objects.get()


notice = shared_world(invoice_notice)


def sample_notice(customer: Customer, kind: str) -> Notice:
    announcement = Announcement.objects.create(
        kind=kind,
        object_key="1",
        customer=customer,
        happened_at=NOON,
        announced_at=NOON,
        facts=SAMPLES[kind],
    )
    return write_notices([announcement], at=NOON)[0]


def sample(kind: str, language: str) -> NoticeText:
    return render_notice(
        kind=kind,
        facts=SAMPLES[kind],
        locale=language,
        time_zone=SAMPLE_ZONE,
        customer_id=1,
        customer_name=SAMPLE_CUSTOMER,
    )


def test_an_invoice_reaches_its_customer_with_the_pdf(server: MailServer) -> None:
    notice = invoice_notice(name="Blauwal GmbH", locale="de", time_zone="Europe/Berlin")

    assert send_notices(at=NOON).sent == 1

    (message,) = server.messages
    assert message["Subject"] == "Rechnung INV-000001: 99,00 $"
    assert message["To"] == notice.recipient
    assert message["Message-ID"] == f"<notice-{notice.pk}-0@127.0.0.1>"
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "Guten Tag Blauwal GmbH," in text.get_content()
    assert 'lang="de"' in html.get_content()
    (document,) = message.iter_attachments()
    assert document.get_filename() == "INV-000001.pdf"
    assert document.get_content().startswith(b"%PDF")
    assert "List-Unsubscribe" not in message  # what is owed is always told
    notice.refresh_from_db()
    assert (notice.state, notice.sent_at, notice.tries) == ("sent", NOON, 1)
    assert notice.subject == "Rechnung INV-000001: 99,00 $"
    assert send_notices(at=NOON + MINUTE).sent == 0


def test_it_is_from_the_company_that_the_document_names(server: MailServer) -> None:
    notice = invoice_notice(issuer=create_issuer(details=details(), at=JAN_1))
    assign_customer(customer=notice.customer, issuer=None)

    send_notices(at=NOON)

    (message,) = server.messages
    assert message["From"] == "Crosses Ltd <billing@noughts.example>"
    assert message["Reply-To"] == "billing@crosses.example"
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        assert "Crosses Ltd · 1 High Street, London" in body.get_content()
        assert "Noughts" not in body.get_content()


def test_a_server_that_asks_to_wait_is_asked_again_with_the_same_message_id(
    server: MailServer, notice: Notice
) -> None:
    server.answers = ["451 later", "250 ok"]

    assert send_notices(at=NOON).postponed == 1
    notice.refresh_from_db()
    assert (notice.state, notice.next_try_at) == ("queued", NOON + MAIL_RETRIES[0])
    assert notice.reason == "the mail server answered 451"
    assert send_notices(at=NOON + MAIL_RETRIES[0] - timedelta(seconds=1)).sent == 0
    assert send_notices(at=NOON + MAIL_RETRIES[0]).sent == 1
    assert server.messages[0]["Message-ID"] == f"<notice-{notice.pk}-0@127.0.0.1>"


def test_a_refused_address_fails_at_once_and_is_not_named(
    server: MailServer, caplog: pytest.LogCaptureFixture, notice: Notice
) -> None:
    server.answers = ["550 no such user"]

    with caplog.at_level("INFO"):
        assert send_notices(at=NOON).failed == 1

    notice.refresh_from_db()
    assert (notice.state, notice.reason) == ("failed", "the mail server answered 550")
    told = " ".join(f"{record.message} {vars(record)}" for record in caplog.records)
    assert notice.recipient not in told


def test_a_server_that_is_not_there_is_tried_for_a_day_and_a_half_and_given_up(
    settings: Any,
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    notice = invoice_notice()
    at = NOON

    for wait in MAIL_RETRIES:
        assert send_notices(at=at).postponed == 1
        at += wait
    assert send_notices(at=at).failed == 1

    notice.refresh_from_db()
    assert notice.reason == "given up: ConnectionRefusedError"
    assert notice.tries == len(MAIL_RETRIES) + 1
    assert at - NOON > timedelta(hours=34)


def test_one_that_cannot_be_written_does_not_hold_up_the_others(server: MailServer) -> None:
    customer = make_customer()
    broken = sample_notice(customer, "invoice.finalized")  # of an invoice that is not there
    good = sample_notice(customer, "trial.ending")

    assert send_notices(at=NOON).sent == 1

    broken.refresh_from_db()
    good.refresh_from_db()
    assert (broken.state, good.state) == ("failed", "sent")
    assert broken.reason == "it cannot be written: KeyError"


def test_what_a_dead_sender_had_claimed_is_sent_after_its_lease(server: MailServer) -> None:
    invoice_notice()
    (claimed,) = claim_notices(at=NOON)

    assert send_notices(at=NOON + 9 * MINUTE).sent == 0
    assert send_notices(at=NOON + 10 * MINUTE).sent == 1
    claimed.refresh_from_db()
    assert (claimed.state, claimed.tries) == ("sent", 2)


@pytest.mark.django_db(transaction=True)
def test_two_senders_at_once_send_each_notice_once(server: MailServer) -> None:
    customer = make_customer()
    announcements = [
        Announcement.objects.create(
            kind="trial.ending",
            object_key=str(number),
            customer=customer,
            happened_at=NOON,
            announced_at=NOON,
            facts=SAMPLES["trial.ending"],
        )
        for number in range(30)
    ]
    write_notices(announcements, at=NOON)
    together = Barrier(2)

    def send() -> None:
        together.wait(10)
        try:
            send_notices(at=NOON)
        finally:
            connection.close()

    threads = [Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(server.messages) == 30
    assert len({message["Message-ID"] for message in server.messages}) == 30


def test_a_kind_that_is_not_wanted_is_skipped_and_said_so() -> None:
    customer = make_customer()
    choose_notices(customer=customer, wanted=["renewal.upcoming"], source="portal", at=JAN_1)

    assert sample_notice(customer, "payment.succeeded").state == "skipped"
    assert sample_notice(customer, "renewal.upcoming").state == "queued"
    assert sample_notice(customer, "trial.ending").state == "queued"
    choose_notices(customer=customer, wanted=["payment.succeeded"], source="portal", at=JAN_1)
    refused = NoticeRefusal.objects.values_list("kind", flat=True)
    assert "payment.succeeded" not in refused
    assert "renewal.upcoming" in refused


def test_who_unsubscribes_between_queueing_and_sending_gets_nothing_more(
    server: MailServer,
) -> None:
    customer = make_customer()
    waiting = sample_notice(customer, "payment.succeeded")
    refuse_notices(customer_id=customer.pk, kind="payment.succeeded", source="link", at=NOON)

    send_notices(at=NOON)

    waiting.refresh_from_db()
    assert (waiting.state, waiting.reason) == ("skipped", "the customer does not want these")
    assert server.messages == []


def test_an_optional_notice_can_be_stopped_with_one_click(server: MailServer) -> None:
    customer = make_customer()
    sample_notice(customer, "payment.succeeded")
    send_notices(at=NOON)

    (message,) = server.messages
    address = str(message["List-Unsubscribe"]).strip("<>")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    told = read_refusal(address.rstrip("/").rsplit("/", 1)[-1])
    assert told == (customer.pk, NOTICE_KINDS["payment.succeeded"])
    assert read_refusal("forged:token") is None
    refuse_notices(customer_id=customer.pk, kind="payment.succeeded", source="link", at=NOON)
    refuse_notices(customer_id=customer.pk, kind="payment.succeeded", source="link", at=NOON)
    assert NoticeRefusal.objects.count() == 1


def test_a_decline_on_the_payment_page_is_told_there_and_not_by_mail() -> None:
    customer = make_customer()
    facts = {**SAMPLES["payment.failed"], "channel": "hosted_page"}
    announcement = Announcement.objects.create(
        kind="payment.failed",
        object_key="1",
        customer=customer,
        happened_at=NOON,
        announced_at=NOON,
        facts=facts,
    )

    assert write_notices([announcement], at=NOON) == []


def test_a_notice_is_sent_again_to_the_address_of_today(server: MailServer, notice: Notice) -> None:
    with pytest.raises(NoticeNotResendable):
        resend_notice(notice=notice, at=NOON)
    send_notices(at=NOON)
    Customer.objects.update(email="new@acme.example")

    resend_notice(notice=notice, at=NOON + MINUTE)
    send_notices(at=NOON + MINUTE)

    first, second = server.messages
    assert second["To"] == "new@acme.example"
    assert first["Message-ID"] != second["Message-ID"]


def test_only_a_sent_notice_can_bounce(server: MailServer, notice: Notice) -> None:
    with pytest.raises(NoticeNotResendable):
        mark_bounced(notice=notice, reason="x")
    send_notices(at=NOON)

    assert mark_bounced(notice=notice, reason="mailbox full").state == "bounced"


@pytest.mark.parametrize("language", CATALOGS)
def test_every_notice_can_be_written_in_every_language(language: str) -> None:
    for kind in NOTICE_KINDS:
        words = sample(kind, language)

        assert words.subject, kind
        assert "{" not in words.subject + words.text, kind
        assert SAMPLE_CUSTOMER in words.text, kind
        assert bool(words.refusal_url) != NOTICE_KINDS[kind].is_mandatory, kind
        assert words.refusal_url in words.text, kind
        assert words.refusal_url in words.html, kind
        assert "Noughts" in words.text, kind


def test_days_and_amounts_are_the_customer_s_own() -> None:
    german = sample("trial.ending", "de")
    french = sample("invoice.finalized", "fr")

    assert "15. März 2026" in german.text  # 23:00 UTC on the 14th is midnight in Berlin
    assert "294,53\xa0€" in french.text
    assert "15 mars 2026" in french.text


def test_a_sentence_without_its_fact_is_left_out() -> None:
    facts = {**SAMPLES["payment.failed"], "next_attempt_at": None, "method": ""}

    words = render_notice(
        kind="payment.failed",
        facts=facts,
        locale="en",
        time_zone="UTC",
        customer_id=1,
        customer_name="A",
    )

    assert "We try again" not in words.text
    assert "The payment method was" not in words.text
    assert "There was not enough money" in words.text


def test_a_name_cannot_become_markup_or_a_header() -> None:
    words = render_notice(
        kind="trial.ending",
        facts={**SAMPLES["trial.ending"], "plan": "<b>x</b>\r\nBcc: a@b.example"},
        locale="en",
        time_zone="UTC",
        customer_id=1,
        customer_name="<script>{plan}",
    )

    assert "<script>" not in words.html
    assert "&lt;b&gt;" in words.html
    assert "\n" not in words.subject
    assert "<script>{plan}" in words.text  # and what is filled in is not filled in again
