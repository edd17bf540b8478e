"""Claims of refunds, captures and voids; what is claimed stays, and is of what nobody knows."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

GUARDS = """
CREATE FUNCTION billing_outcome_claim_in_time() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    since timestamptz;
    stands text;
BEGIN
    IF NEW.attempt_id IS NOT NULL THEN
        SELECT dispatched_at, state INTO since, stands
            FROM billing_paymentattempt WHERE id = NEW.attempt_id;
    ELSIF NEW.refund_id IS NOT NULL THEN
        SELECT requested_at, state INTO since, stands
            FROM billing_refund WHERE id = NEW.refund_id;
    ELSE
        SELECT requested_at, state INTO since, stands
            FROM billing_paymentoperation WHERE id = NEW.operation_id;
    END IF;
    IF NEW.state <> 'open' OR stands <> 'unknown'
        OR NEW.claimed_at < since + interval '24 hours' THEN
        RAISE EXCEPTION 'only what has not been known for a day can be claimed, and by one first'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER outcome_claim_in_time BEFORE INSERT ON billing_outcomeclaim
    FOR EACH ROW EXECUTE FUNCTION billing_outcome_claim_in_time();

CREATE TRIGGER outcome_claim_stays BEFORE UPDATE ON billing_outcomeclaim
    FOR EACH ROW WHEN (
        (OLD.attempt_id, OLD.refund_id, OLD.operation_id, OLD.verdict, OLD.reference, OLD.proof,
         OLD.reason, OLD.claimed_at, OLD.claimed_by_id)
        IS DISTINCT FROM
        (NEW.attempt_id, NEW.refund_id, NEW.operation_id, NEW.verdict, NEW.reference, NEW.proof,
         NEW.reason, NEW.claimed_at, NEW.claimed_by_id)
        OR (OLD.state <> 'open' AND (OLD.state, OLD.decided_at, OLD.decided_by_id)
            IS DISTINCT FROM (NEW.state, NEW.decided_at, NEW.decided_by_id))
        OR (OLD.contradicted_at IS NOT NULL
            AND OLD.contradicted_at IS DISTINCT FROM NEW.contradicted_at)
    ) EXECUTE FUNCTION billing_refuse('what was claimed, and decided, stays');
CREATE TRIGGER outcome_claim_is_kept BEFORE DELETE ON billing_outcomeclaim
    FOR EACH ROW EXECUTE FUNCTION billing_refuse('what was claimed is kept');
"""
BACK = """
DROP TRIGGER outcome_claim_is_kept ON billing_outcomeclaim;
DROP TRIGGER outcome_claim_stays ON billing_outcomeclaim;
DROP TRIGGER outcome_claim_in_time ON billing_outcomeclaim;
DROP FUNCTION billing_outcome_claim_in_time;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0084_parts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='outcomeclaim',
            name='outcome_claim_names_the_charge',
        ),
        migrations.AddField(
            model_name='outcomeclaim',
            name='contradicted_at',
            field=models.DateTimeField(blank=True, help_text='when the gateway first said otherwise, afterwards', null=True),
        ),
        migrations.AddField(
            model_name='outcomeclaim',
            name='operation',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='outcome_claims', to='billing.paymentoperation'),
        ),
        migrations.AddField(
            model_name='outcomeclaim',
            name='refund',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='outcome_claims', to='billing.refund'),
        ),
        migrations.AlterField(
            model_name='outcomeclaim',
            name='attempt',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='outcome_claims', to='billing.paymentattempt'),
        ),
        migrations.AlterField(
            model_name='outcomeclaim',
            name='reference',
            field=models.CharField(blank=True, help_text="the gateway's name for it, if it was executed", max_length=255),
        ),
        migrations.AlterField(
            model_name='outcomeclaim',
            name='verdict',
            field=models.CharField(choices=[('executed', 'It was executed'), ('not_executed', 'It was not executed')], max_length=16),
        ),
        migrations.AddConstraint(
            model_name='outcomeclaim',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('refund',), name='outcome_claim_one_open_refund'),
        ),
        migrations.AddConstraint(
            model_name='outcomeclaim',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('operation',), name='outcome_claim_one_open_operation'),
        ),
        migrations.AddConstraint(
            model_name='outcomeclaim',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('attempt__isnull', False), ('operation__isnull', True), ('refund__isnull', True)), models.Q(('attempt__isnull', True), ('operation__isnull', True), ('refund__isnull', False)), models.Q(('attempt__isnull', True), ('operation__isnull', False), ('refund__isnull', True)), _connector='OR'), name='outcome_claim_of_one_thing'),
        ),
        migrations.AddConstraint(
            model_name='outcomeclaim',
            constraint=models.CheckConstraint(condition=models.Q(('contradicted_at__isnull', True), ('state', 'agreed'), _connector='OR'), name='outcome_claim_contradicted_once_agreed'),
        ),
        migrations.AddConstraint(
            model_name='outcomeclaim',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('verdict', 'executed'), models.Q(('reference', ''), _negated=True)), models.Q(('operation__isnull', False), ('verdict', 'executed')), models.Q(('reference', ''), ('verdict', 'not_executed')), _connector='OR'), name='outcome_claim_names_the_charge'),
        ),
        migrations.RunSQL(GUARDS, BACK),
    ]
