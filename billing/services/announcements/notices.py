"""Notices: written with their announcement, sent later, and what customers want of them."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import formataddr
from functools import cache
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet

from billing.domain.announcements import (
    NOTICE_KINDS,
    STALE_AFTER,
    Attachment,
    next_mail_try,
    notice_kind_of,
)
from billing.domain.issuing import IssuedBy
from billing.errors import NoticeNotResendable
from billing.gateways.mail import Mail, MailRefused, MailUnavailable, send_mail
from billing.models import Announcement, CreditNote, Invoice, Notice, NoticeRefusal
from billing.services.announcements.notice_sender import sender_of
from billing.services.announcements.notice_text import NoticeText, attachment_of, render_notice
from billing.services.documents.pdf import credit_note_pdf, invoice_pdf
from billing.services.payments.pay_links import make_fix_link
from subscriptions.models import Customer, CustomerClock
from subscriptions.services.customer_clocks import key_of
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.standing import StandingQuery, standing

logger = logging.getLogger(__name__)

BATCH = 50
UNWANTED = "the customer does not want these"
PAY_LINK_KINDS = frozenset({"payment.failed", "payment.approved", "dunning.reminder"})
BY_NOTICE = Actor(source="notice")
# Whoever claimed a notice and died leaves it to others after this time.
LEASE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What one pass of sending came to."""

    sent: int = 0
    failed: int = 0
    postponed: int = 0


def write_notices(announcements: Sequence[Announcement], *, at: datetime) -> list[Notice]:
    """Write a notice for each announcement that calls for one, in the caller's transaction.

    One that the customer does not want, or that comes too late, is written as skipped.
    """
    called = [a for a in announcements if notice_kind_of(a.kind, a.facts) is not None]
    customers = {a.customer_id for a in called}
    refused = set(
        NoticeRefusal.objects.filter(customer_id__in=customers).values_list("customer_id", "kind")
    )
    return Notice.objects.bulk_create(
        _notice(announcement, refused=refused, at=at) for announcement in called
    )


def _notice(announcement: Announcement, *, refused: set[tuple[int, str]], at: datetime) -> Notice:
    customer = announcement.customer
    reason = ""
    if (customer.pk, announcement.kind) in refused:
        reason = UNWANTED
    elif announcement.happened_at < at - STALE_AFTER:
        reason = "it happened too long ago"
    elif not customer.email:
        reason = "the customer has no address"
    return Notice(
        id=uuid7(),
        announcement=announcement,
        customer=customer,
        kind=announcement.kind,
        locale=customer.locale,
        recipient=customer.email,
        state=Notice.State.SKIPPED if reason else Notice.State.QUEUED,
        reason=reason,
        next_try_at=None if reason else at,
        created_at=at,
    )


def send_notices(*, at: datetime, clock: CustomerClock | None = None) -> Sent:
    """Send what is due; several senders may run at once, each takes what others have not.

    Of customers with a test clock only to those of `clock`, and of it to no others.
    """
    outcomes: list[str] = []
    while claimed := claim_notices(at=at, clock=clock):
        outcomes += [send_notice(notice, at=at) for notice in claimed]
    return Sent(
        sent=outcomes.count(Notice.State.SENT),
        failed=outcomes.count(Notice.State.FAILED),
        postponed=outcomes.count(Notice.State.QUEUED),
    )


@transaction.atomic(durable=True)
def claim_notices(
    *, at: datetime, clock: CustomerClock | None = None, limit: int = BATCH
) -> list[Notice]:
    """Take notices that are due out of the reach of other senders, for a while."""
    ids = _first_due(limit).rows(at=at, clock=key_of(clock))
    if not ids:
        return []
    Notice.objects.filter(pk__in=ids).update(
        state=Notice.State.SENDING, tries=F("tries") + 1, next_try_at=at + LEASE
    )
    rows = Notice.objects.filter(pk__in=ids).select_related("announcement", "customer")
    return list(rows.order_by("created_at", "pk"))


@cache
def _first_due(limit: int) -> StandingQuery[..., Notice, UUID]:
    def first_due(at: datetime, clock: int | None) -> "QuerySet[Notice, UUID]":
        due = Notice.objects.filter(next_try_at__lte=at, customer__clock=clock)
        locked = due.select_for_update(skip_locked=True, of=("self",))
        return locked.order_by("next_try_at", "pk").values_list("pk", flat=True)[:limit]

    return standing(first_due)


def send_notice(notice: Notice, *, at: datetime) -> str:
    """Send a claimed notice and settle it; gives its state.

    A sender that dies between the two has sent it, and it is sent again with the same
    Message-ID, by which mail programs know it.
    """
    if NoticeRefusal.objects.filter(customer=notice.customer_id, kind=notice.kind).exists():
        return _settle(notice, Notice.State.SKIPPED, reason=UNWANTED, at=at)
    try:
        kept, document = words_of(notice), document_of(notice)
        text = _with_pay_link(notice, at) or kept
        writer = sender_of(notice.customer, notice.announcement.facts)
    except Exception as problem:  # one that cannot be written must not hold up the others
        logger.exception("notice cannot be written", extra={"notice": notice.pk})
        reason = f"it cannot be written: {type(problem).__name__}"
        return _settle(notice, Notice.State.FAILED, reason=reason, at=at)
    mail = Mail(
        recipient=notice.recipient,
        sender=formataddr((writer.name, settings.DEFAULT_FROM_EMAIL)),
        subject=text.subject,
        text=text.text,
        html=text.html,
        headers=headers_of(notice, text, writer),
        document=document,
    )
    try:
        send_mail(mail)
    except MailRefused as problem:
        return _settle(notice, Notice.State.FAILED, reason=str(problem), at=at)
    except MailUnavailable as problem:
        wait = next_mail_try(notice.tries)
        if wait is None:
            return _settle(notice, Notice.State.FAILED, reason=f"given up: {problem}", at=at)
        return _settle(notice, Notice.State.QUEUED, reason=str(problem), at=at, wait=wait)
    return _settle(notice, Notice.State.SENT, at=at, text=kept)


def _settle(
    notice: Notice,
    state: str,
    *,
    at: datetime,
    reason: str = "",
    wait: timedelta | None = None,
    text: NoticeText | None = None,
) -> str:
    """Write down what became of a try, unless another sender has taken the notice since."""
    fields: dict[str, object] = {
        "state": state,
        "reason": reason[:200],
        "next_try_at": at + wait if wait else None,
    }
    if text is not None:
        fields |= {"sent_at": at, "subject": text.subject[:300], "body": text.text}
    mine = Notice.objects.filter(pk=notice.pk, state=Notice.State.SENDING, tries=notice.tries)
    mine.update(**fields)
    logger.info(
        "notice tried", extra={"notice": notice.pk, "kind": notice.kind, "state": str(state)}
    )
    return state


def _with_pay_link(notice: Notice, at: datetime) -> NoticeText | None:
    """With a link by which its invoice is paid without a password; what is kept has none.

    Every try to send has a link of its own: its token is not kept anywhere.
    """
    invoice_id = notice.announcement.facts.get("invoice_id")
    if notice.kind not in PAY_LINK_KINDS or not invoice_id:
        return None
    invoice = Invoice.objects.get(pk=invoice_id)
    return words_of(notice, make_fix_link(invoice=invoice, actor=BY_NOTICE, at=at).address)


def words_of(notice: Notice, url: str = "") -> NoticeText:
    """A notice as it is written in its customer's language."""
    return render_notice(
        kind=notice.kind,
        facts=notice.announcement.facts,
        locale=notice.locale,
        time_zone=notice.customer.time_zone,
        customer_id=notice.customer_id,
        customer_name=notice.customer.name,
        url=url,
        sender=sender_of(notice.customer, notice.announcement.facts),
    )


def headers_of(notice: Notice, text: NoticeText, writer: IssuedBy) -> dict[str, str]:
    """One Message-ID for all tries, who is answered, and the one-click way to stop (RFC 8058)."""
    host = urlsplit(settings.BASE_URL).hostname or "localhost"
    headers = {
        "Message-ID": f"<notice-{notice.pk}-{notice.resends}@{host}>",
        "Auto-Submitted": "auto-generated",
    }
    if writer.email:
        headers["Reply-To"] = writer.email
    if text.refusal_url:
        headers["List-Unsubscribe"] = f"<{text.refusal_url}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def document_of(notice: Notice) -> tuple[str, bytes] | None:
    """The PDF that goes with a notice, with its name."""
    facts = notice.announcement.facts
    attachment = attachment_of(notice.kind)
    if attachment == Attachment.INVOICE:
        invoice = Invoice.objects.get(pk=facts["invoice_id"])
        return f"{invoice.number}.pdf", invoice_pdf(invoice=invoice)
    if attachment == Attachment.CREDIT_NOTE:
        note = CreditNote.objects.select_related("invoice").get(number=facts["credit_note"])
        return f"{note.number}.pdf", credit_note_pdf(note=note)
    return None


@transaction.atomic
def resend_notice(*, notice: Notice, at: datetime) -> Notice:
    """Queue a notice again, to the customer's address as it is now.

    Raises:
        NoticeNotResendable: If it is queued or being sent already.
    """
    locked = (
        Notice.objects.select_for_update(of=("self",)).select_related("customer").get(pk=notice.pk)
    )
    if locked.state in {Notice.State.QUEUED, Notice.State.SENDING}:
        raise NoticeNotResendable("it is waiting to be sent already")
    locked.state, locked.reason = Notice.State.QUEUED, "sent again by hand"
    locked.tries, locked.next_try_at = 0, at
    locked.resends += 1
    locked.recipient = locked.customer.email
    locked.save(update_fields=["state", "reason", "tries", "resends", "next_try_at", "recipient"])
    return locked


@transaction.atomic
def mark_bounced(*, notice: Notice, reason: str) -> Notice:
    """Note that a mail server sent a notice back.

    Raises:
        NoticeNotResendable: If it was not sent.
    """
    locked = Notice.objects.select_for_update(of=("self",)).get(pk=notice.pk)
    if locked.state != Notice.State.SENT:
        raise NoticeNotResendable(f"it is {locked.state}, not sent")
    locked.state, locked.reason = Notice.State.BOUNCED, reason[:200]
    locked.save(update_fields=["state", "reason"])
    return locked


@transaction.atomic
def choose_notices(*, customer: Customer, wanted: Iterable[str], source: str, at: datetime) -> None:
    """Keep which optional kinds a customer wants; mandatory ones are always sent."""
    chosen = set(wanted)
    optional = {kind for kind, spec in NOTICE_KINDS.items() if not spec.is_mandatory}
    NoticeRefusal.objects.filter(customer=customer, kind__in=chosen).delete()
    for kind in sorted(optional - chosen):
        refuse_notices(customer_id=customer.pk, kind=kind, source=source, at=at)


def refuse_notices(*, customer_id: int, kind: str, source: str, at: datetime) -> None:
    """Send a customer no more notices of a kind; doing it again changes nothing."""
    NoticeRefusal.objects.bulk_create(
        [NoticeRefusal(customer_id=customer_id, kind=kind, source=source, refused_at=at)],
        ignore_conflicts=True,
    )


def refused_kinds(customer: Customer) -> set[str]:
    """The kinds that a customer does not want."""
    rows = NoticeRefusal.objects.filter(customer=customer)
    return set(rows.values_list("kind", flat=True))
