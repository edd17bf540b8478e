"""The SQL of quantities: days and events of what is wanted, each row beside its place.

Each statement is there twice: of events as they count, and with those that came late, as if they
had been there when the last period of what has ended was billed (`Late`).
"""

WANTED = """
FROM unnest(%(customers)s::bigint[], %(meters)s::bigint[], %(starts)s::date[], %(ends)s::date[],
            %(levels)s::boolean[], %(untils)s::timestamptz[], %(keys)s::jsonb[])
     WITH ORDINALITY AS wanted(customer_id, meter_id, from_day, to_day, is_level, until, keys,
                               position)
"""
DAYS = """
    SELECT day, dimensions, event_count, quantity_sum, quantity_max FROM subscriptions_usageday d
    WHERE d.customer_id = wanted.customer_id AND d.meter_id = wanted.meter_id
      AND d.day >= CASE WHEN is_level THEN '-infinity' ELSE from_day END AND d.day < wanted.to_day
    UNION ALL
    SELECT day, dimensions, event_count, quantity_sum, quantity_max FROM subscriptions_usagedelta d
    WHERE d.customer_id = wanted.customer_id AND d.meter_id = wanted.meter_id
      AND d.day >= CASE WHEN is_level THEN '-infinity' ELSE from_day END AND d.day < wanted.to_day
"""
ROWS = """
    SELECT e.* FROM subscriptions_usageevent e
    WHERE e.customer_id = wanted.customer_id AND e.meter_id = wanted.meter_id
      AND e.counted_on >= CASE WHEN is_level THEN '-infinity' ELSE from_day END
      AND e.counted_on < wanted.to_day
      AND (wanted.keys IS NULL
           OR wanted.keys ? subscriptions_dimensions(e.properties, meter.dimensions)::text)
"""

# What came late is of time before the end, and was put after it: days until then are as billed.
# Of the day of an end within a day, what was there when it was billed.
LATE_WANTED = """
FROM unnest(%(customers)s::bigint[], %(meters)s::bigint[], %(starts)s::date[], %(ends)s::date[],
            %(levels)s::boolean[], %(untils)s::timestamptz[], %(keys)s::jsonb[], %(lates)s::jsonb[],
            %(over_ats)s::timestamptz[], %(over_days)s::date[], %(billed_ats)s::timestamptz[])
     WITH ORDINALITY AS wanted(customer_id, meter_id, from_day, to_day, is_level, until, keys, late,
                               over_at, over_day, billed_at, position)
"""
CAME_LATE = """
    SELECT e.event_id, e.quantity, e.properties, late.counted_at, late.counted_on
    FROM jsonb_to_recordset(wanted.late) AS late(
        source_id bigint, event_id text, occurred_at timestamptz, counted_at timestamptz,
        counted_on date
    )
    JOIN subscriptions_usageevent e ON e.source_id = late.source_id AND e.event_id = late.event_id
     AND e.occurred_at = late.occurred_at
    WHERE e.meter_id = wanted.meter_id AND late.counted_on < wanted.to_day
      AND (is_level OR late.counted_on >= from_day)
"""
WAS_BILLED = """
    SELECT e.event_id, e.quantity, e.properties, e.counted_at, e.counted_on
    FROM subscriptions_usageevent e
    WHERE e.customer_id = wanted.customer_id AND e.meter_id = wanted.meter_id
      AND e.counted_on >= CASE WHEN is_level THEN '-infinity' ELSE from_day END
      AND e.counted_on < wanted.to_day AND wanted.billed_at IS NOT NULL
      AND (e.counted_at < wanted.over_at
           OR (e.received_at <= wanted.billed_at AND e.occurred_at >= wanted.over_at))
"""
LATE_ROWS = f"""
    SELECT e.* FROM ({WAS_BILLED} UNION ALL {CAME_LATE}) AS e
    WHERE wanted.keys IS NULL
       OR wanted.keys ? subscriptions_dimensions(e.properties, meter.dimensions)::text
"""  # noqa: S608 - put together from constants
LATE_DAYS = f"""
    SELECT days.* FROM ({DAYS}) AS days
    WHERE wanted.billed_at IS NOT NULL AND days.day < wanted.over_day
    UNION ALL
    SELECT e.counted_on, subscriptions_dimensions(e.properties, meter.dimensions), 1,
           e.quantity, e.quantity
    FROM ({WAS_BILLED} AND e.counted_on >= wanted.over_day UNION ALL {CAME_LATE}) AS e
    JOIN subscriptions_meter meter ON meter.id = wanted.meter_id
"""  # noqa: S608 - put together from constants
LATE_INSTEAD = {WANTED: LATE_WANTED, DAYS: LATE_DAYS, ROWS: LATE_ROWS}


def with_late(statement: str) -> str:
    """The same statement, with what came late."""
    for on_time, late in LATE_INSTEAD.items():
        statement = statement.replace(on_time, late)
    return statement


ROLL_UPS = f"""
SELECT wanted.position, part.dimensions::text,
       coalesce(sum(part.event_count) FILTER (WHERE part.day >= wanted.from_day), 0),
       coalesce(sum(part.quantity_sum) FILTER (WHERE part.day >= wanted.from_day), 0),
       max(part.quantity_max) FILTER (WHERE part.day >= wanted.from_day),
       coalesce(sum(part.quantity_sum) FILTER (WHERE part.day < wanted.from_day), 0),
       sum(part.quantity_sum * (wanted.to_day - greatest(part.day, wanted.from_day)))
{WANTED} CROSS JOIN LATERAL ({DAYS}) AS part
GROUP BY wanted.position, part.dimensions ORDER BY wanted.position, part.dimensions
"""

# By how much a level that is a sum changes on which days; what was before comes with the first.
LEVELS = f"""
SELECT wanted.position, greatest(part.day, wanted.from_day) AS day, sum(part.quantity_sum)
{WANTED} CROSS JOIN LATERAL ({DAYS}) AS part
WHERE wanted.keys IS NULL OR wanted.keys ? part.dimensions::text
GROUP BY 1, 2 ORDER BY 1, 2
"""

# The events of each wanted part.
EVENTS = f"""
{WANTED} JOIN subscriptions_meter meter ON meter.id = wanted.meter_id
CROSS JOIN LATERAL ({ROWS}) AS event
"""
UNIQUE = f"""
SELECT position, count(DISTINCT event.properties ->> meter.unique_property)
{EVENTS} GROUP BY position
"""

# A value is held from the day of an event of more than nothing to that of one of nothing,
# both included; {days} of each value, a day once.
HELD_DAYS = f"""
WITH move AS (
    SELECT position, from_day, to_day, event.properties ->> meter.unique_property AS value,
           event.quantity, event.counted_on,
           lead(event.counted_on) OVER later AS next_on, lead(event.quantity) OVER later AS next
    {EVENTS}
    WINDOW later AS (PARTITION BY position, event.properties ->> meter.unique_property
                     ORDER BY event.counted_at, event.event_id)
), held AS (
    SELECT position, to_day, value, bool_or(next_on IS NULL) AS at_end,
           range_agg(daterange(counted_on, CASE WHEN next_on IS NULL THEN to_day
                                                WHEN next > 0 THEN next_on ELSE next_on + 1 END))
             * datemultirange(daterange(from_day, to_day)) AS days
    FROM move WHERE quantity > 0 GROUP BY position, value, from_day, to_day
)
"""  # noqa: S608 - put together from constants
HELD = f"""
{HELD_DAYS}
SELECT position, count(*) FILTER (WHERE at_end),
       sum((SELECT coalesce(sum(upper(part) - lower(part)), 0) FROM unnest(days) AS part))
FROM held GROUP BY position
"""  # noqa: S608 - put together from constants

# By how much the number of values that are held changes on which days.
HELD_LEVELS = f"""
{HELD_DAYS}
SELECT position, turn.day, sum(turn.change)
FROM held CROSS JOIN LATERAL unnest(days) AS part
CROSS JOIN LATERAL (VALUES (lower(part), 1), (upper(part), -1)) AS turn (day, change)
WHERE turn.day < to_day GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608 - put together from constants
LATEST = f"""
SELECT DISTINCT ON (position) position, event.quantity
{EVENTS} ORDER BY position, event.counted_at DESC, event.event_id DESC
"""
# What a level is at the end of each day on which it was said; before the span, with its first.
LATEST_LEVELS = f"""
SELECT DISTINCT ON (position, day)
       position, greatest(event.counted_on, wanted.from_day) AS day, event.quantity
{EVENTS} ORDER BY position, day, event.counted_at DESC, event.event_id DESC
"""
STOOD = f"""
SELECT position, sum(event.quantity * extract(epoch FROM wanted.until - event.counted_at))
{EVENTS} WHERE event.counted_on >= wanted.from_day GROUP BY position
"""  # noqa: S608 - put together from constants
AMOUNTS = f"""
SELECT position, sum((event.properties ->> meter.amount_property)::numeric)
{EVENTS} GROUP BY position
"""

# The same as `billing.domain.event_rating.limit_events`, for many.
LIMITED = f"""
WITH numbered AS (
    SELECT position, event.quantity, terms.*,
           sum(event.quantity) OVER earlier - event.quantity AS used,
           row_number() OVER earlier AS number
    {EVENTS}
    JOIN unnest(%(rates)s::numeric[], %(fees)s::numeric[], %(units)s::numeric[],
                %(events)s::int[], %(minima)s::numeric[], %(maxima)s::numeric[])
         WITH ORDINALITY AS terms(rate, fee, units, events, minimum, maximum, place)
      ON terms.place = wanted.position
    WINDOW earlier AS (PARTITION BY position ORDER BY event.counted_at, event.event_id
                       ROWS UNBOUNDED PRECEDING)
), charged AS (
    SELECT *, CASE WHEN events > 0 AND number > events THEN quantity
                   WHEN units = 0 AND events > 0 THEN NULL
                   WHEN units > 0 AND quantity <= units - used THEN NULL
                   ELSE quantity - greatest(units - used, 0) END AS paid
    FROM numbered
), priced AS (
    SELECT *, paid * rate * 0.01 + fee AS amount FROM charged
), judged AS (
    SELECT *, amount < minimum IS TRUE AS is_low,
           amount > maximum AND NOT (amount < minimum IS TRUE) IS TRUE AS is_high
    FROM priced
)
SELECT position, coalesce(sum(paid) FILTER (WHERE NOT is_low AND is_high IS NOT TRUE), 0),
       count(paid) FILTER (WHERE NOT is_low AND is_high IS NOT TRUE),
       count(*) FILTER (WHERE is_low), count(*) FILTER (WHERE is_high),
       sum(quantity - coalesce(paid, 0))
FROM judged GROUP BY position
"""  # noqa: S608 - put together from constants
