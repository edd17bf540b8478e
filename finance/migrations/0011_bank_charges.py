"""Bank charges in the chart, and what may be posted about them."""

from django.db import migrations

from finance.domain.chart import ACCOUNTS, BANK_CHARGES
from finance.domain.routes import all_routes


def seed(apps, schema_editor):
    account = apps.get_model("finance", "Account")
    route = apps.get_model("finance", "PostingRoute")
    for entity in apps.get_model("finance", "Entity").objects.all():
        known = ACCOUNTS[BANK_CHARGES]
        account.objects.bulk_create(
            [account(entity=entity, code=BANK_CHARGES, name=known.name, type=known.type.value)],
            ignore_conflicts=True,
        )
    route.objects.bulk_create(
        [
            route(kind=kind, account_type=type_.value, side=side)
            for kind, type_, side in all_routes()
            if kind.startswith("bank_charged")
        ],
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):
    dependencies = [("finance", "0010_voided_prepaid")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
