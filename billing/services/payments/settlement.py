"""What payments have cost, where a gateway tells it only when it settles."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from billing.gateways.base import TellsFeesLater
from billing.gateways.registry import gateway_named
from billing.models import ForeignFee, PaymentAttempt
from billing.services.payments.foreign_fees import foreign_fee, keep_foreign_fees
from tiktoktoe.kernel.money import Money, zero

CHUNK = 500
Fees = dict[str, Money]  # of one payment, by currency


def record_fees(*, gateway: str, report: str, at: datetime) -> int:
    """Take over the fees that a settlement report tells; gives how many were new.

    A fee that is known already is not changed. One in another currency than its payment's is kept
    as it was told.

    Raises:
        GatewayUnavailable: If the report does not come.
        GatewayRefused: If it cannot be read.
    """
    source = gateway_named(gateway)
    if not isinstance(source, TellsFeesLater):
        return 0
    fees = dict[str, Fees]()  # what is captured of a hold in parts has a row for each
    for charge in source.read_settlement(report):
        told, currency = fees.setdefault(charge.reference, {}), charge.fee.currency.code
        told[currency] = told.get(currency, zero(currency)) + charge.fee
    references = sorted(fees)
    recorded = 0
    for start in range(0, len(references), CHUNK):
        chunk = references[start : start + CHUNK]
        lacking = PaymentAttempt.objects.filter(
            gateway=gateway, gateway_reference__in=chunk, state="succeeded", fee=None
        )
        recorded += _record(list(lacking.exclude(has_foreign_fee=True)), fees, at)
    return recorded


def _record(attempts: list[PaymentAttempt], fees: Mapping[str, Fees], at: datetime) -> int:
    """Record the fees of attempts that lack one, in two queries; a third of those abroad."""
    abroad = list[ForeignFee]()
    for attempt in attempts:
        told, attempt.next_check_at = dict(fees[attempt.gateway_reference]), None
        attempt.fee = told.pop(attempt.currency, None)
        attempt.has_foreign_fee = bool(told)
        for number, fee in enumerate(fee for fee in told.values() if fee.amount):
            which = fee.currency.code if number else ""  # of several, all but one
            abroad.append(foreign_fee(attempt, fee, at, reference=which))
    with transaction.atomic():
        if abroad:
            keep_foreign_fees(abroad)
        return PaymentAttempt.objects.bulk_update(
            attempts, ["fee", "has_foreign_fee", "next_check_at"]
        )
