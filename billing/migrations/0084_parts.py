"""A payment of a part keeps what had been planned for the rest."""

from django.db import migrations, models

RESTS = [
    ("", "None"),
    ("open", "Open"),
    ("requires_action", "Requires Action"),
    ("left", "Left"),
]


class Migration(migrations.Migration):
    dependencies = [("billing", "0083_wallet_cards")]
    operations = [
        migrations.AddField(
            model_name="payment",
            name="rest",
            field=models.CharField(
                blank=True,
                choices=RESTS,
                default="",
                help_text="of a part: how the rest is collected once it is paid",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="payment",
            name="rest_at",
            field=models.DateTimeField(blank=True, help_text="and when", null=True),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(("rest", "open"), ("rest_at__isnull", True), _connector="OR"),
                name="payment_rest_is_planned_where_open",
            ),
        ),
    ]
