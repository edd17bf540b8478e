"""Anchors of payments' events, and bodies of gateways' events that are erased after a time."""

from django.db import migrations, models

GUARDS = """
-- An anchor follows the one before, seals what there is, and stays.
CREATE FUNCTION billing_anchor_follows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last billing_eventanchor;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('billing_eventanchor', 7));
    SELECT * INTO last FROM billing_eventanchor ORDER BY number DESC LIMIT 1;
    IF (NEW.number, NEW.after_event, NEW.previous_seal) IS DISTINCT FROM
        (coalesce(last.number, 0) + 1, coalesce(last.until_event, 0), coalesce(last.seal, '')) THEN
        RAISE EXCEPTION 'anchor % does not follow the one before', NEW.number
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER event_anchor_follows BEFORE INSERT ON billing_eventanchor
    FOR EACH ROW EXECUTE FUNCTION billing_anchor_follows();
CREATE TRIGGER event_anchor_stays BEFORE UPDATE OR DELETE ON billing_eventanchor
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse('an anchor stays as it was made');
CREATE TRIGGER event_anchor_kept BEFORE TRUNCATE ON billing_eventanchor
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse('an anchor stays as it was made');
ALTER TABLE billing_eventanchor ENABLE ALWAYS TRIGGER event_anchor_follows;
ALTER TABLE billing_eventanchor ENABLE ALWAYS TRIGGER event_anchor_stays;
ALTER TABLE billing_eventanchor ENABLE ALWAYS TRIGGER event_anchor_kept;

-- A body may be erased, once and for good; nobody can write another in its place.
CREATE FUNCTION billing_webhook_body() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.payload_digest := CASE WHEN NEW.payload = '' THEN ''
            ELSE encode(sha256(convert_to(NEW.payload, 'UTF8')), 'hex') END;
        RETURN NEW;
    END IF;
    IF NEW.payload_digest <> OLD.payload_digest
        OR (NEW.payload <> OLD.payload AND (NEW.payload <> '' OR NEW.redacted_at IS NULL))
        OR (OLD.redacted_at IS NOT NULL AND NEW.redacted_at IS DISTINCT FROM OLD.redacted_at) THEN
        RAISE EXCEPTION 'what a gateway has told is kept or erased, not changed'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
UPDATE billing_webhookevent
    SET payload_digest = encode(sha256(convert_to(payload, 'UTF8')), 'hex') WHERE payload <> '';
CREATE TRIGGER webhook_body_stays BEFORE INSERT OR UPDATE ON billing_webhookevent
    FOR EACH ROW EXECUTE FUNCTION billing_webhook_body();
"""
BACK = """
DROP TRIGGER webhook_body_stays ON billing_webhookevent;
DROP TRIGGER event_anchor_kept ON billing_eventanchor;
DROP TRIGGER event_anchor_stays ON billing_eventanchor;
DROP TRIGGER event_anchor_follows ON billing_eventanchor;
DROP FUNCTION billing_webhook_body, billing_anchor_follows;
"""


class Migration(migrations.Migration):

    dependencies = [
        ("billing", "0079_coupon_caps"),
    ]

    operations = [
        migrations.CreateModel(
            name='EventAnchor',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(unique=True)),
                ('after_event', models.BigIntegerField()),
                ('until_event', models.BigIntegerField()),
                ('events', models.PositiveIntegerField()),
                ('digest', models.CharField(max_length=64)),
                ('previous_seal', models.CharField(blank=True, max_length=64)),
                ('seal', models.CharField(max_length=64)),
                ('made_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['-number'],
            },
        ),
        migrations.AddField(
            model_name='webhookevent',
            name='payload_digest',
            field=models.CharField(blank=True, editable=False, max_length=64),
        ),
        migrations.AddField(
            model_name='webhookevent',
            name='redacted_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='webhookevent',
            name='payload',
            field=models.TextField(help_text='as it came, for a time; cut short when refused'),
        ),
        migrations.AddConstraint(
            model_name='webhookevent',
            constraint=models.CheckConstraint(condition=models.Q(('redacted_at', None), ('payload', ''), _connector='OR'), name='webhook_event_redacted_is_empty'),
        ),
        migrations.AddConstraint(
            model_name='eventanchor',
            constraint=models.CheckConstraint(condition=models.Q(('events__gt', 0), ('until_event__gt', models.F('after_event'))), name='event_anchor_seals_something'),
        ),
        migrations.RunSQL(GUARDS, BACK),
    ]
