"""What the law lets customers off: low values, with their counters."""

from datetime import date

from django.db import migrations

SOURCE = "Delegated Regulation (EU) 2018/389, art. 16, in force since 2019-09-14"


def seed(apps, schema_editor):
    apps.get_model("billing", "ExemptionRule").objects.get_or_create(
        exemption="low_value",
        gateway="",
        currency="EUR",
        valid_from=date(2019, 9, 14),
        defaults={
            "maximum": 30,
            "total_maximum": 100,
            "count_maximum": 5,
            "source": SOURCE,
        },
    )


class Migration(migrations.Migration):
    dependencies = [("billing", '0052_authentication_and_methods')]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
