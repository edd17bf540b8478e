"""What is left of a hold after its last capture: let go of, where the gateway does not by itself.

Stripe and PayPal (`final_capture`) release it with the capture. Adyen, with several captures,
holds it until it is canceled or lapses. Source: docs.adyen.com/online-payments/capture, and the
API explorer of Checkout on captures.
"""

import logging
from datetime import datetime

from django.db import IntegrityError
from django.db.models import F, Q, QuerySet

from billing.domain.attempts import COUNTED_REFUND_STATES, LIVE_REFUND_STATES, AttemptState
from billing.gateways.registry import gateway_named, gateway_names
from billing.models import PaymentAttempt, PaymentOperation
from billing.services.payments.failed_voids import due_for_void
from billing.services.payments.holds import void_hold
from subscriptions.models import CustomerClock
from subscriptions.services.transitions import SCHEDULE
from tiktoktoe.kernel.errors import Conflict

logger = logging.getLogger(__name__)


def let_go_of_rests(*, at: datetime, limit: int = 100, clock: CustomerClock | None = None) -> int:
    """Void what gateways still hold of holds that are over; gives how many were tried.

    One void is on its way, and sent again by the same key until it is proven. One that has
    failed, which took nothing, is tried anew after an hour, then two, then four, until what is
    left lapses by itself. Of customers with a test clock only those of `clock`.
    """
    keeping = [name for name in gateway_names() if not _releases(name)]
    if not keeping:
        return 0
    left = PaymentAttempt.objects.filter(
        payment__customer__clock=clock,
        is_hold=True,
        state=AttemptState.SUCCEEDED,
        gateway__in=keeping,
        authorized_until__gt=at,
        amount_captured__lt=F("amount_authorized"),
    ).exclude(operations__in=_unfinished())
    return sum(
        _let_go(PaymentAttempt.objects.get(pk=due.pk), f"rest:{due.pk}:{due.voids_failed}", at)
        for due in due_for_void(left, at)[:limit]
    )


def _unfinished() -> QuerySet[PaymentOperation]:
    """Voids that are done, or may be, and whatever is on its way."""
    live = Q(state__in=[str(state) for state in LIVE_REFUND_STATES])
    is_void = Q(kind="void", state__in=[str(state) for state in COUNTED_REFUND_STATES])
    return PaymentOperation.objects.filter(live | is_void)


def _releases(gateway: str) -> bool:
    return gateway_named(gateway).capabilities.releases_rest


def _let_go(attempt: PaymentAttempt, key: str, at: datetime) -> bool:
    try:
        void_hold(attempt=attempt, actor=SCHEDULE, idempotency_key=key, at=at)
    except (Conflict, IntegrityError):  # somebody was quicker
        return False
    logger.info("rest of a hold let go", extra={"attempt": str(attempt.pk)})
    return True
