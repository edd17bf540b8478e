"""What may be posted about fees that are below zero."""

from django.db import migrations

from finance.domain.routes import all_routes

KINDS = ("payment_captured", "processor_fee_charged", "foreign_fee_charged")


def seed(apps, schema_editor):
    route = apps.get_model("finance", "PostingRoute")
    route.objects.bulk_create(
        [
            route(kind=kind, account_type=type_.value, side=side)
            for kind, type_, side in all_routes()
            if kind.startswith(KINDS)
        ],
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):
    dependencies = [("finance", "0014_foreign_fees")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
