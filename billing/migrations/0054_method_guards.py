"""The database writes down what becomes of stored methods, and lets a removed one stay removed."""

from django.db import migrations

GUARDS = """
CREATE FUNCTION billing_method_told(method billing_paymentmethod) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('brand', method.brand, 'last4', method.last4,
        'expires_on', method.expires_on, 'country', method.country)
$$;
CREATE FUNCTION billing_method_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO billing_methodevent (method_id, event, before, after)
            VALUES (NEW.id, 'stored', '{}', billing_method_told(NEW));
        RETURN NULL;
    END IF;
    IF OLD.state = 'removed' AND NEW.state <> 'removed' THEN
        RAISE EXCEPTION 'a method that was removed stays so' USING ERRCODE = 'restrict_violation';
    END IF;
    IF billing_method_told(OLD) <> billing_method_told(NEW) THEN
        INSERT INTO billing_methodevent (method_id, event, before, after)
            VALUES (NEW.id, 'replaced', billing_method_told(OLD), billing_method_told(NEW));
    END IF;
    IF OLD.is_default <> NEW.is_default THEN
        INSERT INTO billing_methodevent (method_id, event, before, after) VALUES (NEW.id,
            CASE WHEN NEW.is_default THEN 'default_set' ELSE 'default_unset' END, '{}', '{}');
    END IF;
    IF OLD.state <> NEW.state THEN
        INSERT INTO billing_methodevent (method_id, event, before, after)
            VALUES (NEW.id, NEW.state, '{}', '{}');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER method_moved AFTER INSERT OR UPDATE ON billing_paymentmethod
    FOR EACH ROW EXECUTE FUNCTION billing_method_moved();
CREATE TRIGGER method_event_stays BEFORE UPDATE OR DELETE ON billing_methodevent
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse('what became of a method stays');
"""
BACK = """
DROP TRIGGER method_event_stays ON billing_methodevent;
DROP TRIGGER method_moved ON billing_paymentmethod;
DROP FUNCTION billing_method_moved, billing_method_told;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", '0053_exemption_seed')]
    operations = [migrations.RunSQL(GUARDS, BACK)]
