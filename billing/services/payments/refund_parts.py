"""Of which capture money is given back, where a gateway knows captures by names of their own."""

from uuid import UUID

from django.db.models import QuerySet

from billing.domain.attempts import COUNTED_REFUND_STATES
from billing.domain.refund_splits import Share, split_refund
from billing.errors import PaymentNotRefundable
from billing.gateways.registry import gateway_named
from billing.models import PaymentAttempt, PaymentOperation, Refund
from tiktoktoe.kernel.money import Money


def shares_of_refund(*, attempt: PaymentAttempt, amount: Money) -> list[Share[UUID | None]]:
    """What each capture gives of a refund; one share of the whole charge where none is named.

    The caller has locked the payment, under which every refund of it is reserved.

    Raises:
        PaymentNotRefundable: If the captures that the gateway has named have less left.
    """
    if not _is_by_capture(attempt):
        return [Share(None, amount)]
    captures = list(_captures(attempt))
    left: dict[UUID | None, Money] = {capture.pk: capture.amount for capture in captures}
    counted = attempt.refunds.filter(state__in=COUNTED_REFUND_STATES)
    for refund in counted:
        # Before refunds were split, the largest one gave.
        whose = refund.capture_id or (captures[0].pk if captures else None)
        if whose in left:
            left[whose] -= refund.amount
    by_age = sorted(captures, key=lambda capture: capture.requested_at)
    try:
        return split_refund(amount, [(capture.pk, left[capture.pk]) for capture in by_age])
    except ValueError as error:
        raise PaymentNotRefundable(f"{amount} cannot be given back: {error}") from error


def charge_reference(refund: Refund) -> str:
    """The gateway's name for what is refunded; always the same, so that a key repeats it."""
    attempt = refund.attempt
    if refund.capture_id:
        return PaymentOperation.objects.get(pk=refund.capture_id).gateway_reference
    largest = _captures(attempt).first() if _is_by_capture(attempt) else None
    return largest.gateway_reference if largest is not None else attempt.gateway_reference


def _is_by_capture(attempt: PaymentAttempt) -> bool:
    return attempt.is_hold and gateway_named(attempt.gateway).capabilities.names_captures


def _captures(attempt: PaymentAttempt) -> QuerySet[PaymentOperation]:
    """What was taken of a hold that the gateway has named, the largest first."""
    taken = attempt.operations.filter(kind="capture", state="succeeded")
    return taken.exclude(gateway_reference="").order_by("-amount", "requested_at")
