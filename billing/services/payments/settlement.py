"""What payments have cost, where a gateway tells it only when it settles."""

from billing.gateways.base import TellsFeesLater
from billing.gateways.registry import gateway_named
from billing.models import PaymentAttempt
from tiktoktoe.kernel.money import Money, zero

CHUNK = 500


def record_fees(*, gateway: str, report: str) -> int:
    """Take over the fees that a settlement report tells; gives how many were new.

    A fee that is known already is not changed, and one in another currency than its payment's
    is left alone.

    Raises:
        GatewayUnavailable: If the report does not come.
        GatewayRefused: If it cannot be read.
    """
    source = gateway_named(gateway)
    if not isinstance(source, TellsFeesLater):
        return 0
    fees = dict[str, Money]()  # what is captured of a hold in parts has a row for each
    for charge in source.read_settlement(report):
        before = fees.get(charge.reference, zero(charge.fee.currency.code))
        fees[charge.reference] = before + charge.fee
    references = sorted(fees)
    recorded = 0
    for start in range(0, len(references), CHUNK):
        chunk = references[start : start + CHUNK]
        lacking = PaymentAttempt.objects.filter(
            gateway=gateway, gateway_reference__in=chunk, state="succeeded", fee=None
        )
        attempts = [a for a in lacking if fees[a.gateway_reference].currency.code == a.currency]
        for attempt in attempts:
            attempt.fee, attempt.next_check_at = fees[attempt.gateway_reference], None
        recorded += PaymentAttempt.objects.bulk_update(attempts, ["fee", "next_check_at"])
    return recorded
