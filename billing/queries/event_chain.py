"""Recounting the seals of payments' events: what was forged, changed or taken out shows."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenSeal:
    """An event that is not what was written, or that does not follow what was."""

    event_id: int
    payment_id: UUID
    is_out_of_line: bool  # something before it is missing, or was put in
    is_changed: bool


def broken_seals(payment_id: UUID | None = None) -> list[BrokenSeal]:
    """The events of a payment, or of all, whose seals do not hold; at most a hundred."""
    with connection.cursor() as cursor:
        cursor.execute(_BROKEN, {"payment": payment_id})
        return [
            BrokenSeal(event_id=row[0], payment_id=row[1], is_out_of_line=row[2], is_changed=row[3])
            for row in cursor.fetchall()
        ]
