"""A review lapses once its payment is over; reviews move by their table alone.

The moves are those of billing.domain.reviews; a test tries every pair.
"""

from django.db import migrations, models

GUARDS = """
CREATE TRIGGER review_moves BEFORE UPDATE OF state ON billing_paymentreview
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION billing_state_moves(
        'review', 'open>approved', 'open>refused', 'open>lapsed', 'approved>open', 'refused>open'
    );
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0089_approvals_told")]
    operations = [
        migrations.AlterField(
            model_name="paymentreview",
            name="state",
            field=models.CharField(
                choices=[
                    ("open", "Open"),
                    ("approved", "Approved"),
                    ("refused", "Refused"),
                    ("lapsed", "Lapsed"),
                ],
                default="open",
                max_length=16,
            ),
        ),
        migrations.RunSQL(GUARDS, "DROP TRIGGER review_moves ON billing_paymentreview;"),
    ]
