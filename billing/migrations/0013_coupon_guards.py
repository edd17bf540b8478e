"""The database counts redemptions and uses of coupons, so that no limit is passed at once."""

from django.db import migrations

GUARDS = """
CREATE FUNCTION billing_coupon_redeemed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE billing_coupon SET redeemed_count = redeemed_count + made.n
    FROM (SELECT coupon_id, count(*) AS n FROM made GROUP BY 1) AS made
    WHERE billing_coupon.id = made.coupon_id;
    RETURN NULL;
END $$;

-- What is given once as an amount is used up by its amount, everything else by its times.
CREATE FUNCTION billing_coupon_used() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE billing_couponredemption redemption SET
        amount_left = amount_left - used.amount,
        uses_left = uses_left - used.times,
        state = CASE
            WHEN redemption.state = 'withdrawn' THEN 'withdrawn'
            WHEN amount_left - used.amount <= 0 OR uses_left - used.times <= 0 THEN 'used_up'
            ELSE 'active' END
    FROM (
        SELECT redemption_id, sum(amount) AS amount, count(*) FILTER (WHERE counts) AS times
        FROM made GROUP BY 1
    ) AS used
    WHERE redemption.id = used.redemption_id;
    RETURN NULL;
END $$;

CREATE FUNCTION billing_coupon_use_returned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM before was JOIN after became USING (id)
        WHERE (was.redemption_id, was.invoice_id, was.currency, was.amount, was.counts)
            IS DISTINCT FROM (became.redemption_id, became.invoice_id, became.currency,
                became.amount, became.counts)
           OR (was.is_returned AND NOT became.is_returned)
    ) THEN
        RAISE EXCEPTION 'a use of a coupon can only be returned' USING ERRCODE = 'restrict_violation';
    END IF;
    UPDATE billing_couponredemption redemption SET
        amount_left = amount_left + used.amount,
        uses_left = uses_left + used.times,
        state = CASE WHEN redemption.state = 'used_up' THEN 'active' ELSE redemption.state END
    FROM (
        SELECT became.redemption_id, sum(became.amount) AS amount,
               count(*) FILTER (WHERE became.counts) AS times
        FROM before was JOIN after became USING (id)
        WHERE became.is_returned AND NOT was.is_returned GROUP BY 1
    ) AS used
    WHERE redemption.id = used.redemption_id;
    RETURN NULL;
END $$;

CREATE TRIGGER coupon_redeemed AFTER INSERT ON billing_couponredemption
    REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION billing_coupon_redeemed();
CREATE TRIGGER coupon_used AFTER INSERT ON billing_couponuse
    REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION billing_coupon_used();
CREATE TRIGGER coupon_use_returned AFTER UPDATE ON billing_couponuse
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION billing_coupon_use_returned();
CREATE TRIGGER coupon_use_stays BEFORE DELETE OR TRUNCATE ON billing_couponuse
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse('what a coupon took off stays');

DO $$
DECLARE
    guard record;
BEGIN
    FOR guard IN SELECT tgname, tgrelid::regclass AS guarded FROM pg_trigger
                 WHERE tgrelid IN ('billing_couponredemption'::regclass, 'billing_couponuse'::regclass)
                   AND NOT tgisinternal LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', guard.guarded, guard.tgname);
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0012_coupons")]
    operations = [migrations.RunSQL(GUARDS)]
