"""What prepaid credits that are voided may post."""

from django.db import migrations


def seed(apps, schema_editor):
    from finance.domain.routes import all_routes

    route = apps.get_model("finance", "PostingRoute")
    route.objects.bulk_create(
        [
            route(kind=kind, account_type=type_.value, side=side)
            for kind, type_, side in all_routes()
            if kind == "prepaid_voided"
        ],
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):
    dependencies = [("finance", "0009_captures")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
