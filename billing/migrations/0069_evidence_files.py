"""Documents of an answer that a gateway holds, and from where customers pay."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0068_creditor_id")]
    operations = [
        migrations.AddField(
            model_name="disputeanswer",
            name="files",
            field=models.JSONField(
                default=dict, help_text="documents that the gateway holds, by name"
            ),
        ),
        migrations.AddField(
            model_name="paymentattempt",
            name="customer_address",
            field=models.GenericIPAddressField(
                blank=True, help_text="from where the customer paid on a page", null=True
            ),
        ),
    ]
