"""What was brought wrongly of another engine's bills is taken back, while it gave nothing back."""

from importlib import import_module

from django.db import migrations, models

BEFORE = import_module("billing.migrations.0093_opening_bills").AFTER
AFTER = BEFORE.replace(
    "        ELSE false\n    END LIMIT 1",
    """        WHEN 'elsewhere' THEN became.state = 'discarded' AND became.amount_credited = 0
            AND NOT EXISTS (
                SELECT FROM billing_unusedcredit used
                JOIN billing_invoiceline line ON line.id = used.invoice_line_id
                WHERE line.invoice_id = became.id AND used.counts)
        ELSE false
    END LIMIT 1""",
)


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0101_rests_held'),
        ('subscriptions', '0032_locks_of_meters'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='invoice',
            name='invoice_of_elsewhere_is_an_opening_bill',
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'opening'), ('state__in', ('draft', 'discarded', 'elsewhere')), models.Q(('reference', ''), _negated=True)), models.Q(models.Q(('kind', 'opening'), _negated=True), models.Q(('state', 'elsewhere'), _negated=True), ('reference', '')), _connector='OR'), name='invoice_of_elsewhere_is_an_opening_bill'),
        ),
        migrations.RunSQL(AFTER, BEFORE),
    ]
