"""What may be posted about the exchange in disputes."""

from django.db import migrations

from finance.domain.routes import all_routes


def seed(apps, schema_editor):
    route = apps.get_model("finance", "PostingRoute")
    route.objects.bulk_create(
        [
            route(kind=kind, account_type=type_.value, side=side)
            for kind, type_, side in all_routes()
            if kind.startswith("dispute_exchange")
        ],
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):
    dependencies = [("finance", "0012_opening_balances")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
