"""The database moves orders, files and mandates of a bank by their tables alone.

The moves are those of billing.domain.bank_orders and mandates; a test tries every pair.
"""

from django.db import migrations

GUARDS = """
CREATE TRIGGER bank_order_moves BEFORE UPDATE OF state ON billing_bankorder
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION billing_state_moves(
        'bank order', 'planned>filed', 'planned>stopped', 'filed>accepted', 'filed>rejected',
        'filed>booked', 'accepted>rejected', 'accepted>booked', 'booked>returned'
    );
CREATE TRIGGER bank_file_moves BEFORE UPDATE OF state ON billing_bankfile
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION billing_state_moves(
        'bank file', 'written>sent', 'written>accepted', 'written>part', 'written>rejected',
        'sent>accepted', 'sent>part', 'sent>rejected'
    );
CREATE TRIGGER mandate_moves BEFORE UPDATE OF state ON billing_mandate
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION billing_state_moves(
        'mandate', 'active>revoked', 'active>expired', 'active>used', 'used>revoked'
    );
"""
BACK = """
DROP TRIGGER bank_order_moves ON billing_bankorder;
DROP TRIGGER bank_file_moves ON billing_bankfile;
DROP TRIGGER mandate_moves ON billing_mandate;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0093_opening_bills")]
    operations = [migrations.RunSQL(GUARDS, BACK)]
