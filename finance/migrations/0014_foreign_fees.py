"""What may be posted about fees that were told in another currency than their payment's."""

from django.db import migrations

from finance.domain.routes import all_routes


def seed(apps, schema_editor):
    route = apps.get_model("finance", "PostingRoute")
    route.objects.bulk_create(
        [
            route(kind=kind, account_type=type_.value, side=side)
            for kind, type_, side in all_routes()
            if kind.startswith("foreign_fee_charged")
        ],
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):
    dependencies = [("finance", "0013_dispute_exchange")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
