"""What disputes have cost, where a gateway tells it only when it settles."""

from datetime import datetime

from django.db import transaction

from billing.gateways.disputes import SettledDispute, TellsDisputeFeesLater
from billing.gateways.registry import gateway_named
from billing.models import Dispute, DisputeEntry
from tiktoktoe.kernel.ids import uuid7


def record_dispute_fees(*, gateway: str, report: str, at: datetime) -> int:
    """Take over the fees of disputes that a settlement report tells; gives how many were new.

    Each movement of a dispute costs once, however often its report is read; in the currency in
    which it was taken.

    Raises:
        GatewayUnavailable: If the report does not come.
        GatewayRefused: If it cannot be read.
    """
    source = gateway_named(gateway)
    if not isinstance(source, TellsDisputeFeesLater):
        return 0
    return sum(_record(gateway, settled, at) for settled in source.read_dispute_fees(report))


@transaction.atomic
def _record(gateway: str, settled: SettledDispute, at: datetime) -> bool:
    disputes = Dispute.objects.select_for_update(of=("self",)).filter(gateway=gateway)
    dispute = disputes.filter(gateway_reference=settled.reference).first()
    if dispute is None:
        return False
    _, is_new = DisputeEntry.objects.get_or_create(
        dispute=dispute,
        kind=DisputeEntry.Kind.FEE,
        reference=settled.kind,
        defaults={
            "id": uuid7(),
            "currency": settled.fee.currency.code,
            "amount": settled.fee.amount,
            "at": at,
        },
    )
    return is_new
