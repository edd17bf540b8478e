"""Adyen's settlement details report: what each payment has cost, and what has moved at all.

Source: docs.adyen.com/reporting/settlement-reconciliation/transaction-level.
"""

import csv
import io
import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from billing.errors import GatewayRefused
from billing.gateways.adyen_objects import to_adyen
from billing.gateways.adyen_webhooks import event_of
from billing.gateways.base import GatewayEvent, SettledCharge
from billing.gateways.disputes import SettledDispute
from tiktoktoe.kernel.errors import InvariantViolation
from tiktoktoe.kernel.money import quantize_amount

REPORT_NAME = re.compile(r"settlement_detail_report_batch_(\d+)\.csv")
DISPUTE_TYPES = frozenset({"Chargeback", "SecondChargeback", "ChargebackReversed"})
# The notification that tells of what a row settles.
_CODES = {
    "Settled": "CAPTURE",
    "SettledReversed": "CAPTURE_FAILED",
    "Refunded": "REFUND",
    "RefundedReversed": "REFUNDED_REVERSED",
    "Chargeback": "CHARGEBACK",
    "ChargebackReversed": "CHARGEBACK_REVERSED",
    "SecondChargeback": "SECOND_CHARGEBACK",
}
FEES = ("Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)")


def charges_of(text: str) -> list[SettledCharge]:
    """The payments of a report with their fees; what is no settled payment is left out.

    Raises:
        GatewayRefused: If it cannot be read.
    """
    rows = csv.DictReader(io.StringIO(text))
    try:
        return [_charge(row) for row in rows if row["Type"] == "Settled"]
    except (KeyError, InvalidOperation, TypeError) as error:
        raise GatewayRefused("the settlement report cannot be read") from error


def disputes_of(text: str) -> list[SettledDispute]:
    """The chargebacks of a report, and what was kept for each; those without a fee are left out.

    A contract may book chargeback fees on the monthly invoice instead: then none is told here.

    Raises:
        GatewayRefused: If it cannot be read.
    """
    rows = csv.DictReader(io.StringIO(text))
    try:
        found = [_dispute(row) for row in rows if row["Type"] in DISPUTE_TYPES]
    except (KeyError, InvalidOperation, TypeError) as error:
        raise GatewayRefused("the settlement report cannot be read") from error
    return [dispute for dispute in found if dispute.fee.amount]


def report_after(name: str) -> str:
    """The name of the next report: they are numbered; empty, if this is the name of none."""
    match = REPORT_NAME.fullmatch(name)
    return f"settlement_detail_report_batch_{int(match[1]) + 1}.csv" if match else ""


def moves_of(text: str) -> list[GatewayEvent]:
    """What has moved money, each as the notification that has told of it, or should have.

    Raises:
        GatewayRefused: If it cannot be read.
    """
    rows = csv.DictReader(io.StringIO(text))
    try:
        found = [_notification(row) for row in rows]
        return [event for item in found if item for event in [event_of(item)]]
    except (KeyError, InvalidOperation, TypeError, ValueError, InvariantViolation) as error:
        raise GatewayRefused("the settlement report cannot be read") from error


def _notification(row: dict[str, str]) -> dict[str, object] | None:
    """The notification of a row; a capture of its own is one that has a name of ours."""
    kind, ours = row["Type"], row.get("Modification Merchant Reference") or ""
    code = _CODES.get(kind, "")
    if kind == "Settled" and not _is_of_hold(row):
        code = "AUTHORISATION"
    if not code:
        return None
    side = "Credit" if row["Gross Credit (GC)"] else "Debit"
    amount = quantize_amount(_decimal(row[f"Gross {side} (GC)"]), row["Gross Currency"])
    is_of_payment = code == "AUTHORISATION" or kind in DISPUTE_TYPES
    return {
        "eventCode": code,
        "success": "true",
        "pspReference": row[
            "Psp Reference" if code == "AUTHORISATION" else "Modification Reference"
        ],
        "originalReference": row["Psp Reference"],
        "merchantReference": row["Merchant Reference"] if is_of_payment else ours,
        "amount": to_adyen(amount),
        "eventDate": row["Creation Date"],
    }


def _is_of_hold(row: dict[str, str]) -> bool:
    """Whether it settles a capture of its own, and not a charge: that has a name of ours."""
    ours = row.get("Modification Merchant Reference") or ""
    return bool(ours) and ours != row["Merchant Reference"]


def _dispute(row: dict[str, str]) -> SettledDispute:
    fee = _sum(row[name] for name in FEES)
    return SettledDispute(
        reference=row["Modification Reference"],
        charge_reference=row["Psp Reference"],
        kind=row["Type"],
        fee=quantize_amount(fee, row["Net Currency"]),
    )


def _charge(row: dict[str, str]) -> SettledCharge:
    currency = row["Net Currency"]
    fee = _sum(row[name] for name in FEES)
    return SettledCharge(
        reference=row["Psp Reference"],
        our_reference=row["Merchant Reference"],
        amount=quantize_amount(_decimal(row["Gross Credit (GC)"]), row["Gross Currency"]),
        fee=quantize_amount(fee, currency),
        capture=row["Modification Reference"] if _is_of_hold(row) else "",
    )


def _sum(texts: Iterable[str]) -> Decimal:
    return sum((_decimal(text) for text in texts), Decimal(0))


def _decimal(text: str) -> Decimal:
    return Decimal(text or "0")
