"""A customer keeps its clock, and a clock only goes forward."""

from django.db import migrations

GUARDS = """
CREATE TRIGGER customer_clock_stays BEFORE UPDATE ON subscriptions_customer
    FOR EACH ROW WHEN (NEW.clock_id IS DISTINCT FROM OLD.clock_id)
    EXECUTE FUNCTION subscriptions_refuse('a customer keeps the clock that it was made with');
CREATE TRIGGER clock_goes_forward BEFORE UPDATE ON subscriptions_customerclock
    FOR EACH ROW WHEN (NEW.at < OLD.at)
    EXECUTE FUNCTION subscriptions_refuse('a test clock only goes forward');
ALTER TABLE subscriptions_customer ENABLE ALWAYS TRIGGER customer_clock_stays;
ALTER TABLE subscriptions_customerclock ENABLE ALWAYS TRIGGER clock_goes_forward;
"""
UNDO = """
DROP TRIGGER customer_clock_stays ON subscriptions_customer;
DROP TRIGGER clock_goes_forward ON subscriptions_customerclock;
"""


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0014_customer_clocks")]
    operations = [migrations.RunSQL(GUARDS, UNDO)]
