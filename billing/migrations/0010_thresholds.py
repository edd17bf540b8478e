"""Usage that is billed early, and lines of minimums, set-up and usage billed before."""

import django.db.models.deletion
from django.db import migrations, models


GUARDS = """
CREATE TRIGGER crossing_stays BEFORE UPDATE OR DELETE ON billing_thresholdcrossing
    FOR EACH STATEMENT
    EXECUTE FUNCTION subscriptions_refuse('what was billed early stays');
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON billing_thresholdcrossing
    FOR EACH STATEMENT EXECUTE FUNCTION subscriptions_refuse('what was billed early stays');
ALTER TABLE billing_thresholdcrossing ENABLE ALWAYS TRIGGER crossing_stays;
ALTER TABLE billing_thresholdcrossing ENABLE ALWAYS TRIGGER never_emptied;
"""
UNDO = """
DROP TRIGGER crossing_stays ON billing_thresholdcrossing;
DROP TRIGGER never_emptied ON billing_thresholdcrossing;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0009_lifecycle'),
        ('subscriptions', '0012_usage_places'),
    ]

    operations = [
        migrations.AlterField(
            model_name='invoice',
            name='kind',
            field=models.CharField(choices=[('period', 'Period'), ('change', 'Change'), ('final', 'Final'), ('threshold', 'Usage threshold')], max_length=16),
        ),
        migrations.AlterField(
            model_name='invoiceline',
            name='kind',
            field=models.CharField(choices=[('recurring', 'Recurring'), ('usage', 'Usage'), ('proration_charge', 'Proration Charge'), ('proration_credit', 'Proration Credit'), ('true_up', 'Minimum'), ('setup', 'Set-up fee'), ('usage_credit', 'Usage billed before')], max_length=20),
        ),
        migrations.CreateModel(
            name='ThresholdCrossing',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('period_start', models.DateTimeField()),
                ('level', models.DecimalField(decimal_places=10, help_text="usage before tax, in the plan's currency", max_digits=22)),
                ('crossed_at', models.DateTimeField()),
                ('invoice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='crossings', to='billing.invoice')),
                ('subscription', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='threshold_crossings', to='subscriptions.subscription')),
            ],
            options={
                'ordering': ['subscription', 'period_start', 'level'],
                'constraints': [models.UniqueConstraint(fields=('subscription', 'period_start', 'level'), name='threshold_crossed_once'), models.CheckConstraint(condition=models.Q(('level__gt', 0)), name='threshold_level_is_above_zero')],
            },
        ),
        migrations.RunSQL(GUARDS, UNDO),
    ]
