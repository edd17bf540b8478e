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
    "Modification Merchant Reference",
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
        if payment["captured"] and not payment["isManual"] and not payment.get("settled"):
            payment["settled"] = True
            rows.append(_row(merchant, payment, payment["captured"], number))
    for made in list(merchant.store.newest_first("modification", Search(is_oldest_first=True))):
        payment = merchant.store.get(made["payment"])
        was_done = made.get("settled", not payment["isManual"] and _is_settled_by(payment, made))
        if made.get("done", was_done) != was_done:
            made["settled"] = not was_done
            rows.append(_modification_row(merchant, made, number))
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


def _is_settled_by(payment: Json, made: Json) -> bool:
    """Whether a capture is that of a charge, which has a row of its own."""
    return bool(made["what"] == "capture" and payment.get("settled"))


def _row(merchant: Merchant, payment: Json, captured: int, batch: int) -> Json:
    """Money that was captured; its fee is in the first row of its payment."""
    fee = payment["fee"] if not payment.get("isFeeSettled") else dict.fromkeys(payment["fee"], 0)
    payment["isFeeSettled"] = True
    currency = payment["amount"]["currency"]
    net = captured - sum(fee.values())
    return {
        **_common(merchant, payment, batch),
        "Type": "Settled",
        "Modification Reference": payment["id"],
        "Gross Credit (GC)": _decimal(captured, currency),
        "Net Credit (NC)": _decimal(net, currency),
        "Commission (NC)": _decimal(fee["commission"], currency),
        "Markup (NC)": _decimal(fee["markup"], currency),
        "Scheme Fees (NC)": _decimal(fee["scheme"], currency),
        "Interchange (NC)": _decimal(fee["interchange"], currency),
    }


def _modification_row(merchant: Merchant, made: Json, batch: int) -> Json:
    """A capture or a refund that has come true, or has turned out not to."""
    payment, value = merchant.store.get(made["payment"]), made["amount"]["value"]
    named = {
        "Modification Reference": made["id"],
        "Modification Merchant Reference": made["merchantReference"],
    }
    if made["what"] == "capture" and made["done"]:
        return {**_row(merchant, payment, value, batch), **named}
    word = "Settled" if made["what"] == "capture" else "Refunded"
    is_credit = (made["what"] == "capture") == made["done"]
    side, amount = "Credit" if is_credit else "Debit", _decimal(value, made["amount"]["currency"])
    return {
        **_common(merchant, payment, batch),
        **named,
        "Type": word if made["done"] else f"{word}Reversed",
        f"Gross {side} (GC)": amount,
        f"Net {side} (NC)": amount,
    }


def _dispute_rows(merchant: Merchant, dispute: Json, batch: int) -> list[Json]:
    """What a dispute has moved since the last batch; a chargeback costs a fee."""
    booked = dispute.get("booked", [])
    open_ones = booked[dispute.get("settledMoves", 0) :]
    dispute["settledMoves"] = len(booked)
    return [_dispute_row(merchant, dispute, code, at, batch) for code, at in open_ones]


def _dispute_row(merchant: Merchant, dispute: Json, code: str, at: int, batch: int) -> Json:
    payment = merchant.store.get(dispute["payment"])
    currency, value = dispute["amount"]["currency"], dispute["amount"]["value"]
    fee = DISPUTE_FEE if code == "CHARGEBACK" else 0
    comes_back = code == "CHARGEBACK_REVERSED"
    side = "Credit" if comes_back else "Debit"
    return {
        **_common(merchant, payment, batch),
        "Creation Date": _instant(merchant, at),
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
        "Creation Date": _instant(merchant, payment["created"]),
        "TimeZone": "UTC",
        "Gross Currency": currency,
        "Exchange Rate": "1",
        "Net Currency": currency,
        "Batch Number": str(batch),
    }


def _instant(merchant: Merchant, at: int) -> str:
    return merchant.at(at)[:19].replace("T", " ")


def _decimal(amount: int, currency: str) -> str:
    places = 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
    return str(Decimal(amount).scaleb(-places))


def _text(rows: list[Json]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()
