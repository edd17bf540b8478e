"""What another engine billed for the period that a subscription moves in with."""

from importlib import import_module

from django.db import migrations, models

# As in 0056 and 0092, and a draft may become what was billed elsewhere, for good; its number
# there stays.
BEFORE = import_module("billing.migrations.0056_draft_reviews").GUARDS.partition("END $$;")[0]
BEFORE += "END $$;\nALTER FUNCTION billing_invoice_changed() SET enable_nestloop = off;"
AFTER = (
    BEFORE.replace("IN ('open', 'discarded')", "IN ('open', 'discarded', 'elsewhere')")
    .replace("became.finalized_at, became.due_at", "became.finalized_at, became.due_at, became.reference")
    .replace("was.finalized_at, was.due_at", "was.finalized_at, was.due_at, was.reference")
)


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0092_invoices_changed_at_once'),
        ('subscriptions', '0031_meter_billed_once'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='invoice',
            name='invoice_numbered_once_finalized',
        ),
        migrations.AddField(
            model_name='invoice',
            name='reference',
            field=models.CharField(blank=True, db_default='', default='', help_text='its number where it was issued, of one that was billed elsewhere', max_length=64),
        ),
        migrations.AlterField(
            model_name='invoice',
            name='kind',
            field=models.CharField(choices=[('period', 'Period'), ('change', 'Change'), ('final', 'Final'), ('threshold', 'Usage threshold'), ('top_up', 'Prepaid credits'), ('ahead', 'Usage as it came'), ('one_off', 'One-off charges'), ('opening', 'Billed before moving in')], max_length=16),
        ),
        migrations.AlterField(
            model_name='invoice',
            name='state',
            field=models.CharField(choices=[('draft', 'Draft'), ('open', 'Open'), ('paid', 'Paid'), ('uncollectible', 'Uncollectible'), ('void', 'Void'), ('discarded', 'Discarded'), ('elsewhere', 'Billed elsewhere')], default='draft', max_length=16),
        ),
        migrations.AlterField(
            model_name='invoiceevent',
            name='kind',
            field=models.CharField(choices=[('charged', 'Written by hand'), ('held', 'Held for review'), ('joined', 'First bill put on it'), ('line_added', 'Line added'), ('line_removed', 'Line removed'), ('refreshed', 'Worked out again'), ('discarded', 'Discarded'), ('billed_again', 'Its period is billed again'), ('again', 'Drafted again'), ('replaced', 'Replaced by another'), ('moved_in', 'Moved in'), ('replaces', 'Replaces another')], max_length=16),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('finalized_at__isnull', True), ('number__isnull', True), ('state__in', ('draft', 'discarded', 'elsewhere'))), models.Q(models.Q(('state__in', ('draft', 'discarded', 'elsewhere')), _negated=True), ('finalized_at__isnull', False), ('number__isnull', False)), _connector='OR'), name='invoice_numbered_once_finalized'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'opening'), ('state__in', ['draft', 'elsewhere']), models.Q(('reference', ''), _negated=True)), models.Q(models.Q(('kind', 'opening'), _negated=True), models.Q(('state', 'elsewhere'), _negated=True), ('reference', '')), _connector='OR'), name='invoice_of_elsewhere_is_an_opening_bill'),
        ),
        migrations.RunSQL(AFTER, BEFORE),
    ]
