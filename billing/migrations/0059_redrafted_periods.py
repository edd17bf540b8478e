"""A discarded draft's period can be billed again, once."""

import django.db.models.deletion
from django.db import migrations, models

# On which plan and quantity the subscription was there: what its phase then says.
FILL = """
UPDATE billing_draftboundary boundary SET (plan_version_id, quantity) = (
    SELECT phase.plan_version_id, phase.quantity FROM subscriptions_subscriptionphase phase
    WHERE phase.subscription_id = boundary.subscription_id
    ORDER BY phase.starts_at <= boundary.at DESC, abs(extract(epoch FROM boundary.at - phase.starts_at))
    LIMIT 1
)
"""
GUARDS = """
DROP TRIGGER draft_boundary_stays ON billing_draftboundary;
CREATE TRIGGER draft_boundary_stays BEFORE UPDATE ON billing_draftboundary FOR EACH ROW
    WHEN ((OLD.id, OLD.invoice_id, OLD.subscription_id, OLD.at, OLD.closed_from, OLD.coming_until,
           OLD.is_last, OLD.closed_anchor_on, OLD.closed_interval, OLD.closed_interval_count,
           OLD.anchor_on, OLD.plan_version_id, OLD.quantity, OLD.again_of_id)
        IS DISTINCT FROM (NEW.id, NEW.invoice_id, NEW.subscription_id, NEW.at, NEW.closed_from,
           NEW.coming_until, NEW.is_last, NEW.closed_anchor_on, NEW.closed_interval,
           NEW.closed_interval_count, NEW.anchor_on, NEW.plan_version_id, NEW.quantity,
           NEW.again_of_id))
    EXECUTE FUNCTION billing_draft_boundary_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0058_refreshed_drafts"), ("subscriptions", "0026_offers")]
    operations = [
        migrations.AddField(
            model_name="draftboundary",
            name="plan_version",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="subscriptions.planversion",
            ),
        ),
        migrations.AddField(
            model_name="draftboundary",
            name="quantity",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        # Django checks constraints at the end of a transaction, and alters no table before.
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="draftboundary",
            name="plan_version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="subscriptions.planversion",
            ),
        ),
        migrations.AlterField(
            model_name="draftboundary", name="quantity", field=models.PositiveIntegerField()
        ),
        migrations.AddField(
            model_name="draftboundary",
            name="again_of",
            field=models.OneToOneField(
                help_text="the same boundary, on a draft that was discarded",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="again",
                to="billing.draftboundary",
            ),
        ),
        migrations.AlterField(
            model_name="invoiceevent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("charged", "Written by hand"),
                    ("held", "Held for review"),
                    ("line_added", "Line added"),
                    ("line_removed", "Line removed"),
                    ("refreshed", "Worked out again"),
                    ("discarded", "Discarded"),
                    ("billed_again", "Its period is billed again"),
                    ("again", "Drafted again"),
                    ("replaced", "Replaced by another"),
                    ("replaces", "Replaces another"),
                ],
                max_length=16,
            ),
        ),
        migrations.RunSQL(GUARDS, migrations.RunSQL.noop),
    ]
