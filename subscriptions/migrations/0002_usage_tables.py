"""The partitioned tables of usage, which the ORM cannot say."""

from django.db import migrations

TABLES = """
-- That an event id was seen is remembered for ever; hash partitions keep each index small.
CREATE TABLE subscriptions_usageeventkey (
    source_id bigint NOT NULL,
    event_id varchar(128) NOT NULL,
    occurred_at timestamptz NOT NULL,
    body_hash bytea NOT NULL CHECK (octet_length(body_hash) = 32),
    PRIMARY KEY (source_id, event_id)
) PARTITION BY HASH (source_id, event_id);

DO $$ BEGIN
    FOR n IN 0..7 LOOP
        EXECUTE format(
            'CREATE TABLE subscriptions_usageeventkey_%s PARTITION OF subscriptions_usageeventkey '
            'FOR VALUES WITH (MODULUS 8, REMAINDER %s)', n, n);
    END LOOP;
END $$;

-- No unique index here: the key table has the last word, and a month can be detached.
CREATE TABLE subscriptions_usageevent (
    source_id bigint NOT NULL,
    event_id varchar(128) NOT NULL,
    occurred_at timestamptz NOT NULL,
    customer_id bigint NOT NULL,
    meter_id bigint NOT NULL,
    quantity numeric(28, 10) NOT NULL CHECK (quantity >= 0),
    counted_at timestamptz NOT NULL CHECK (counted_at >= occurred_at),
    counted_on date NOT NULL,
    properties jsonb,
    received_at timestamptz NOT NULL
) PARTITION BY RANGE (occurred_at);

CREATE INDEX usage_event_of_day
    ON subscriptions_usageevent (customer_id, meter_id, counted_on, occurred_at);

-- The application's role may not make tables, so it asks this function, which may.
CREATE FUNCTION subscriptions_ensure_usage_partition(moment timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    first date := date_trunc('month', moment AT TIME ZONE 'UTC')::date;
    partition text := 'subscriptions_usageevent_' || to_char(first, 'YYYYMM');
BEGIN
    IF to_regclass(partition) IS NOT NULL THEN RETURN; END IF;
    -- Whoever waits here may still not see the table: to_regclass remembers what was missing.
    PERFORM pg_advisory_xact_lock(7003);
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS %I PARTITION OF subscriptions_usageevent FOR VALUES FROM (%L) TO (%L)',
        partition, first::timestamptz, (first + interval '1 month')::timestamptz);
END $$;
"""

DROP = """
DROP FUNCTION subscriptions_ensure_usage_partition(timestamptz);
DROP TABLE subscriptions_usageevent;
DROP TABLE subscriptions_usageeventkey;
"""


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0001_initial")]
    operations = [migrations.RunSQL(TABLES, DROP)]
