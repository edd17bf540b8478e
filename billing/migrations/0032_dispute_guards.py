"""The database holds disputes to their moves, their entries to what was written, and refunds off.

The moves are those of billing.domain.disputes; a test tries every pair.
"""

from django.db import migrations

GUARDS = """
CREATE FUNCTION billing_dispute_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[
        'inquiry>accepted', 'inquiry>closed', 'inquiry>expired', 'inquiry>lost',
        'inquiry>needs_response', 'inquiry>under_review', 'inquiry>won', 'needs_response>accepted',
        'needs_response>closed', 'needs_response>expired', 'needs_response>lost',
        'needs_response>under_review', 'needs_response>won', 'under_review>closed', 'under_review>lost',
        'under_review>needs_response', 'under_review>won', 'won>lost', 'won>needs_response', 'lost>won',
        'expired>won', 'closed>lost', 'closed>needs_response'
    ]) THEN
        RAISE EXCEPTION 'a dispute that is % cannot become %', OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER dispute_moves BEFORE UPDATE OF state ON billing_dispute
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION billing_dispute_moves();

CREATE FUNCTION billing_dispute_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.id, NEW.payment_id, NEW.attempt_id, NEW.gateway,
        NEW.gateway_reference, NEW.currency) IS DISTINCT FROM (OLD.id, OLD.payment_id,
        OLD.attempt_id, OLD.gateway, OLD.gateway_reference, OLD.currency) THEN
        RAISE EXCEPTION 'what a dispute is about stays' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER dispute_stays BEFORE UPDATE OR DELETE ON billing_dispute
    FOR EACH ROW EXECUTE FUNCTION billing_dispute_stays();
CREATE TRIGGER dispute_entry_stays BEFORE UPDATE OR DELETE ON billing_disputeentry
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse('a movement of a dispute stays as it is');

CREATE FUNCTION billing_dispute_entry_fits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.currency <> (SELECT currency FROM billing_dispute WHERE id = NEW.dispute_id) THEN
        RAISE EXCEPTION 'a movement is in its dispute''s currency' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER dispute_entry_fits AFTER INSERT ON billing_disputeentry
    FOR EACH ROW EXECUTE FUNCTION billing_dispute_entry_fits();

CREATE FUNCTION billing_refund_undisputed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM billing_dispute WHERE payment_id = NEW.payment_id
               AND state IN ('needs_response', 'under_review')) THEN
        RAISE EXCEPTION 'the payment is disputed: the bank decides who gets the money'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refund_undisputed AFTER INSERT ON billing_refund
    FOR EACH ROW EXECUTE FUNCTION billing_refund_undisputed();
"""
BACK = """
DROP TRIGGER refund_undisputed ON billing_refund;
DROP TRIGGER dispute_entry_fits ON billing_disputeentry;
DROP TRIGGER dispute_entry_stays ON billing_disputeentry;
DROP TRIGGER dispute_stays ON billing_dispute;
DROP TRIGGER dispute_moves ON billing_dispute;
DROP FUNCTION billing_refund_undisputed, billing_dispute_entry_fits, billing_dispute_stays,
    billing_dispute_moves;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0031_disputes")]
    operations = [migrations.RunSQL(GUARDS, BACK)]
