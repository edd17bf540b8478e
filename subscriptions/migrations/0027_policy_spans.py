"""Where periods are counted from after a pause, and which usage thresholds count, by policy."""

from django.db import migrations, models

# The presets as they are in the domain.
PRESETS = """
ALTER TABLE subscriptions_billingpolicy DISABLE TRIGGER policy_stays;
UPDATE subscriptions_billingpolicy SET resume_anchor = 'billing_day'
    WHERE code = 'killbill' AND number = 1;
UPDATE subscriptions_billingpolicy SET threshold_span = 'subscription'
    WHERE code = 'lago' AND number = 1;
ALTER TABLE subscriptions_billingpolicy ENABLE ALWAYS TRIGGER policy_stays;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('subscriptions', '0026_offers'),
    ]

    operations = [
        migrations.AddField(
            model_name='billingpolicy',
            name='resume_anchor',
            field=models.CharField(choices=[('anniversary', 'Anniversary'), ('billing_day', 'Billing day'), ('change_day', 'Change day')], default='anniversary', max_length=16),
        ),
        migrations.AddField(
            model_name='billingpolicy',
            name='threshold_span',
            field=models.CharField(choices=[('period', 'Period'), ('subscription', 'Subscription')], default='period', max_length=16),
        ),
        migrations.RunSQL(PRESETS, migrations.RunSQL.noop),
    ]
