"""What may be posted about the fees of captures."""

from django.db import migrations

from finance.domain.routes import all_routes


def seed(apps, schema_editor):
    route = apps.get_model("finance", "PostingRoute")
    route.objects.bulk_create(
        [
            route(kind=kind, account_type=type_.value, side=side)
            for kind, type_, side in all_routes()
            if kind.startswith("capture_fee_charged")
        ],
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):
    dependencies = [("finance", "0015_fees_given_back")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
