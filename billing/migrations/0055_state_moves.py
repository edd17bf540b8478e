"""The database moves payments, attempts, refunds, captures and voids by their tables alone.

The moves are those of billing.domain.attempts; a test tries every pair.
"""

from django.db import migrations

GUARDS = """
CREATE FUNCTION billing_state_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT (OLD.state || '>' || NEW.state) = ANY (TG_ARGV) THEN
        RAISE EXCEPTION '% that is % cannot become %', TG_ARGV[0], OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payment_moves BEFORE UPDATE OF state ON billing_payment
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION billing_state_moves(
        'payment', 'open>canceled', 'open>failed', 'open>paid', 'open>processing',
        'open>requires_action', 'processing>failed', 'processing>open', 'processing>paid',
        'processing>requires_action', 'requires_action>canceled', 'requires_action>failed',
        'requires_action>open', 'requires_action>paid', 'requires_action>processing',
        'paid>returned'
    );
CREATE TRIGGER attempt_moves BEFORE UPDATE OF state ON billing_paymentattempt
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION billing_state_moves(
        'attempt', 'dispatched>abandoned', 'dispatched>authorized', 'dispatched>declined',
        'dispatched>not_sent', 'dispatched>pending', 'dispatched>requires_action',
        'dispatched>succeeded', 'dispatched>unknown', 'unknown>abandoned', 'unknown>authorized',
        'unknown>declined', 'unknown>not_sent', 'unknown>pending', 'unknown>requires_action',
        'unknown>succeeded', 'requires_action>abandoned', 'requires_action>authorized',
        'requires_action>declined', 'requires_action>pending', 'requires_action>succeeded',
        'pending>abandoned', 'pending>authorized', 'pending>declined', 'pending>requires_action',
        'pending>succeeded', 'authorized>abandoned', 'authorized>declined', 'authorized>succeeded'
    );
CREATE TRIGGER refund_moves BEFORE UPDATE OF state ON billing_refund
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION billing_state_moves(
        'refund', 'dispatched>failed', 'dispatched>pending', 'dispatched>succeeded',
        'dispatched>unknown', 'unknown>failed', 'unknown>pending', 'unknown>succeeded',
        'pending>failed', 'pending>succeeded', 'succeeded>failed'
    );
CREATE TRIGGER operation_moves BEFORE UPDATE OF state ON billing_paymentoperation
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION billing_state_moves(
        'operation', 'dispatched>failed', 'dispatched>pending', 'dispatched>succeeded',
        'dispatched>unknown', 'unknown>failed', 'unknown>pending', 'unknown>succeeded',
        'pending>failed', 'pending>succeeded', 'succeeded>failed'
    );
"""
BACK = """
DROP TRIGGER payment_moves ON billing_payment;
DROP TRIGGER attempt_moves ON billing_paymentattempt;
DROP TRIGGER refund_moves ON billing_refund;
DROP TRIGGER operation_moves ON billing_paymentoperation;
DROP FUNCTION billing_state_moves;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", '0054_method_guards')]
    operations = [migrations.RunSQL(GUARDS, BACK)]
