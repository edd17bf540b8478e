"""A meter is billed by one plan, or one add-on, of a customer at a time: by PostgreSQL.

Looked at when a transaction ends, since a change writes several rows. Whoever else gives the
same customer a plan or an add-on meanwhile waits for the end of that transaction.
"""

from django.db import migrations

GUARDS = """
CREATE FUNCTION subscriptions_meter_is_billed_once() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE CONSTRAINT TRIGGER meter_billed_once_by_a_new_plan
    AFTER INSERT ON subscriptions_subscription
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.ended_at IS NULL)
    EXECUTE FUNCTION subscriptions_meter_is_billed_once();
CREATE CONSTRAINT TRIGGER meter_billed_once_by_another_plan
    AFTER UPDATE ON subscriptions_subscription
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.ended_at IS NULL AND (
        NEW.plan_version_id <> OLD.plan_version_id OR NEW.customer_id <> OLD.customer_id
        OR OLD.ended_at IS NOT NULL))
    EXECUTE FUNCTION subscriptions_meter_is_billed_once();
CREATE CONSTRAINT TRIGGER meter_billed_once_by_an_add_on
    AFTER INSERT OR UPDATE ON subscriptions_subscriptionaddon
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.ends_at IS NULL)
    EXECUTE FUNCTION subscriptions_meter_is_billed_once();
"""
UNDO = """
DROP TRIGGER meter_billed_once_by_an_add_on ON subscriptions_subscriptionaddon;
DROP TRIGGER meter_billed_once_by_another_plan ON subscriptions_subscription;
DROP TRIGGER meter_billed_once_by_a_new_plan ON subscriptions_subscription;
DROP FUNCTION subscriptions_meter_is_billed_once();
"""


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0030_trial_usage")]
    operations = [migrations.RunSQL(GUARDS, UNDO)]
