"""A bank's question whose customer has left, and of which nothing is told, is not known.

The moves are those of billing.domain.attempts; a test tries every pair.
"""

from django.db import migrations

MOVES = """
DROP TRIGGER attempt_moves ON billing_paymentattempt;
CREATE TRIGGER attempt_moves BEFORE UPDATE OF state ON billing_paymentattempt
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION billing_state_moves(
        'attempt', 'dispatched>abandoned', 'dispatched>authorized', 'dispatched>declined',
        'dispatched>not_sent', 'dispatched>pending', 'dispatched>requires_action',
        'dispatched>succeeded', 'dispatched>unknown', 'unknown>abandoned', 'unknown>authorized',
        'unknown>declined', 'unknown>not_sent', 'unknown>pending', 'unknown>requires_action',
        'unknown>succeeded', 'requires_action>abandoned', 'requires_action>authorized',
        'requires_action>declined', 'requires_action>pending', 'requires_action>succeeded',
        %s'pending>abandoned', 'pending>authorized', 'pending>declined',
        'pending>requires_action', 'pending>succeeded', 'authorized>abandoned',
        'authorized>declined', 'authorized>succeeded'
    );
"""
GUARD = """
CREATE TRIGGER attempt_known_stays_known BEFORE UPDATE OF state ON billing_paymentattempt
    FOR EACH ROW WHEN (
        NEW.state = 'unknown' AND OLD.state IN ('requires_action', 'pending')
        AND NOT NEW.is_on_session
    ) EXECUTE FUNCTION billing_refuse('what is known stays so, but for a question that was left');
"""
FORTH = MOVES % "'requires_action>unknown', 'pending>unknown', " + GUARD
BACK = "DROP TRIGGER attempt_known_stays_known ON billing_paymentattempt;" + MOVES % ""


class Migration(migrations.Migration):
    dependencies = [("billing", "0105_planned_starts")]
    operations = [migrations.RunSQL(FORTH, BACK)]
