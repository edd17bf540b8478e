"""Fills a fresh database as an older state of the code left one, and brings it up to date.

Run as a program on the database of DATABASE_URL; prints what was there before, and after, and
what a billing run makes of it then. `world_0028.sql` was written by the services of commit
4930a87 (pg_dump of its tables): customers, subscriptions, usage, invoices of every state, a
payment, a refund, credit notes, coupons, wallets, a change of plan, and the books. Half way up,
`world_0058.py` adds what came later.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django

from tests.web.management import world_0058

THEN = [
    ("accounts", "0002_throttle"),
    ("analytics", "0001_initial"),
    ("subscriptions", "0018_tax_category"),
    ("billing", "0028_numbering_guards"),
    ("finance", "0005_prepaid"),
]
LATER = [("billing", "0058_refreshed_drafts")]
OURS = {"accounts", "analytics", "subscriptions", "billing", "finance"}
WORLD = Path(__file__).with_name("world_0028.sql")
TABLES = [
    "subscriptions_customer",
    "subscriptions_plan",
    "subscriptions_planversion",
    "subscriptions_price",
    "subscriptions_subscription",
    "subscriptions_subscriptionphase",
    "subscriptions_subscriptiontransition",
    "subscriptions_usageevent",
    "subscriptions_usagedelta",
    "subscriptions_usageclosing",
    "billing_invoice",
    "billing_invoiceline",
    "billing_payment",
    "billing_paymentattempt",
    "billing_refund",
    "billing_creditnote",
    "billing_creditnoteline",
    "billing_creditbalance",
    "billing_creditentry",
    "billing_coupon",
    "billing_couponredemption",
    "billing_couponuse",
    "billing_wallet",
    "billing_prepaidcredit",
    "billing_prepaidentry",
    "billing_topup",
    "billing_unusedcredit",
    "billing_planchange",
    "finance_journalentry",
    "finance_posting",
]
FEB_15 = datetime(2026, 2, 15, tzinfo=UTC)
COLUMNS = """
SELECT column_name FROM information_schema.columns
WHERE table_name = %s AND data_type IN ('numeric', 'bigint', 'integer', 'smallint')
ORDER BY column_name
"""
TRIGGERS = """
SELECT tgrelid::regclass::text, tgname FROM pg_trigger
WHERE NOT tgisinternal AND tgenabled = 'A' AND tgparentid = 0
"""


def main() -> None:
    """Build, fill, upgrade, and tell."""
    from django.conf import settings
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    from tiktoktoe.web.management.narrow_rendering import narrow_rendering

    settings.GATEWAYS = {**settings.GATEWAYS, "bank": {"creditor_id": world_0058.CREDITOR}}
    with narrow_rendering(), connection.cursor() as cursor:
        MigrationExecutor(connection).migrate(THEN)
        fill(cursor)
        before = sums(cursor, TABLES)
        MigrationExecutor(connection).migrate(LATER)
        world_0058.add_rows(cursor)
        before |= sums(cursor, world_0058.TABLES)
        executor = MigrationExecutor(connection)
        leaves = executor.loader.graph.leaf_nodes()
        # Packages' own tables are empty here, and cost as much as all of ours.
        executor.migrate([leaf for leaf in leaves if leaf[0] in OURS])
        after = sums(cursor, TABLES + world_0058.TABLES)
        done = world_0058.completed(cursor)
    print(json.dumps({"before": before, "after": after, "done": done, "then": go_on()}))


def fill(cursor: Any) -> None:
    """Copy the rows in as they were: what they made happen has happened."""
    cursor.execute("SELECT subscriptions_ensure_usage_partition('2026-01-15')")
    cursor.execute(TRIGGERS)
    always = cursor.fetchall()
    tables = sorted({table for table, _ in always} | set(TABLES))
    for table in tables:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    cursor.execute(f"SET session_replication_role = replica; {WORLD.read_text(encoding='utf-8')}")
    cursor.execute("SET session_replication_role = origin")
    for table in tables:
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
    for table, trigger in always:
        cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")


def sums(cursor: Any, tables: list[str]) -> dict[str, dict[str, str]]:
    """How many rows each table has, and what each of its numbers adds up to."""
    found: dict[str, dict[str, str]] = {}
    for table in tables:
        cursor.execute(COLUMNS, [table])
        columns = [name for (name,) in cursor.fetchall()]
        wanted = ", ".join(f"coalesce(sum({name}::numeric), 0)::text" for name in columns)
        cursor.execute(f"SELECT count(*)::text, {wanted} FROM {table}")
        count, *totals = cursor.fetchone()
        found[table] = {"rows": count, **dict(zip(columns, totals, strict=True))}
    return found


def go_on() -> dict[str, str]:
    """Bill and post with the code of today."""
    from django.db.models import Sum

    from billing.models import Invoice
    from billing.services.invoices.renewal import run_billing
    from finance.models import Posting
    from finance.queries import unposted_count
    from finance.services.posting import post_documents

    march = datetime(2026, 3, 1, 12, tzinfo=UTC)
    run = run_billing(at=march)
    post_documents(at=march)
    balance = Posting.objects.aggregate(sum=Sum("amount_minor"))["sum"]
    return {
        "failures": str(run.failure_count),
        "invoices": str(Invoice.objects.filter(period_start__gt=FEB_15).count()),
        "unposted": str(unposted_count(at=march)),
        "balance": str(balance),
    }


if __name__ == "__main__":
    django.setup()
    main()
