"""The interval of a plan is a part of its prices: with prices on sale, PostgreSQL keeps it."""

from django.db import migrations

GUARD = """
CREATE FUNCTION subscriptions_plan_interval_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.interval, NEW.interval_count) IS DISTINCT FROM (OLD.interval, OLD.interval_count)
        AND EXISTS (
            SELECT FROM subscriptions_planversion
            WHERE plan_id = OLD.id AND published_at IS NOT NULL
        ) THEN
        RAISE EXCEPTION 'a plan with prices on sale keeps its interval: another one is another plan'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER plan_interval_stays BEFORE UPDATE ON subscriptions_plan
    FOR EACH ROW EXECUTE FUNCTION subscriptions_plan_interval_stays();
ALTER TABLE subscriptions_plan ENABLE ALWAYS TRIGGER plan_interval_stays;
"""
UNDO = """
DROP TRIGGER plan_interval_stays ON subscriptions_plan;
DROP FUNCTION subscriptions_plan_interval_stays;
"""


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0023_add_ons")]
    operations = [migrations.RunSQL(GUARD, UNDO)]
