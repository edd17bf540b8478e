"""The daily roll-ups of usage: what batches added is folded in, exactly and at any time."""

import logging

from django.db import connection, transaction

logger = logging.getLogger(__name__)

FOLD = """
WITH taken AS (
    -- An array, for a sub-select may be run again for each row, and then finds others.
    DELETE FROM subscriptions_usagedelta WHERE id = ANY (ARRAY(
        SELECT id FROM subscriptions_usagedelta ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
    )) RETURNING customer_id, meter_id, day, dimensions, event_count, quantity_sum, quantity_max
), added AS (
    INSERT INTO subscriptions_usageday AS kept
        (customer_id, meter_id, day, dimensions, event_count, quantity_sum, quantity_max)
    SELECT customer_id, meter_id, day, dimensions,
           sum(event_count), sum(quantity_sum), max(quantity_max)
    FROM taken GROUP BY customer_id, meter_id, day, dimensions
    ORDER BY customer_id, meter_id, day, dimensions
    ON CONFLICT (customer_id, meter_id, day, dimensions) DO UPDATE SET
        event_count = kept.event_count + excluded.event_count,
        quantity_sum = kept.quantity_sum + excluded.quantity_sum,
        quantity_max = greatest(kept.quantity_max, excluded.quantity_max)
)
SELECT count(*) FROM taken
"""


@transaction.atomic
def fold_deltas(*, limit: int = 100_000) -> int:
    """Fold what recent batches added into the days; returns how many rows it took.

    Readers add days and deltas, so that a quantity is the same before, during and after.
    """
    with connection.cursor() as cursor:
        cursor.execute(FOLD, [limit])
        row = cursor.fetchone()
    taken = int(row[0]) if row else 0
    logger.info("usage folded", extra={"rows": taken})
    return taken
