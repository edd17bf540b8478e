"""Telling the company once a day what waits for people."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from billing.models import StaffDigest
from billing.queries.event_anchors import newest_anchor
from billing.queries.waiting import Waiting, waiting_for_people
from billing.services.announcements.company_mail import tell_company

_NOT_BEFORE = 6  # o'clock, UTC: it is read in the morning
_SENT_AGAIN_AFTER = timedelta(minutes=10)


def tell_what_waits(*, at: datetime) -> int:
    """Write to the company if anything waits; gives how many e-mails, 0 or 1.

    A day is claimed before its e-mail is sent. One whose sending failed is tried again, so that
    a mail server that is down delays it and loses nothing.
    """
    if at.hour < _NOT_BEFORE:
        return 0
    waiting = waiting_for_people(at)
    if not waiting or not _claim(at) or not _tell(waiting):
        return 0
    StaffDigest.objects.filter(day=at.date()).update(sent_at=at)
    return 1


def _claim(at: datetime) -> bool:
    """Whether today's is ours to send."""
    try:
        with transaction.atomic():
            StaffDigest.objects.create(day=at.date(), claimed_at=at)
    except IntegrityError:
        failed = StaffDigest.objects.filter(
            day=at.date(), sent_at=None, claimed_at__lte=at - _SENT_AGAIN_AFTER
        )
        return bool(failed.update(claimed_at=at))
    return True


def _tell(waiting: Sequence[Waiting]) -> bool:
    rows = [(row.words, row.count, settings.BASE_URL + reverse(row.url_name)) for row in waiting]
    text = "\n\n".join(f"{words}: {count}\n{address}" for words, count, address in rows)
    seal = _newest_seal()
    items = format_html_join(
        "", '<li><a href="{2}">{0}</a>: {1}</li>', ((w, c, address) for w, c, address in rows)
    )
    return tell_company(
        subject=f"{sum(row.count for row in waiting)} things wait for people",
        text="\n\n".join(part for part in (text, seal) if part) + "\n",
        html=format_html('<ul lang="en">{}</ul><p lang="en">{}</p>', items, seal),
        about={"waiting": ", ".join(row.url_name for row in waiting)},
    )


def _newest_seal() -> str:
    """The seal over everything that has happened to payments: here it is out of reach."""
    anchor = newest_anchor()
    if anchor is None:
        return ""
    return f"Anchor {anchor.number} of payment events, of {anchor.made_at:%Y-%m-%d}: {anchor.seal}"
