"""Adyen's settlement details report: what each payment has cost.

Source: docs.adyen.com/reporting/settlement-reconciliation/transaction-level.
"""

import csv
import io
import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from billing.errors import GatewayRefused
from billing.gateways.base import SettledCharge
from billing.gateways.disputes import SettledDispute
from tiktoktoe.kernel.money import quantize_amount

REPORT_NAME = re.compile(r"settlement_detail_report_batch_\d+\.csv")
DISPUTE_TYPES = frozenset({"Chargeback", "SecondChargeback", "ChargebackReversed"})
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
    )


def _sum(texts: Iterable[str]) -> Decimal:
    return sum((_decimal(text) for text in texts), Decimal(0))


def _decimal(text: str) -> Decimal:
    return Decimal(text or "0")
