"""What the captures of a hold have cost, where each has a fee of its own."""

from datetime import datetime

from billing.domain.attempts import RefundState
from billing.gateways.base import Outcome
from billing.gateways.registry import gateway_named
from billing.models import PaymentOperation
from billing.services.payments.foreign_fees import take_fee


def add_fee_of_capture(
    *, operation: PaymentOperation, to_state: RefundState, outcome: Outcome, at: datetime
) -> None:
    """Add a capture's fee to its hold's, as it is proven; the caller has locked both."""
    attempt = operation.attempt
    if to_state != RefundState.SUCCEEDED or outcome.fee is None or operation.kind != "capture":
        return
    if gateway_named(attempt.gateway).capabilities.names_captures:
        take_fee(attempt=attempt, fee=outcome.fee, at=at, reference=str(operation.pk), adds=True)
        attempt.save(update_fields=["fee", "has_foreign_fee"])
