"""A mandate says who debits, so that each debit can be told with it before it is due."""

from django.conf import settings
from django.db import migrations, models

GUARD = """
CREATE TRIGGER mandate_creditor_stays BEFORE UPDATE ON billing_mandate FOR EACH ROW
    WHEN (OLD.creditor_id <> '' AND OLD.creditor_id IS DISTINCT FROM NEW.creditor_id)
    EXECUTE FUNCTION billing_refuse('a mandate is as it was signed; a new one is given instead');
"""


def fill(apps, _schema_editor):
    """Of mandates that were given before: the identifier that their bank is told."""
    mandates = apps.get_model("billing", "Mandate").objects
    for name, terms in getattr(settings, "GATEWAYS", {}).items():
        known = terms.get("creditor_id") or terms.get("company_id") or ""
        if known:
            mandates.filter(gateway=name, creditor_id="").update(creditor_id=known)


class Migration(migrations.Migration):
    dependencies = [("billing", "0067_review_holds")]
    operations = [
        migrations.AddField(
            model_name="mandate",
            name="creditor_id",
            field=models.CharField(
                default="", help_text="who debits, as banks know us", max_length=35
            ),
            preserve_default=False,
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunSQL(GUARD, "DROP TRIGGER mandate_creditor_stays ON billing_mandate"),
    ]
