"""The books that a new company starts with: one entity, its chart, and the allowed routes."""

from django.conf import settings
from django.db import migrations

from finance.domain.chart import CHART
from finance.domain.routes import all_routes


def seed(apps, schema_editor):
    entity = apps.get_model("finance", "Entity")
    account = apps.get_model("finance", "Account")
    route = apps.get_model("finance", "PostingRoute")
    books, _ = entity.objects.get_or_create(
        id=1,
        defaults={"name": "Main company", "functional_currency": settings.DEFAULT_CURRENCY},
    )
    account.objects.bulk_create(
        [account(entity=books, code=a.code, name=a.name, type=a.type.value) for a in CHART],
        ignore_conflicts=True,
    )
    route.objects.bulk_create(
        [route(kind=k, account_type=t.value, side=s) for k, t, s in all_routes()],
        ignore_conflicts=True,
    )
    schema_editor.execute(
        "SELECT setval(pg_get_serial_sequence('finance_entity', 'id'), max(id)) FROM finance_entity"
    )


class Migration(migrations.Migration):
    dependencies = [("finance", "0002_ledger")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
