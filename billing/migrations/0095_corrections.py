"""What a gateway contradicts is corrected by two people; only so do settled states move again.

The moves are those of billing.domain.corrections; a test tries every pair.
"""

import django.db.models.deletion
import djmoney.models.fields
import subscriptions.models.money_fields
from django.conf import settings
from django.db import migrations, models


GUARDS = """
CREATE FUNCTION billing_correction_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> 'open' OR NEW.applied_in IS NOT NULL OR NOT EXISTS (
        SELECT FROM billing_paymentevent e WHERE e.id = NEW.contradiction_id
            AND e.event = 'gateway_contradicts' AND e.payment_id = NEW.payment_id
    ) OR NOT EXISTS (
        SELECT FROM billing_paymentattempt a
            WHERE a.id = NEW.attempt_id AND a.payment_id = NEW.payment_id
    ) THEN
        RAISE EXCEPTION 'only what a gateway contradicts is corrected, and by one person first'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER correction_begins BEFORE INSERT ON billing_outcomecorrection
    FOR EACH ROW EXECUTE FUNCTION billing_correction_begins();

CREATE FUNCTION billing_correction_decided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.applied_in := CASE WHEN NEW.state = 'done' THEN pg_current_xact_id()::text::bigint END;
    RETURN NEW;
END $$;
CREATE TRIGGER correction_decided BEFORE UPDATE ON billing_outcomecorrection
    FOR EACH ROW WHEN (OLD.state = 'open') EXECUTE FUNCTION billing_correction_decided();
CREATE TRIGGER correction_stays BEFORE UPDATE ON billing_outcomecorrection
    FOR EACH ROW WHEN (
        OLD.state <> 'open'
        OR (OLD.contradiction_id, OLD.payment_id, OLD.attempt_id, OLD.refund_id, OLD.operation_id,
            OLD.word, OLD.currency, OLD.amount, OLD.reference, OLD.note, OLD.proposed_at,
            OLD.proposed_by_id)
        IS DISTINCT FROM
           (NEW.contradiction_id, NEW.payment_id, NEW.attempt_id, NEW.refund_id, NEW.operation_id,
            NEW.word, NEW.currency, NEW.amount, NEW.reference, NEW.note, NEW.proposed_at,
            NEW.proposed_by_id)
    ) EXECUTE FUNCTION billing_refuse('what was corrected stays');
CREATE TRIGGER correction_is_kept BEFORE DELETE OR TRUNCATE ON billing_outcomecorrection
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse('a correction is kept');

CREATE FUNCTION billing_is_corrected(what text, row_id text, move text) RETURNS boolean
LANGUAGE sql AS $$
    SELECT (what || ' ' || move) = ANY (ARRAY[
            'payment failed>paid', 'payment canceled>paid', 'attempt not_sent>succeeded',
            'attempt declined>succeeded', 'attempt abandoned>succeeded',
            'attempt abandoned>authorized', 'refund failed>succeeded', 'operation failed>succeeded'
        ]) AND EXISTS (
            SELECT FROM billing_outcomecorrection c
            WHERE c.state = 'done' AND c.word <> 'seen_to'
                AND c.applied_in = pg_current_xact_id()::text::bigint
                AND row_id = CASE what
                    WHEN 'payment' THEN c.payment_id
                    WHEN 'attempt' THEN c.attempt_id
                    WHEN 'refund' THEN c.refund_id
                    ELSE c.operation_id
                END::text
        )
$$;
CREATE OR REPLACE FUNCTION billing_state_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT (OLD.state || '>' || NEW.state) = ANY (TG_ARGV) AND NOT billing_is_corrected(
        TG_ARGV[0], NEW.id::text, OLD.state || '>' || NEW.state
    ) THEN
        RAISE EXCEPTION '% that is % cannot become %', TG_ARGV[0], OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""
BACK = """
CREATE OR REPLACE FUNCTION billing_state_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT (OLD.state || '>' || NEW.state) = ANY (TG_ARGV) THEN
        RAISE EXCEPTION '% that is % cannot become %', TG_ARGV[0], OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
DROP FUNCTION billing_is_corrected;
DROP TRIGGER correction_is_kept ON billing_outcomecorrection;
DROP TRIGGER correction_stays ON billing_outcomecorrection;
DROP TRIGGER correction_decided ON billing_outcomecorrection;
DROP TRIGGER correction_begins ON billing_outcomecorrection;
DROP FUNCTION billing_correction_decided;
DROP FUNCTION billing_correction_begins;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0094_bank_moves'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='OutcomeCorrection',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('word', models.CharField(choices=[('executed', 'It was executed after all'), ('not_executed', 'It was not executed after all'), ('seen_to', 'It was seen to by hand')], max_length=16)),
                ('currency', models.CharField(max_length=3)),
                ('amount', djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=4, default=subscriptions.models.money_fields.nothing, help_text='what the gateway says; of a void, or by hand: 0', max_digits=19)),
                ('reference', models.CharField(blank=True, help_text="the gateway's name for it", max_length=255)),
                ('note', models.CharField(blank=True, help_text='what was done by hand', max_length=300)),
                ('state', models.CharField(choices=[('open', 'Open'), ('done', 'Done'), ('refused', 'Refused')], default='open', max_length=16)),
                ('proposed_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('applied_in', models.BigIntegerField(editable=False, help_text="the transaction that did it; the database's own", null=True)),
            ],
            options={
                'ordering': ['-proposed_at', '-id'],
            },
        ),
        migrations.AddIndex(
            model_name='paymentevent',
            index=models.Index(condition=models.Q(('event', 'gateway_contradicts')), fields=['at'], name='payment_event_contradicts'),
        ),
        migrations.AddField(
            model_name='outcomecorrection',
            name='attempt',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='corrections', to='billing.paymentattempt'),
        ),
        migrations.AddField(
            model_name='outcomecorrection',
            name='contradiction',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='corrections', to='billing.paymentevent'),
        ),
        migrations.AddField(
            model_name='outcomecorrection',
            name='decided_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='outcomecorrection',
            name='operation',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='corrections', to='billing.paymentoperation'),
        ),
        migrations.AddField(
            model_name='outcomecorrection',
            name='payment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='corrections', to='billing.payment'),
        ),
        migrations.AddField(
            model_name='outcomecorrection',
            name='proposed_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='outcomecorrection',
            name='refund',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='corrections', to='billing.refund'),
        ),
        migrations.AddConstraint(
            model_name='outcomecorrection',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'refused'), _negated=True), fields=('contradiction',), name='correction_once_per_contradiction'),
        ),
        migrations.AddConstraint(
            model_name='outcomecorrection',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'done'), models.Q(('word', 'seen_to'), _negated=True)), fields=('refund',), name='correction_once_per_refund'),
        ),
        migrations.AddConstraint(
            model_name='outcomecorrection',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'done'), models.Q(('word', 'seen_to'), _negated=True)), fields=('operation',), name='correction_once_per_operation'),
        ),
        migrations.AddConstraint(
            model_name='outcomecorrection',
            constraint=models.CheckConstraint(condition=models.Q(('refund__isnull', True), ('operation__isnull', True), _connector='OR'), name='correction_of_one_thing'),
        ),
        migrations.AddConstraint(
            model_name='outcomecorrection',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0), models.Q(models.Q(('word', 'seen_to'), _negated=True), models.Q(('note', ''), _negated=True), _connector='OR')), name='correction_says_what_was_done'),
        ),
        migrations.AddConstraint(
            model_name='outcomecorrection',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('decided_by__isnull', True), ('state', 'open')), models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), ('state', 'refused')), models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), ('state', 'done'), models.Q(('decided_by', models.F('proposed_by')), _negated=True)), _connector='OR'), name='correction_agreed_by_another'),
        ),
        migrations.RunSQL(GUARDS, BACK),
    ]
