"""What the captures of a hold have cost, where each has a fee of its own: told once each.

PayPal tells it with the capture, Adyen with the settlement, in the capture's own row. The hold's
fee is the sum; the books have each capture's by itself.
"""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from billing.domain.attempts import AttemptState, RefundState
from billing.gateways.base import Outcome
from billing.gateways.registry import gateway_named
from billing.models import ForeignFee, PaymentAttempt, PaymentOperation
from billing.services.payments.foreign_fees import foreign_fee, keep_foreign_fees, take_fee
from tiktoktoe.kernel.money import Money, zero


def add_fee_of_capture(
    *, operation: PaymentOperation, to_state: RefundState, outcome: Outcome, at: datetime
) -> None:
    """Add a capture's fee to its hold's, as it is proven; the caller has locked both."""
    attempt = operation.attempt
    if to_state != RefundState.SUCCEEDED or outcome.fee is None or operation.kind != "capture":
        return
    if gateway_named(attempt.gateway).capabilities.names_captures:
        is_own = outcome.fee.currency.code == attempt.currency
        operation.fee = outcome.fee if is_own else zero(attempt.currency)
        take_fee(attempt=attempt, fee=outcome.fee, at=at, reference=str(operation.pk), adds=True)
        attempt.save(update_fields=["fee", "has_foreign_fee"])


@transaction.atomic
def record_fees_of_captures(
    *, gateway: str, fees: Mapping[str, Mapping[str, Money]], at: datetime
) -> tuple[int, set[str]]:
    """Take over what captures have cost, by the gateway's names for them; in five queries.

    What is known already stays. Gives how many were new, and the names that are ours.
    """
    named = PaymentOperation.objects.filter(
        attempt__gateway=gateway,
        kind=PaymentOperation.Kind.CAPTURE,
        gateway_reference__in=list(fees),
    )
    # In an order, so that two reports at once do not wait for each other.
    locked = PaymentAttempt.objects.select_for_update(of=("self",)).order_by("pk")
    holds = locked.in_bulk(set(named.values_list("attempt_id", flat=True)))
    operations = list(named.filter(attempt__in=holds).order_by("pk"))
    new = [operation for operation in operations if operation.fee is None]
    abroad = list[ForeignFee]()
    for operation in new:
        hold = holds[operation.attempt_id]
        abroad += _take(operation, hold, fees[operation.gateway_reference], at)
    if abroad:
        keep_foreign_fees(abroad)
    PaymentOperation.objects.bulk_update(new, ["fee"])
    changed = [holds[pk] for pk in {operation.attempt_id for operation in new}]
    PaymentAttempt.objects.bulk_update(changed, ["fee", "has_foreign_fee", "next_check_at"])
    return len(new), {operation.gateway_reference for operation in operations}


def _take(
    operation: PaymentOperation, hold: PaymentAttempt, told: Mapping[str, Money], at: datetime
) -> list[ForeignFee]:
    """Add a capture's fee to its hold's; gives what of it is in other currencies."""
    operation.fee = told.get(hold.currency, zero(hold.currency))
    if hold.currency in told:
        before = hold.fee if hold.fee is not None else zero(hold.currency)
        hold.fee = before + told[hold.currency]
    others = [fee for code, fee in told.items() if code != hold.currency]
    hold.has_foreign_fee = hold.has_foreign_fee or bool(others)
    if hold.state == AttemptState.SUCCEEDED:
        hold.next_check_at = None
    return [
        foreign_fee(hold, fee, at, reference=f"{operation.pk}{fee.currency.code if number else ''}")
        for number, fee in enumerate(fee for fee in others if fee.amount)
    ]
