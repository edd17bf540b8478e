"""Those whose page a person has approved are found, to be told so."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0088_dated_changes")]
    operations = [
        migrations.AddIndex(
            model_name="paymentreview",
            index=models.Index(
                condition=models.Q(("is_on_page", True), ("state", "approved")),
                fields=["decided_at"],
                name="payment_review_let_on",
            ),
        )
    ]
