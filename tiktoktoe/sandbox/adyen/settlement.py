"""Settlement: what was captured and given back is paid out in batches, and a report tells it.

The report's columns are those of Adyen's settlement details report, as far as they are needed.
Source: docs.adyen.com/reporting/settlement-reconciliation/transaction-level.
"""

import csv
import io
from decimal import Decimal

from tiktoktoe.sandbox.adyen import cards
from tiktoktoe.sandbox.adyen.disputes import BOOKED_AS
from tiktoktoe.sandbox.adyen.merchant import Merchant
from tiktoktoe.sandbox.core.schemas import Json
from tiktoktoe.sandbox.core.store import Search

COLUMNS = (
    "Company Account",
    "Merchant Account",
    "Psp Reference",
    "Merchant Reference",
    "Payment Method",
    "Creation Date",
    "TimeZone",
    "Type",
    "Modification Reference",
    "Gross Currency",
    "Gross Debit (GC)",
    "Gross Credit (GC)",
    "Exchange Rate",
    "Net Currency",
    "Net Debit (NC)",
    "Net Credit (NC)",
    "Commission (NC)",
    "Markup (NC)",
    "Scheme Fees (NC)",
    "Interchange (NC)",
    "Batch Number",
)
DISPUTE_FEE = 1500  # minor units, near: contracts differ
NO_DECIMALS = frozenset({"JPY", "KRW", "VND", "CLP", "XAF", "XOF"})
THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


def settle(merchant: Merchant) -> Json:
    """Close a batch of everything that was not settled yet, and tell that its report is there."""
    number = int(merchant.store.setting("batch", 0)) + 1
    merchant.store.keep_setting("batch", number)
    rows = []
    for payment in list(merchant.store.newest_first("payment", Search(is_oldest_first=True))):
        if payment["captured"] and not payment.get("settled"):
            payment["settled"] = number
            rows.append(_row(merchant, payment, number))
        refunded = payment["refunded"] - payment.get("settledRefund", 0)
        if refunded > 0:
            payment["settledRefund"] = payment["refunded"]
            rows.append(_refund_row(merchant, payment, refunded, number))
    for dispute in list(merchant.store.newest_first("dispute", Search(is_oldest_first=True))):
        rows += _dispute_rows(merchant, dispute, number)
    name = f"settlement_detail_report_batch_{number}.csv"
    merchant.new("report", name, text=_text(rows))
    url = f"{merchant.address}{report_path(merchant, name)}"
    about = {"id": name, "merchantReference": "", "amount": {"currency": "EUR", "value": 0}}
    merchant.tell("REPORT_AVAILABLE", about=about, reason=url)
    return {"report": name, "url": url, "lines": len(rows)}


def report_path(merchant: Merchant, name: str) -> str:
    """Where a report can be downloaded."""
    return f"/reports/download/MerchantAccount/{merchant.terms.merchant}/{name}"


def _row(merchant: Merchant, payment: Json, batch: int) -> Json:
    fee = payment["fee"]
    currency = payment["amount"]["currency"]
    net = payment["captured"] - sum(fee.values())
    return {
        **_common(merchant, payment, batch),
        "Type": "Settled",
        "Modification Reference": payment["id"],
        "Gross Credit (GC)": _decimal(payment["captured"], currency),
        "Net Credit (NC)": _decimal(net, currency),
        "Commission (NC)": _decimal(fee["commission"], currency),
        "Markup (NC)": _decimal(fee["markup"], currency),
        "Scheme Fees (NC)": _decimal(fee["scheme"], currency),
        "Interchange (NC)": _decimal(fee["interchange"], currency),
    }


def _refund_row(merchant: Merchant, payment: Json, amount: int, batch: int) -> Json:
    currency = payment["amount"]["currency"]
    return {
        **_common(merchant, payment, batch),
        "Type": "Refunded",
        "Gross Debit (GC)": _decimal(amount, currency),
        "Net Debit (NC)": _decimal(amount, currency),
    }


def _dispute_rows(merchant: Merchant, dispute: Json, batch: int) -> list[Json]:
    """What a dispute has moved since the last batch; a chargeback costs a fee."""
    booked = dispute.get("booked", [])
    open_ones = booked[dispute.get("settledMoves", 0) :]
    dispute["settledMoves"] = len(booked)
    return [_dispute_row(merchant, dispute, code, batch) for code in open_ones]


def _dispute_row(merchant: Merchant, dispute: Json, code: str, batch: int) -> Json:
    payment = merchant.store.get(dispute["payment"])
    currency, value = dispute["amount"]["currency"], dispute["amount"]["value"]
    fee = DISPUTE_FEE if code == "CHARGEBACK" else 0
    comes_back = code == "CHARGEBACK_REVERSED"
    side = "Credit" if comes_back else "Debit"
    return {
        **_common(merchant, payment, batch),
        "Type": BOOKED_AS[code],
        "Modification Reference": dispute["id"],
        f"Gross {side} (GC)": _decimal(value, currency),
        f"Net {side} (NC)": _decimal(value - fee if comes_back else value + fee, currency),
        "Markup (NC)": _decimal(fee, currency) if fee else "",
    }


def _common(merchant: Merchant, payment: Json, batch: int) -> Json:
    currency = payment["amount"]["currency"]
    return {
        "Company Account": "SandboxCompany",
        "Merchant Account": merchant.terms.merchant,
        "Psp Reference": payment["id"],
        "Merchant Reference": payment["merchantReference"],
        "Payment Method": cards.CARDS[payment["number"]].brand,
        "Creation Date": merchant.at(payment["created"])[:19].replace("T", " "),
        "TimeZone": "UTC",
        "Gross Currency": currency,
        "Exchange Rate": "1",
        "Net Currency": currency,
        "Batch Number": str(batch),
    }


def _decimal(amount: int, currency: str) -> str:
    places = 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
    return str(Decimal(amount).scaleb(-places))


def _text(rows: list[Json]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()
