"""Refunds of a hold's captures, one each, which the database keeps within what was captured."""

import django.db.models.deletion
from django.db import migrations, models

GUARDS = """
CREATE FUNCTION billing_refund_within_capture() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    taken billing_paymentoperation;
    given numeric;
BEGIN
    SELECT * INTO taken FROM billing_paymentoperation WHERE id = NEW.capture_id FOR UPDATE;
    IF taken.kind <> 'capture' OR taken.attempt_id <> NEW.attempt_id
        OR taken.currency <> NEW.currency THEN
        RAISE EXCEPTION 'a refund is of a capture of its own attempt'
            USING ERRCODE = 'check_violation';
    END IF;
    SELECT COALESCE(SUM(amount), 0) INTO given FROM billing_refund
        WHERE capture_id = NEW.capture_id AND state <> 'failed';
    IF given > taken.amount THEN
        RAISE EXCEPTION 'more would be given back than was captured'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refund_within_capture AFTER INSERT ON billing_refund
    FOR EACH ROW WHEN (NEW.capture_id IS NOT NULL)
    EXECUTE FUNCTION billing_refund_within_capture();

CREATE FUNCTION billing_refund_part_fits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM billing_refund WHERE id = NEW.part_of_id
                   AND payment_id = NEW.payment_id AND part_of_id IS NULL) THEN
        RAISE EXCEPTION 'a part is of the first refund of its payment'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refund_part_fits AFTER INSERT ON billing_refund
    FOR EACH ROW WHEN (NEW.part_of_id IS NOT NULL)
    EXECUTE FUNCTION billing_refund_part_fits();

CREATE TRIGGER refund_source_stays BEFORE UPDATE ON billing_refund
    FOR EACH ROW WHEN ((OLD.capture_id, OLD.part_of_id, OLD.attempt_id, OLD.amount)
        IS DISTINCT FROM (NEW.capture_id, NEW.part_of_id, NEW.attempt_id, NEW.amount))
    EXECUTE FUNCTION billing_refuse('what a refund gives back, and of what, stays');
"""
BACK = """
DROP TRIGGER refund_source_stays ON billing_refund;
DROP TRIGGER refund_part_fits ON billing_refund;
DROP TRIGGER refund_within_capture ON billing_refund;
DROP FUNCTION billing_refund_part_fits, billing_refund_within_capture;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0075_dry_runs")]

    operations = [
        migrations.AddField(
            model_name="refund",
            name="capture",
            field=models.ForeignKey(
                blank=True,
                help_text="of a hold, where the gateway gives back by capture",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="refunds",
                to="billing.paymentoperation",
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="part_of",
            field=models.ForeignKey(
                blank=True,
                help_text="the first part of what was asked for in one go",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="parts",
                to="billing.refund",
            ),
        ),
        migrations.RunSQL(GUARDS, BACK),
    ]
