"""A version on trial stays as it is; it ends, or is put in force."""

from django.db import migrations

GUARD = """
CREATE OR REPLACE FUNCTION billing_policy_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    may_move text[] := CASE OLD.state WHEN 'trial' THEN ARRAY['state', 'activated_at', 'activated_by_id']
                                      ELSE ARRAY['state'] END;
BEGIN
    IF OLD.state <> 'draft' AND (TG_OP = 'DELETE'
        OR (OLD.state, NEW.state) NOT IN (('active', 'retired'), ('trial', 'retired'), ('trial', 'active'))
        OR (to_jsonb(NEW) - may_move) <> (to_jsonb(OLD) - may_move)) THEN
        RAISE EXCEPTION 'routing policy % is in force or was: make a new version', OLD.version
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0022_trials")]
    operations = [migrations.RunSQL(GUARD, migrations.RunSQL.noop)]
