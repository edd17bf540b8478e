"""What payments have cost, where a gateway tells it only when it settles."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction

from billing.gateways.base import SettledCharge, TellsFeesLater
from billing.gateways.registry import gateway_named
from billing.models import ForeignFee, PaymentAttempt
from billing.services.payments.capture_fees import record_fees_of_captures
from billing.services.payments.foreign_fees import foreign_fee, keep_foreign_fees
from tiktoktoe.kernel.money import Money, zero

CHUNK = 500
Fees = dict[str, Money]  # of one payment, by currency


def record_fees(*, gateway: str, report: str, at: datetime) -> int:
    """Take over the fees that a settlement report tells; gives how many were new.

    A fee that is known already is not changed. One in another currency than its payment's is kept
    as it was told. Each capture of a hold has its own, whichever report tells it.

    Raises:
        GatewayUnavailable: If the report does not come.
        GatewayRefused: If it cannot be read.
    """
    source = gateway_named(gateway)
    if not isinstance(source, TellsFeesLater):
        return 0
    charges = source.read_settlement(report)
    captures = _by_name((charge.capture, charge.fee) for charge in charges if charge.capture)
    recorded, known = 0, set[str]()
    for names in _chunks(captures):
        told = {name: captures[name] for name in names}
        new, ours = record_fees_of_captures(gateway=gateway, fees=told, at=at)
        recorded, known = recorded + new, known | ours
    others = [charge for charge in charges if charge.capture not in known]
    return recorded + _record_charges(gateway, others, at)


def _record_charges(gateway: str, charges: list[SettledCharge], at: datetime) -> int:
    """Fees of charges that were taken at once, or by nobody whom we know."""
    fees = _by_name((charge.reference, charge.fee) for charge in charges)
    recorded = 0
    for chunk in _chunks(fees):
        lacking = PaymentAttempt.objects.filter(
            gateway=gateway, gateway_reference__in=chunk, state="succeeded", fee=None
        )
        recorded += _record(list(lacking.exclude(has_foreign_fee=True)), fees, at)
    return recorded


def _by_name(rows: Iterable[tuple[str, Money]]) -> dict[str, Fees]:
    """The sum of each name's fees, by currency."""
    fees = dict[str, Fees]()
    for name, fee in rows:
        told, currency = fees.setdefault(name, {}), fee.currency.code
        told[currency] = told.get(currency, zero(currency)) + fee
    return fees


def _chunks(fees: Mapping[str, Fees]) -> list[list[str]]:
    names = sorted(fees)
    return [names[start : start + CHUNK] for start in range(0, len(names), CHUNK)]


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
