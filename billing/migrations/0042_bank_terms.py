"""What a bank costs, until its own prices are entered, and what announcements look for."""

from datetime import date

from django.db import migrations

INDEXES = """
CREATE INDEX bank_order_announced ON billing_bankorder (created_at);
CREATE INDEX payment_return_announced ON billing_paymentreturn (returned_at);
"""
UNDO = "DROP INDEX bank_order_announced; DROP INDEX payment_return_announced;"
SOURCE = (
    "0.20 a booking: price list of Stadtsparkasse Magdeburg of 2017, read in 2026; 3.00 a return is "
    "assumed; 15 days are the notice and the bank's day: your bank's own terms belong here"
)


def seed(apps, _schema_editor):
    apps.get_model("billing", "ProcessorFeeRule").objects.get_or_create(
        gateway="bank",
        kind="bank_debit",
        currency="EUR",
        valid_from=date(2020, 1, 1),
        defaults={
            "fixed_amount": "0.20",
            "return_fee": "3.00",
            "settle_days": 15,
            "source": SOURCE,
            "source_url": "https://expydoc.com/doc/11568092/preis--und-leistungsverzeichnis",
        },
    )


class Migration(migrations.Migration):
    dependencies = [("billing", "0041_credit_terms")]
    operations = [
        migrations.RunSQL(INDEXES, UNDO),
        migrations.RunPython(seed, migrations.RunPython.noop),
    ]
