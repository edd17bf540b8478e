"""Prepaid credits in the chart, and what may be posted about them."""

from django.db import migrations

from finance.domain.chart import ACCOUNTS, BREAKAGE_REVENUE, PREPAID_CREDIT
from finance.domain.routes import all_routes


def seed(apps, schema_editor):
    account = apps.get_model("finance", "Account")
    route = apps.get_model("finance", "PostingRoute")
    for entity in apps.get_model("finance", "Entity").objects.all():
        account.objects.bulk_create(
            [
                account(entity=entity, code=code, name=ACCOUNTS[code].name, type=ACCOUNTS[code].type.value)
                for code in (PREPAID_CREDIT, BREAKAGE_REVENUE)
            ],
            ignore_conflicts=True,
        )
    route.objects.bulk_create(
        [
            route(kind=kind, account_type=type_.value, side=side)
            for kind, type_, side in all_routes()
            if kind.startswith("prepaid_")
        ],
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):
    dependencies = [("finance", "0004_credit_routes")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
