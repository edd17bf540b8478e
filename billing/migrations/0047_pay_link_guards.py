"""A link to pay by stays as it was made; it is used once and revoked once."""

from django.db import migrations

GUARDS = """
CREATE TRIGGER pay_link_stays BEFORE UPDATE ON billing_paylink
    FOR EACH ROW WHEN (
        (to_jsonb(NEW) - '{used_at,revoked_at,revoked_by}'::text[])
            <> (to_jsonb(OLD) - '{used_at,revoked_at,revoked_by}'::text[])
        OR (OLD.used_at IS NOT NULL AND NEW.used_at IS DISTINCT FROM OLD.used_at)
        OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at))
    EXECUTE FUNCTION billing_refuse('a link stays: it is used once and revoked once');
CREATE TRIGGER pay_link_is_kept BEFORE DELETE OR TRUNCATE ON billing_paylink
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse('who could pay by a link is kept');
ALTER TABLE billing_paylink ENABLE ALWAYS TRIGGER pay_link_stays;
ALTER TABLE billing_paylink ENABLE ALWAYS TRIGGER pay_link_is_kept;
"""
UNDO = """
DROP TRIGGER pay_link_stays ON billing_paylink;
DROP TRIGGER pay_link_is_kept ON billing_paylink;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0046_pay_links")]
    operations = [migrations.RunSQL(GUARDS, UNDO)]
