"""However many customers one transaction brings, it holds at most 1,024 locks for their meters.

A lock for each filled PostgreSQL's table of locks at some thousand customers. Customers who
share one wait for each other for the moment in which a transaction ends.
"""

from django.db import migrations

GUARD = """
CREATE OR REPLACE FUNCTION subscriptions_meter_is_billed_once() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    who bigint;
    taken text;
BEGIN
    IF NOT EXISTS (
        SELECT FROM subscriptions_price
        WHERE plan_version_id = NEW.plan_version_id AND meter_id IS NOT NULL
    ) THEN
        RETURN NULL;
    END IF;
    IF TG_TABLE_NAME = 'subscriptions_subscription' THEN
        who := NEW.customer_id;
    ELSE
        SELECT customer_id INTO who FROM subscriptions_subscription WHERE id = NEW.subscription_id;
    END IF;
    PERFORM pg_advisory_xact_lock(7012, (who % 1024)::int);
    SELECT meter.name INTO taken
    FROM (
        SELECT 'plan ' || s.id AS biller, price.meter_id
        FROM subscriptions_subscription s
        JOIN subscriptions_price price ON price.plan_version_id = s.plan_version_id
        WHERE s.customer_id = who AND s.ended_at IS NULL AND price.meter_id IS NOT NULL
        UNION
        SELECT 'add-on ' || a.subscription_id || ' ' || a.plan_id, price.meter_id
        FROM subscriptions_subscriptionaddon a
        JOIN subscriptions_subscription s ON s.id = a.subscription_id
        JOIN subscriptions_price price ON price.plan_version_id = a.plan_version_id
        WHERE s.customer_id = who AND s.ended_at IS NULL AND a.ends_at IS NULL
          AND price.meter_id IS NOT NULL
    ) AS billed
    JOIN subscriptions_meter meter ON meter.id = billed.meter_id
    GROUP BY meter.id, meter.name HAVING count(*) > 1
    LIMIT 1;
    IF taken IS NOT NULL THEN
        RAISE EXCEPTION 'customer % would be billed twice for %', who, taken
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'meter_billed_once';
    END IF;
    RETURN NULL;
END $$;
"""
UNDO = """
CREATE OR REPLACE FUNCTION subscriptions_meter_is_billed_once() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    who bigint;
    taken text;
BEGIN
    IF NOT EXISTS (
        SELECT FROM subscriptions_price
        WHERE plan_version_id = NEW.plan_version_id AND meter_id IS NOT NULL
    ) THEN
        RETURN NULL;
    END IF;
    IF TG_TABLE_NAME = 'subscriptions_subscription' THEN
        who := NEW.customer_id;
    ELSE
        SELECT customer_id INTO who FROM subscriptions_subscription WHERE id = NEW.subscription_id;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('meters of customer', who));
    SELECT meter.name INTO taken
    FROM (
        SELECT 'plan ' || s.id AS biller, price.meter_id
        FROM subscriptions_subscription s
        JOIN subscriptions_price price ON price.plan_version_id = s.plan_version_id
        WHERE s.customer_id = who AND s.ended_at IS NULL AND price.meter_id IS NOT NULL
        UNION
        SELECT 'add-on ' || a.subscription_id || ' ' || a.plan_id, price.meter_id
        FROM subscriptions_subscriptionaddon a
        JOIN subscriptions_subscription s ON s.id = a.subscription_id
        JOIN subscriptions_price price ON price.plan_version_id = a.plan_version_id
        WHERE s.customer_id = who AND s.ended_at IS NULL AND a.ends_at IS NULL
          AND price.meter_id IS NOT NULL
    ) AS billed
    JOIN subscriptions_meter meter ON meter.id = billed.meter_id
    GROUP BY meter.id, meter.name HAVING count(*) > 1
    LIMIT 1;
    IF taken IS NOT NULL THEN
        RAISE EXCEPTION 'customer % would be billed twice for %', who, taken
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'meter_billed_once';
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0031_meter_billed_once")]
    operations = [migrations.RunSQL(GUARD, UNDO)]
