"""Usage in a trial is billed where the policy says so; a trial may change with the plan."""

from django.db import migrations, models

# The presets as they are in the domain: Lago bills usage in a trial.
PRESETS = """
ALTER TABLE subscriptions_billingpolicy DISABLE TRIGGER policy_stays;
UPDATE subscriptions_billingpolicy SET trial_usage = 'billed', changed_trial = 'new_plan'
    WHERE code = 'lago' AND number = 1;
ALTER TABLE subscriptions_billingpolicy ENABLE ALWAYS TRIGGER policy_stays;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('subscriptions', '0029_policy_included'),
    ]

    operations = [
        migrations.AddField(
            model_name='billingpolicy',
            name='trial_usage',
            field=models.CharField(choices=[('free', 'Free'), ('billed', 'Billed')], default='free', max_length=16),
        ),
        migrations.AddField(
            model_name='billingpolicy',
            name='changed_trial',
            field=models.CharField(choices=[('stays', 'Stays'), ('new_plan', 'New plan')], default='stays', max_length=16),
        ),
        migrations.AddField(
            model_name='subscription',
            name='bills_trial_usage',
            field=models.BooleanField(default=False, help_text='of a trial: only the fee is free, and usage is billed in periods'),
        ),
        migrations.RunSQL(PRESETS, migrations.RunSQL.noop),
    ]
