"""Invoices that were written off are told of: where announcements look for them."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("billing", "0097_on_session")]
    operations = [
        migrations.RunSQL(
            "CREATE INDEX invoice_written_off_at ON billing_invoice (written_off_at) "
            "WHERE written_off_at IS NOT NULL",
            "DROP INDEX invoice_written_off_at",
        )
    ]
