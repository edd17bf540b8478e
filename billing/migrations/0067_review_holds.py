"""A review says whether money was only to be held."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0066_gateway_mandates")]
    operations = [
        migrations.AddField(
            model_name="paymentreview",
            name="is_hold",
            field=models.BooleanField(
                default=False,
                help_text="money was only to be held: approving charges nothing by itself",
            ),
        )
    ]
