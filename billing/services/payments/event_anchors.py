"""Sealing payments' events, so that a rewritten chain shows against a key and against e-mails.

The chain of a payment's events is unkeyed: whoever can rewrite the table can rewrite it. Each
anchor seals what was written since the one before with the installation's secret, and its seal
leaves the database with the daily e-mail and the log.
"""

import logging
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from billing.domain.event_anchors import CHUNK, AnchorTerms, seal_of
from billing.models import EventAnchor
from billing.queries.event_anchors import broken_anchors, newest_anchor, secrets, span_after
from billing.queries.event_chain import broken_seals
from billing.services.announcements.company_mail import tell_company

logger = logging.getLogger(__name__)

# Events are numbered before they are committed: none may come in below an anchor later.
SETTLES_WITHIN = timedelta(hours=1)


def anchor_events(*, at: datetime) -> int:
    """Seal the events that nobody can come in between any more; gives how many anchors it took."""
    made = 0
    while _anchor_next(at):
        made += 1
    return made


def check_anchors(*, at: datetime) -> int:
    """Recount every anchor and every chain, and write to the company if one does not hold."""
    broken = [f"anchor {row.number}: {row.reason}" for row in broken_anchors()]
    broken += [f"event {row.event_id} of payment {row.payment_id}" for row in broken_seals()]
    if not broken:
        return 0
    logger.error("payment events do not hold", extra={"broken": len(broken)})
    tell_company(
        subject="What happened to payments was rewritten",
        text="\n".join((f"As of {at:%Y-%m-%d %H:%M} UTC these do not hold:", *broken[:100])),
        about={"broken": str(len(broken))},
    )
    return len(broken)


def _anchor_next(at: datetime) -> bool:
    last = newest_anchor()
    after, seal = (last.until_event, last.seal) if last else (0, "")
    span = span_after(after, before=at - SETTLES_WITHIN, limit=CHUNK)
    if span is None:
        return False
    terms = AnchorTerms(
        number=last.number + 1 if last else 1,
        after_event=after,
        until_event=span.until_event,
        events=span.events,
        digest=span.digest,
        previous_seal=seal,
    )
    try:
        with transaction.atomic():
            anchor = EventAnchor.objects.create(
                number=terms.number,
                after_event=terms.after_event,
                until_event=terms.until_event,
                events=terms.events,
                digest=terms.digest,
                previous_seal=terms.previous_seal,
                seal=seal_of(terms, secret=secrets()[0]),
                made_at=at,
            )
    except IntegrityError:  # somebody else has made it
        return False
    facts = {"anchor": anchor.number, "events": anchor.events, "seal": anchor.seal}
    logger.info("payment events anchored", extra=facts)
    return True
