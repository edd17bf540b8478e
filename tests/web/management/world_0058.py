"""What a company has by migration 0058 of billing that later migrations have to keep or complete.

Rows by SQL, beside those of `world_0028.sql`: a mandate and its debit that came back, a dispute,
a part that was taken of a hold, a price move that is running, a draft's boundary, a gateway's
event, fee and dispute rules that staff have entered. A column that is not named gets the empty
value of its type.
"""

import re
from typing import Any

TABLES = [
    "billing_paymentmethod",
    "billing_mandate",
    "billing_bankfile",
    "billing_bankorder",
    "billing_bankdelivery",
    "billing_bankentry",
    "billing_paymentreturn",
    "billing_paymentoperation",
    "billing_dispute",
    "billing_disputeentry",
    "billing_pricemove",
    "billing_pricemoverow",
    "billing_draftboundary",
    "billing_webhookevent",
]
EMPTY = {
    "character varying": "",
    "text": "",
    "jsonb": "{}",
    "ARRAY": "{}",
    "boolean": False,
    "uuid": "00000000-0000-7000-8000-000000000001",
    "date": "2026-02-01",
    "timestamp with time zone": "2026-02-01T12:00Z",
}
NEEDED = """
SELECT column_name, data_type FROM information_schema.columns
WHERE table_name = %s AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'
"""
CREDITOR = "DE98ZZZ09999999999"
PAYMENT, ATTEMPT = "01a215cf-b066-7a2d-9455-3181ec85337d", "01a215cf-b072-755c-899e-910dd7399d8e"
INVOICE = "01a215d1-440a-7614-9aed-170d91f0af3f"
PAID = {"payment_id": PAYMENT, "attempt_id": ATTEMPT, "currency": "EUR"}
FEE = {"valid_from": "2026-01-01", "source": "our contract", "gateway": "stripe"}


def add_rows(cursor: Any) -> None:
    """Insert them, as a replica does: guards of the application do not fire."""
    cursor.execute("SET session_replication_role = replica")
    debit = {"gateway": "bank", "currency": "EUR"}
    method = insert(cursor, "billing_paymentmethod", customer_id=1, kind="bank_debit", **FROM_BANK)
    mandate = insert(cursor, "billing_mandate", customer_id=1, method_id=method, **FROM_BANK)
    file = insert(cursor, "billing_bankfile", kind="debits", total="3.17", state="sent", **debit)
    order = insert(
        cursor,
        "billing_bankorder",
        attempt_id=ATTEMPT,
        file_id=file,
        mandate_id=mandate,
        amount="3.17",
        state="returned",
        **debit,
    )
    delivery = insert(cursor, "billing_bankdelivery", gateway="bank", state="done")
    insert(
        cursor,
        "billing_bankentry",
        amount="3.17",
        delivery_id=delivery,
        order_id=order,
        state="ordered",
        **debit,
    )
    insert(cursor, "billing_paymentreturn", amount="3.17", code="AM04", **PAID)
    insert(
        cursor,
        "billing_paymentoperation",
        kind="capture",
        attempt_id=ATTEMPT,
        state="succeeded",
        currency="EUR",
        amount="1.50",
    )
    dispute = insert(cursor, "billing_dispute", amount="3.17", state="under_review", **PAID)
    insert(
        cursor,
        "billing_disputeentry",
        dispute_id=dispute,
        kind="withdrawn",
        currency="EUR",
        amount="-3.17",
    )
    move = insert(
        cursor,
        "billing_pricemove",
        when="on_day",
        on="2026-04-01",
        from_version_id=1,
        to_version_id=5,
        state="running",
    )
    insert(
        cursor,
        "billing_pricemoverow",
        move_id=move,
        subscription_id=1,
        state="waiting",
        fee_before="10.00",
        fee_after="12.00",
    )
    boundary = {"invoice_id": INVOICE, "subscription_id": 1, "closed_interval": "month"}
    insert(cursor, "billing_draftboundary", at="2026-02-05T00:00Z", **boundary)
    event = {"gateway": "stripe", "event_id": "evt_1", "is_signed": True, "state": "done"}
    insert(cursor, "billing_webhookevent", payload='{"id": "evt_1"}', **event)
    insert(cursor, "billing_processorfeerule", kind="wallet", currency="USD", share_bps=250, **FEE)
    insert(cursor, "billing_disputerule", reason_class="returned", rule="bear", **RULED)
    cursor.execute("SET session_replication_role = origin")


FROM_BANK = {"gateway": "bank", "state": "active"}
RULED = {"valid_from": "2020-01-01"}


def insert(cursor: Any, table: str, **values: object) -> object:
    """One row; gives its id."""
    cursor.execute(NEEDED, [table])
    row = {name: EMPTY.get(kind, 0) for name, kind in cursor.fetchall()} | values
    names = ", ".join(f'"{name}"' for name in row)
    marks = ", ".join(["%s"] * len(row))
    assert re.fullmatch(r"[a-z_]+", table)
    cursor.execute(f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING id", [*row.values()])
    return cursor.fetchone()[0]


COMPLETED = {
    "when": "SELECT not_before::text FROM billing_pricemoverow",
    "where": "SELECT plan_version_id, quantity FROM billing_draftboundary",
    "digest": "SELECT payload_digest FROM billing_webhookevent",
    "creditor": "SELECT creditor_id FROM billing_mandate",
    "wallets": (
        "SELECT currency, share_bps::text, source FROM billing_processorfeerule "
        "WHERE gateway = 'stripe' AND kind = 'wallet' ORDER BY currency"
    ),
    "bank": (
        "SELECT return_fee::text, valid_from::text FROM billing_processorfeerule "
        "WHERE gateway = 'bank' AND currency = 'EUR'"
    ),
    "returned": "SELECT rule FROM billing_disputerule WHERE reason_class = 'returned'",
    "charges": "SELECT code FROM finance_account WHERE code = '5020'",
}


def completed(cursor: Any) -> dict[str, list[list[str]]]:
    """What migrations have written into what was there."""
    found = {}
    for name, query in COMPLETED.items():
        cursor.execute(query)
        found[name] = [[str(value) for value in row] for row in cursor.fetchall()]
    return found
