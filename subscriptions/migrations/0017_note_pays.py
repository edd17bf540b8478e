"""What a credit note of unused time pays, by policy."""

from django.db import migrations, models

# The presets as they are in the domain: Lago's credit pays later invoices only.
LAGO_WAITS = """
ALTER TABLE subscriptions_billingpolicy DISABLE TRIGGER policy_stays;
UPDATE subscriptions_billingpolicy SET note_pays = 'later' WHERE code = 'lago' AND number = 1;
ALTER TABLE subscriptions_billingpolicy ENABLE ALWAYS TRIGGER policy_stays;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('subscriptions', '0016_usage_from'),
    ]

    operations = [
        migrations.AddField(
            model_name='billingpolicy',
            name='note_pays',
            field=models.CharField(choices=[('open', 'Open'), ('later', 'Later')], default='open', max_length=16),
        ),
        migrations.RunSQL(LAGO_WAITS, migrations.RunSQL.noop),
    ]
