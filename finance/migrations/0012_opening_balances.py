"""Opening balances in the chart, and what may be posted about what moves in."""

from django.db import migrations

from finance.domain.chart import ACCOUNTS, OPENING_BALANCES
from finance.domain.routes import all_routes


def seed(apps, schema_editor):
    account = apps.get_model("finance", "Account")
    route = apps.get_model("finance", "PostingRoute")
    known = ACCOUNTS[OPENING_BALANCES]
    account.objects.bulk_create(
        [
            account(entity=entity, code=known.code, name=known.name, type=known.type.value)
            for entity in apps.get_model("finance", "Entity").objects.all()
        ],
        ignore_conflicts=True,
    )
    route.objects.bulk_create(
        [
            route(kind=kind, account_type=type_.value, side=side)
            for kind, type_, side in all_routes()
            if kind.startswith("moved_in_billed")
        ],
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):
    dependencies = [("finance", "0011_bank_charges")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
