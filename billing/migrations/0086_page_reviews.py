"""A review says whether the customer wants to pay on a page."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0085_claims_of_movements")]
    operations = [
        migrations.AddField(
            model_name="paymentreview",
            name="is_on_page",
            field=models.BooleanField(
                default=False,
                help_text="the customer wants to pay on a page: approving lets them",
            ),
        )
    ]
