"""Whether what a usage price includes shrinks with a part of a period, by policy."""

from django.db import migrations, models

# The presets as they are in the domain: only ours prorates it.
PRESETS = """
ALTER TABLE subscriptions_billingpolicy DISABLE TRIGGER policy_stays;
UPDATE subscriptions_billingpolicy SET prorates_included = false
    WHERE code IN ('lago', 'killbill', 'stripe') AND number = 1;
ALTER TABLE subscriptions_billingpolicy ENABLE ALWAYS TRIGGER policy_stays;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('subscriptions', '0028_add_on_usage'),
    ]

    operations = [
        migrations.AddField(
            model_name='billingpolicy',
            name='prorates_included',
            field=models.BooleanField(default=True),
        ),
        migrations.RunSQL(PRESETS, migrations.RunSQL.noop),
    ]
