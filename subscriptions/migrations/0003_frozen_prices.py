"""Prices on sale never change, and what happened to a subscription stays: kept by the database."""

from django.db import migrations

GUARDS = """
CREATE FUNCTION subscriptions_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: %', TG_OP, TG_TABLE_NAME, TG_ARGV[0]
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION subscriptions_version_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.published_at IS NOT NULL THEN
        RAISE EXCEPTION 'a published plan version is frozen: a new price is a new version'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN coalesce(NEW, OLD);
END $$;

-- The lock makes a price and the publication of its version wait for each other.
CREATE FUNCTION subscriptions_is_published(version_id bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz;
BEGIN
    SELECT published_at INTO at FROM subscriptions_planversion
    WHERE id = version_id FOR SHARE;
    RETURN at IS NOT NULL;
END $$;

CREATE FUNCTION subscriptions_price_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (TG_OP <> 'INSERT' AND subscriptions_is_published(OLD.plan_version_id))
        OR (TG_OP <> 'DELETE' AND subscriptions_is_published(NEW.plan_version_id)) THEN
        RAISE EXCEPTION 'the prices of a published plan version are frozen'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN coalesce(NEW, OLD);
END $$;

CREATE FUNCTION subscriptions_tier_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    version_id bigint;
BEGIN
    FOR version_id IN SELECT plan_version_id FROM subscriptions_price WHERE id IN (
        CASE WHEN TG_OP <> 'INSERT' THEN OLD.price_id END,
        CASE WHEN TG_OP <> 'DELETE' THEN NEW.price_id END
    ) LOOP
        IF subscriptions_is_published(version_id) THEN
            RAISE EXCEPTION 'the tiers of a published plan version are frozen'
                USING ERRCODE = 'restrict_violation';
        END IF;
    END LOOP;
    RETURN coalesce(NEW, OLD);
END $$;

CREATE TRIGGER version_frozen BEFORE UPDATE OR DELETE ON subscriptions_planversion
    FOR EACH ROW EXECUTE FUNCTION subscriptions_version_frozen();
CREATE TRIGGER price_frozen BEFORE INSERT OR UPDATE OR DELETE ON subscriptions_price
    FOR EACH ROW EXECUTE FUNCTION subscriptions_price_frozen();
CREATE TRIGGER tier_frozen BEFORE INSERT OR UPDATE OR DELETE ON subscriptions_tier
    FOR EACH ROW EXECUTE FUNCTION subscriptions_tier_frozen();
CREATE TRIGGER transition_stays BEFORE UPDATE OR DELETE ON subscriptions_subscriptiontransition
    FOR EACH STATEMENT
    EXECUTE FUNCTION subscriptions_refuse('what happened to a subscription stays');

DO $$
DECLARE
    guarded text;
    guard record;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['subscriptions_planversion', 'subscriptions_price',
        'subscriptions_tier', 'subscriptions_subscriptiontransition'] LOOP
        EXECUTE format(
            'CREATE TRIGGER never_emptied BEFORE TRUNCATE ON %I FOR EACH STATEMENT '
            'EXECUTE FUNCTION subscriptions_refuse(''it is kept'')', guarded);
        FOR guard IN SELECT tgname FROM pg_trigger
                     WHERE tgrelid = guarded::regclass AND NOT tgisinternal LOOP
            EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', guarded, guard.tgname);
        END LOOP;
    END LOOP;
END $$;
"""

UNDO = """
DO $$
DECLARE guard record;
BEGIN
    FOR guard IN SELECT tgname, tgrelid::regclass AS guarded FROM pg_trigger
                 JOIN pg_proc ON pg_proc.oid = tgfoid
                 WHERE proname IN ('subscriptions_refuse', 'subscriptions_version_frozen',
                                   'subscriptions_price_frozen', 'subscriptions_tier_frozen')
                   AND NOT tgisinternal LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', guard.tgname, guard.guarded);
    END LOOP;
END $$;
DROP FUNCTION subscriptions_refuse(), subscriptions_version_frozen(),
    subscriptions_price_frozen(), subscriptions_tier_frozen(), subscriptions_is_published(bigint);
"""


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0002_usage_tables")]
    operations = [migrations.RunSQL(GUARDS, UNDO)]
