"""Recounting the seals of payments' events: what was forged, changed or taken out shows.

What was cut off the end leaves seals that hold; it shows where the payment has moved on since.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

_BROKEN = """
    SELECT id, payment_id, previous_hash <> expected, hash <> sealed
    FROM (
        SELECT written.id, written.payment_id, written.hash, written.previous_hash,
               lag(written.hash, 1, '') OVER (PARTITION BY written.payment_id ORDER BY written.id)
                   AS expected,
               billing_event_seal(written, written.previous_hash) AS sealed
        FROM billing_paymentevent written
        WHERE %(payment)s::uuid IS NULL OR written.payment_id = %(payment)s::uuid
    ) AS counted
    WHERE previous_hash <> expected OR hash <> sealed
    ORDER BY id LIMIT 100
"""

# The last event that moved a payment has to have moved it to where it is.
_CUT_OFF = """
    SELECT last.id, payment.id
    FROM billing_payment payment
    JOIN LATERAL (
        SELECT written.id, written.to_state FROM billing_paymentevent written
        WHERE written.payment_id = payment.id AND written.to_state <> ''
          AND (starts_with(written.event, 'payment_') OR starts_with(written.event, 'collection_')
               OR written.event = 'attempt_dispatched')
        ORDER BY written.id DESC LIMIT 1
    ) last ON last.to_state <> payment.state
    WHERE %(payment)s::uuid IS NULL OR payment.id = %(payment)s::uuid
    ORDER BY last.id LIMIT 100
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenSeal:
    """An event that is not what was written, or that does not follow what was."""

    event_id: int
    payment_id: UUID
    is_out_of_line: bool  # something before or after it is missing, or was put in
    is_changed: bool


def broken_seals(payment_id: UUID | None = None) -> list[BrokenSeal]:
    """The events of a payment, or of all, whose seals do not hold; at most a hundred."""
    with connection.cursor() as cursor:
        cursor.execute(_BROKEN, {"payment": payment_id})
        broken = [
            BrokenSeal(event_id=row[0], payment_id=row[1], is_out_of_line=row[2], is_changed=row[3])
            for row in cursor.fetchall()
        ]
        cursor.execute(_CUT_OFF, {"payment": payment_id})
        cut_off = [
            BrokenSeal(event_id=row[0], payment_id=row[1], is_out_of_line=True, is_changed=False)
            for row in cursor.fetchall()
        ]
    return broken or cut_off
