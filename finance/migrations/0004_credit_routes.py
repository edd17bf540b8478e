"""What a customer's credit balance may post."""

from django.db import migrations

KINDS = ("credit_granted", "credit_withdrawn", "credit_applied", "credit_returned")


def seed(apps, schema_editor):
    from finance.domain.routes import all_routes

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
    dependencies = [("finance", "0003_chart")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
