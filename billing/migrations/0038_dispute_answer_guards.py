"""The database keeps an answer to a dispute as it was sent, and moves it only by its table."""

from django.db import migrations

GUARDS = """
CREATE FUNCTION billing_dispute_answer_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.id, NEW.dispute_id, NEW.round)
        IS DISTINCT FROM (OLD.id, OLD.dispute_id, OLD.round) THEN
        RAISE EXCEPTION 'an answer to a dispute stays' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state <> 'draft' AND (NEW.texts, NEW.kind, NEW.document)
        IS DISTINCT FROM (OLD.texts, OLD.kind, OLD.document) THEN
        RAISE EXCEPTION 'an answer that was sent stays as it is'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state <> OLD.state AND NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[
        'draft>dispatched', 'dispatched>unknown', 'dispatched>submitted', 'dispatched>draft',
        'unknown>submitted', 'unknown>draft'
    ]) THEN
        RAISE EXCEPTION 'an answer that is % cannot become %', OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER dispute_answer_stays BEFORE UPDATE OR DELETE ON billing_disputeanswer
    FOR EACH ROW EXECUTE FUNCTION billing_dispute_answer_stays();
"""
BACK = """
DROP TRIGGER dispute_answer_stays ON billing_disputeanswer;
DROP FUNCTION billing_dispute_answer_stays;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0037_dispute_answers")]
    operations = [migrations.RunSQL(GUARDS, BACK)]
