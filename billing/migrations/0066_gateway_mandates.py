"""Mandates that gateways keep; a debit that is taken back is owed again."""

from datetime import date

import django.db.models.deletion
import tiktoktoe.kernel.clock
from django.db import migrations, models


GUARDS = """
CREATE FUNCTION billing_gateway_mandate_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a mandate is kept' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (OLD.method_id, OLD.gateway, OLD.gateway_reference, OLD.consent)
        IS DISTINCT FROM (NEW.method_id, NEW.gateway, NEW.gateway_reference, NEW.consent)
        OR (OLD.accepted_at IS NOT NULL AND OLD.accepted_at IS DISTINCT FROM NEW.accepted_at)
        OR (OLD.reference <> '' AND OLD.reference <> NEW.reference) THEN
        RAISE EXCEPTION 'what was agreed to stays as it was'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state = 'ended' AND NEW.state <> 'ended' THEN
        RAISE EXCEPTION 'a mandate that has ended stays so' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER gateway_mandate_stays BEFORE UPDATE OR DELETE ON billing_gatewaymandate
    FOR EACH ROW EXECUTE FUNCTION billing_gateway_mandate_stays();
ALTER TABLE billing_gatewaymandate ENABLE ALWAYS TRIGGER gateway_mandate_stays;
"""
UNDO = """
DROP TRIGGER gateway_mandate_stays ON billing_gatewaymandate;
DROP FUNCTION billing_gateway_mandate_stays;
"""


def seed(apps, _schema_editor):
    """A debit that its bank takes back is owed again: nobody decides that it was not owed."""
    apps.get_model("billing", "DisputeRule").objects.get_or_create(
        reason_class="returned", valid_from=date(2020, 1, 1), defaults={"rule": "reopen"}
    )


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0065_price_move_days'),
    ]

    operations = [
        migrations.AlterField(
            model_name='paymentreturn',
            name='code',
            field=models.CharField(help_text='as the bank said it', max_length=64),
        ),
        migrations.CreateModel(
            name='GatewayMandate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('gateway', models.CharField(max_length=32)),
                ('gateway_reference', models.CharField(max_length=255)),
                ('reference', models.CharField(blank=True, help_text='on bank statements', max_length=255)),
                ('url', models.URLField(blank=True, help_text='where it can be read', max_length=1000)),
                ('state', models.CharField(choices=[('pending', 'Pending'), ('active', 'Active'), ('ended', 'Ended')], default='pending', max_length=16)),
                ('consent', models.TextField(blank=True, help_text="the words that were agreed to; empty: those of the gateway's page")),
                ('accepted_at', models.DateTimeField(blank=True, null=True)),
                ('accepted_from', models.CharField(blank=True, help_text='the address', max_length=64)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('asked_at', models.DateTimeField(blank=True, help_text='when the gateway was last asked about it', null=True)),
                ('created_at', models.DateTimeField(default=tiktoktoe.kernel.clock.now)),
                ('method', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='gateway_mandate', to='billing.paymentmethod')),
            ],
            options={
                'ordering': ['-created_at', '-pk'],
                'constraints': [models.UniqueConstraint(fields=('gateway', 'gateway_reference'), name='gateway_mandate_once'), models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', False), ('state', 'ended')), models.Q(models.Q(('state', 'ended'), _negated=True), ('ended_at__isnull', True)), _connector='OR'), name='gateway_mandate_ended_with_an_instant')],
            },
        ),
        migrations.RunSQL(GUARDS, UNDO),
        migrations.RunPython(seed, migrations.RunPython.noop),
    ]
