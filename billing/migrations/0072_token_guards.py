"""The database writes down which gateways hold a method, and keeps one name to one method.

A token stays with its method and gateway, and under its name as long as it is in use, since a
payment on its way is sent again as it was.
"""

from django.db import migrations

GUARDS = """
CREATE FUNCTION billing_token_checked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.method_id <> OLD.method_id OR NEW.gateway <> OLD.gateway
            OR (OLD.state = 'active' AND NEW.gateway_reference <> OLD.gateway_reference) THEN
            RAISE EXCEPTION 'a token in use stays as it is' USING ERRCODE = 'restrict_violation';
        END IF;
    END IF;
    IF EXISTS (SELECT FROM billing_paymentmethod m WHERE m.gateway = NEW.gateway
            AND (m.id = NEW.method_id OR m.gateway_reference = NEW.gateway_reference)) THEN
        RAISE EXCEPTION 'the gateway holds this as a method of its own'
            USING ERRCODE = 'unique_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION billing_token_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR OLD.state <> NEW.state THEN
        INSERT INTO billing_methodevent (method_id, event, before, after) VALUES (NEW.method_id,
            CASE WHEN NEW.state = 'active' THEN 'held' ELSE 'let_go' END,
            '{}', jsonb_build_object('gateway', NEW.gateway));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER token_checked BEFORE INSERT OR UPDATE ON billing_instrumenttoken
    FOR EACH ROW EXECUTE FUNCTION billing_token_checked();
CREATE TRIGGER token_moved AFTER INSERT OR UPDATE ON billing_instrumenttoken
    FOR EACH ROW EXECUTE FUNCTION billing_token_moved();
"""
BACK = """
DROP TRIGGER token_moved ON billing_instrumenttoken;
DROP TRIGGER token_checked ON billing_instrumenttoken;
DROP FUNCTION billing_token_moved, billing_token_checked;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0071_token_states")]
    operations = [migrations.RunSQL(GUARDS, BACK)]
