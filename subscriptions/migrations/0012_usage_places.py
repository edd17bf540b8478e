"""To how many places prorated usage is rounded up, by policy."""

from django.db import migrations, models

# The presets as they are in the domain: Lago rounds prorated usage up to five places.
LAGO_ROUNDS = """
ALTER TABLE subscriptions_billingpolicy DISABLE TRIGGER policy_stays;
UPDATE subscriptions_billingpolicy SET usage_places = 5 WHERE code = 'lago' AND number = 1;
ALTER TABLE subscriptions_billingpolicy ENABLE ALWAYS TRIGGER policy_stays;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('subscriptions', '0011_pricing'),
    ]

    operations = [
        migrations.AddField(
            model_name='billingpolicy',
            name='usage_places',
            field=models.PositiveSmallIntegerField(blank=True, help_text='places that a prorated quantity of usage is rounded up to; empty: none', null=True),
        ),
        migrations.RunSQL(LAGO_ROUNDS, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name='billingpolicy',
            constraint=models.CheckConstraint(condition=models.Q(('usage_places__isnull', True), ('usage_places__lte', 10), _connector='OR'), name='policy_usage_places_are_few'),
        ),
    ]
