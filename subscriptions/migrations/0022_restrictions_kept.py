"""A restriction of service stays as it was made; only its end is added, once."""

from django.db import migrations

GUARDS = """
CREATE TRIGGER restriction_stays BEFORE UPDATE ON subscriptions_servicerestriction
    FOR EACH ROW WHEN (OLD.ends_at IS NOT NULL
                       OR (to_jsonb(NEW) - 'ends_at') <> (to_jsonb(OLD) - 'ends_at'))
    EXECUTE FUNCTION subscriptions_refuse('a restriction stays: only its end is added');
CREATE TRIGGER restriction_is_kept BEFORE DELETE OR TRUNCATE ON subscriptions_servicerestriction
    FOR EACH STATEMENT EXECUTE FUNCTION subscriptions_refuse('restrictions are kept');
ALTER TABLE subscriptions_servicerestriction ENABLE ALWAYS TRIGGER restriction_stays;
ALTER TABLE subscriptions_servicerestriction ENABLE ALWAYS TRIGGER restriction_is_kept;
"""
UNDO = """
DROP TRIGGER restriction_stays ON subscriptions_servicerestriction;
DROP TRIGGER restriction_is_kept ON subscriptions_servicerestriction;
"""


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0021_restrictions")]
    operations = [migrations.RunSQL(GUARDS, UNDO)]
