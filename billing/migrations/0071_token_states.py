from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0070_staff_digest")]
    operations = [
        migrations.AddField(
            model_name="instrumenttoken",
            name="state",
            field=models.CharField(
                choices=[("active", "Active"), ("removed", "Removed")],
                default="active",
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="methodevent",
            name="event",
            field=models.CharField(
                choices=[
                    ("stored", "Stored"),
                    ("replaced", "Replaced or renewed"),
                    ("default_set", "Made the default"),
                    ("default_unset", "No longer the default"),
                    ("removed", "Removed"),
                    ("held", "Held by a further gateway"),
                    ("let_go", "No longer held by a further gateway"),
                ],
                max_length=16,
            ),
        ),
    ]
