"""Policies, and what counted when, are never changed."""

from django.db import migrations

GUARDS = """
CREATE TRIGGER policy_stays BEFORE UPDATE OR DELETE ON subscriptions_billingpolicy
    FOR EACH STATEMENT
    EXECUTE FUNCTION subscriptions_refuse('a policy is never changed: publish a new one');
CREATE TRIGGER policy_rule_stays BEFORE UPDATE OR DELETE ON subscriptions_policyrule
    FOR EACH STATEMENT
    EXECUTE FUNCTION subscriptions_refuse('what counted stays: add a newer rule');
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON subscriptions_billingpolicy
    FOR EACH STATEMENT EXECUTE FUNCTION subscriptions_refuse('it is kept');
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON subscriptions_policyrule
    FOR EACH STATEMENT EXECUTE FUNCTION subscriptions_refuse('it is kept');
ALTER TABLE subscriptions_billingpolicy ENABLE ALWAYS TRIGGER policy_stays;
ALTER TABLE subscriptions_billingpolicy ENABLE ALWAYS TRIGGER never_emptied;
ALTER TABLE subscriptions_policyrule ENABLE ALWAYS TRIGGER policy_rule_stays;
ALTER TABLE subscriptions_policyrule ENABLE ALWAYS TRIGGER never_emptied;
"""
UNDO = """
DROP TRIGGER policy_stays ON subscriptions_billingpolicy;
DROP TRIGGER never_emptied ON subscriptions_billingpolicy;
DROP TRIGGER policy_rule_stays ON subscriptions_policyrule;
DROP TRIGGER never_emptied ON subscriptions_policyrule;
"""


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0007_policies")]
    operations = [migrations.RunSQL(GUARDS, UNDO)]
