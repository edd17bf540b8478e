"""A coupon may have a cap for each month that is billed; the database counts what it took."""

from decimal import Decimal
from django.db import migrations, models


GUARDS = """
CREATE OR REPLACE FUNCTION billing_coupon_used() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    beyond text;
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

    -- The redemption is held by now, so that nobody else uses the same month meanwhile.
    SELECT format('%s in %s', coupon.code, coalesce(used.month::text, 'no month')) INTO beyond
    FROM (SELECT DISTINCT redemption_id, month FROM made) AS used
    JOIN billing_couponredemption redemption ON redemption.id = used.redemption_id
    JOIN billing_coupon coupon ON coupon.id = redemption.coupon_id
    WHERE coupon.monthly_cap IS NOT NULL AND (used.month IS NULL OR coupon.monthly_cap < (
        SELECT sum(known.amount) FROM billing_couponuse known
        WHERE known.redemption_id = used.redemption_id AND known.month = used.month
          AND NOT known.is_returned))
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'coupon % takes more than its cap', beyond USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION billing_coupon_use_returned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM before was JOIN after became USING (id)
        WHERE (was.redemption_id, was.invoice_id, was.currency, was.amount, was.counts, was.month)
            IS DISTINCT FROM (became.redemption_id, became.invoice_id, became.currency,
                became.amount, became.counts, became.month)
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

-- A cap is part of what was offered.
CREATE FUNCTION billing_coupon_cap_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.monthly_cap IS DISTINCT FROM NEW.monthly_cap THEN
        RAISE EXCEPTION 'the cap of a coupon stays: make another coupon'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER coupon_cap_stays BEFORE UPDATE ON billing_coupon
    FOR EACH ROW EXECUTE FUNCTION billing_coupon_cap_stays();
ALTER TABLE billing_coupon ENABLE ALWAYS TRIGGER coupon_cap_stays;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0078_voided_prepaid'),
        ('subscriptions', '0031_meter_billed_once'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='coupon',
            name='coupon_is_an_amount_or_a_percentage',
        ),
        migrations.AddField(
            model_name='coupon',
            name='monthly_cap',
            field=models.DecimalField(blank=True, decimal_places=4, help_text='at most so much off all invoices that bill one month; in its currency', max_digits=19, null=True),
        ),
        migrations.AddField(
            model_name='couponuse',
            name='month',
            field=models.DateField(help_text='of one with a cap: the first day of the month that is billed', null=True),
        ),
        migrations.AddConstraint(
            model_name='coupon',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount__gt', 0), ('currency__regex', '^[A-Z]{3}$'), ('kind', 'amount'), ('percentage', None)), models.Q(('amount', None), ('kind', 'percent'), ('percentage__gt', 0), ('percentage__lte', Decimal('100')), models.Q(models.Q(('currency', ''), ('monthly_cap', None)), models.Q(('currency__regex', '^[A-Z]{3}$'), ('monthly_cap__gt', 0)), _connector='OR')), _connector='OR'), name='coupon_is_an_amount_or_a_percentage'),
        ),
        migrations.AddConstraint(
            model_name='coupon',
            constraint=models.CheckConstraint(condition=models.Q(('monthly_cap', None), models.Q(('monthly_cap__gt', 0), models.Q(('duration', 'once'), ('kind', 'amount'), _negated=True)), _connector='OR'), name='coupon_cap_is_of_what_goes_on'),
        ),
        migrations.RunSQL(GUARDS),
    ]
