"""Many invoices are compared with what they were by hashing, not each with each.

PostgreSQL keeps the plan of the guard's first look, which is of one row, and goes through all
of them for each of a thousand with it.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("billing", "0091_bank_return_fee")]
    operations = [
        migrations.RunSQL(
            "ALTER FUNCTION billing_invoice_changed() SET enable_nestloop = off",
            "ALTER FUNCTION billing_invoice_changed() RESET enable_nestloop",
        )
    ]
