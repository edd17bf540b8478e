"""What happened is found and told: one announcement, its notice and its deliveries together.

Nothing has to remember to tell: the search looks for what was not told yet, and a unique
constraint lets each thing be told once, however many searches run or die.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import QuerySet

from billing.domain.announcements import EXPIRES_SOON, RENEWS_SOON, TRIAL_ENDS_SOON
from billing.models import Announcement, Announcing
from billing.queries.happenings import FINDERS, Finder
from billing.services.announcements.notices import write_notices
from billing.services.announcements.webhook_deliveries import write_deliveries
from subscriptions.models import CustomerClock
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)

BATCH = 500
# A transaction may commit rows that carry an instant before others that were seen already; what
# is of a day carries its first instant for all of that day, which may have 25 hours.
OVERLAP = timedelta(hours=26)

ANNOUNCE = """
WITH found (kind, object_key, customer_id, happened_at, facts) AS ({found}), fresh AS (
    SELECT * FROM found WHERE NOT EXISTS (
        SELECT FROM billing_announcement known
        WHERE known.kind = found.kind AND known.object_key = found.object_key
    ) AND EXISTS (
        SELECT FROM subscriptions_customer customer WHERE customer.id = found.customer_id
          AND customer.clock_id IS NOT DISTINCT FROM %(clock)s::bigint
    ) ORDER BY happened_at, object_key LIMIT %(limit)s
)
INSERT INTO billing_announcement (kind, object_key, customer_id, happened_at, announced_at, facts)
SELECT kind, object_key, customer_id, happened_at, %(at)s, jsonb_strip_nulls(facts) FROM fresh
ON CONFLICT (kind, object_key) DO NOTHING
RETURNING id
"""


def announce_new(
    *, at: datetime, clock: CustomerClock | None = None, ours: datetime | None = None
) -> int:
    """Announce whatever was not yet; gives how many things.

    Of customers with a test clock only what happened to those of `clock`, where `at` is what it
    shows. `ours`: also what people have done by our time until now, which it may not be near.
    """
    state = Announcing.objects.get(pk=1)
    since = max(state.starts_at, state.searched_through - OVERLAP)
    if clock is not None:
        announced = sum(_announce(f, since=at - OVERLAP, at=at, clock=clock) for f in FINDERS)
        past = [finder for finder in FINDERS if ours and not finder.is_ahead]
        return announced + sum(_announce(f, since=since, at=ours or at, clock=clock) for f in past)
    announced = sum(_announce(finder, since=since, at=at, clock=None) for finder in FINDERS)
    Announcing.objects.filter(pk=1, searched_through__lt=at).update(searched_through=at)
    if announced:
        logger.info("announced", extra={"count": announced})
    return announced


def _announce(finder: Finder, *, since: datetime, at: datetime, clock: CustomerClock | None) -> int:
    announced = found = announce_batch(finder, since=since, at=at, clock=clock)
    while found == BATCH:
        found = announce_batch(finder, since=since, at=at, clock=clock)
        announced += found
    return announced


@transaction.atomic(durable=True)
def announce_batch(
    finder: Finder, *, since: datetime, at: datetime, clock: CustomerClock | None = None
) -> int:
    """Announce up to a batch of what one finder finds, with its notices and deliveries."""
    parameters: dict[str, datetime | int | None] = {
        "clock": clock.pk if clock else None,
        "since": since,
        "at": at,
        "trial_soon": at + TRIAL_ENDS_SOON,
        "renewal_soon": at + RENEWS_SOON,
        "card_soon": at + EXPIRES_SOON,
        "limit": BATCH,
    }
    with connection.cursor() as cursor:
        cursor.execute(ANNOUNCE.format(found=finder.sql), parameters)
        ids = [row[0] for row in cursor.fetchall()]
    if not ids:
        return 0
    announcements = announcements_of(ids)
    write_notices(announcements, at=at)
    write_deliveries(announcements, at=at)
    return len(ids)


def announcements_of(ids: Sequence[int]) -> list[Announcement]:
    """Announcements with their customers, in the order they happened."""
    return _announced.rows(ids=list(ids))


@standing
def _announced(ids: list[int]) -> QuerySet[Announcement]:
    rows = Announcement.objects.filter(pk__any_of=ids).select_related("customer")
    return rows.order_by("happened_at", "pk")


@transaction.atomic
def start_announcing(*, at: datetime) -> None:
    """Tell nothing that was recorded before an instant."""
    Announcing.objects.filter(pk=1).update(starts_at=at, searched_through=at)
