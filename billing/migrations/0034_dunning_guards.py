"""Campaigns stay as they were put in force, and what dunning did is kept.

Seeds the campaign of a company that has set nothing: no steps, retries by the decline's reason.
"""

from datetime import UTC, datetime

from django.db import migrations

GUARDS = """
CREATE FUNCTION billing_dunning_step_early() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM billing_dunningrule WHERE campaign_id = NEW.campaign_id)
       OR EXISTS (SELECT FROM billing_dunningrun WHERE campaign_id = NEW.campaign_id) THEN
        RAISE EXCEPTION 'a campaign in force gets no more steps: make a new version'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER dunning_campaign_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_dunningcampaign
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse('a campaign stays: make a new version');
CREATE TRIGGER dunning_step_early BEFORE INSERT ON billing_dunningstep
    FOR EACH ROW EXECUTE FUNCTION billing_dunning_step_early();
CREATE TRIGGER dunning_step_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_dunningstep
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse('a campaign stays: make a new version');
CREATE TRIGGER dunning_rule_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_dunningrule
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse('what counted stays: add a newer rule');
CREATE TRIGGER dunning_act_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_dunningact
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse('what dunning did stays');
CREATE TRIGGER dunning_event_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_dunningevent
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse('what was decided stays');
CREATE TRIGGER dunning_run_stays BEFORE UPDATE ON billing_dunningrun
    FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL
        OR NEW.campaign_id <> OLD.campaign_id OR NEW.invoice_id <> OLD.invoice_id
        OR NEW.customer_id <> OLD.customer_id OR NEW.past_due_from <> OLD.past_due_from
        OR NEW.opened_at <> OLD.opened_at)
    EXECUTE FUNCTION billing_refuse('a dunning run stays what it is, and ended once it has ended');
CREATE TRIGGER dunning_run_is_kept BEFORE DELETE OR TRUNCATE ON billing_dunningrun
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse('dunning runs are kept');
DO $$
DECLARE
    guard record;
BEGIN
    FOR guard IN SELECT tgrelid::regclass AS guarded, tgname FROM pg_trigger
                 WHERE tgname LIKE 'dunning%' AND NOT tgisinternal LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', guard.guarded, guard.tgname);
    END LOOP;
END $$;
"""
UNDO = """
DROP TRIGGER dunning_campaign_stays ON billing_dunningcampaign;
DROP TRIGGER dunning_step_early ON billing_dunningstep;
DROP TRIGGER dunning_step_stays ON billing_dunningstep;
DROP TRIGGER dunning_rule_stays ON billing_dunningrule;
DROP TRIGGER dunning_act_stays ON billing_dunningact;
DROP TRIGGER dunning_event_stays ON billing_dunningevent;
DROP TRIGGER dunning_run_stays ON billing_dunningrun;
DROP TRIGGER dunning_run_is_kept ON billing_dunningrun;
DROP FUNCTION billing_dunning_step_early();
"""


def seed(apps, _schema_editor):
    standard = apps.get_model("billing", "DunningCampaign").objects.create(
        code="standard", name="Retries by the reason of the decline"
    )
    apps.get_model("billing", "DunningRule").objects.create(
        campaign=standard, effective_from=datetime(2020, 1, 1, tzinfo=UTC)
    )


class Migration(migrations.Migration):
    dependencies = [("billing", "0033_dunning")]
    operations = [
        migrations.RunSQL(GUARDS, UNDO),
        migrations.RunPython(seed, migrations.RunPython.noop),
    ]
