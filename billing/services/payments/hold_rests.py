"""What is left of a hold after its last capture: let go of, where the gateway does not by itself.

Stripe and PayPal (`final_capture`) release it with the capture. Adyen, with several captures,
holds it until it is canceled or lapses. Source: docs.adyen.com/online-payments/capture, and the
API explorer of Checkout on captures.
"""

import logging
from datetime import datetime

from django.db import IntegrityError
from django.db.models import F

from billing.domain.attempts import LIVE_REFUND_STATES, AttemptState
from billing.gateways.registry import gateway_named, gateway_names
from billing.models import PaymentAttempt
from billing.services.payments.holds import void_hold
from subscriptions.services.transitions import SCHEDULE
from tiktoktoe.kernel.errors import Conflict

logger = logging.getLogger(__name__)


def let_go_of_rests(*, at: datetime, limit: int = 100) -> int:
    """Void what gateways still hold of holds that are over, each once; gives how many.

    A void that fails is kept as it is: what is left lapses, as it would have.
    """
    keeping = [name for name in gateway_names() if not _releases(name)]
    if not keeping:
        return 0
    left = PaymentAttempt.objects.filter(
        is_hold=True,
        state=AttemptState.SUCCEEDED,
        gateway__in=keeping,
        authorized_until__gt=at,
        amount_captured__lt=F("amount_authorized"),
    ).exclude(operations__kind="void")
    unproven = [str(state) for state in LIVE_REFUND_STATES]
    found = left.exclude(operations__state__in=unproven).order_by("authorized_until")
    return sum(_let_go(attempt, at) for attempt in found[:limit])


def _releases(gateway: str) -> bool:
    return gateway_named(gateway).capabilities.releases_rest


def _let_go(attempt: PaymentAttempt, at: datetime) -> bool:
    try:
        void_hold(attempt=attempt, actor=SCHEDULE, idempotency_key=f"rest:{attempt.pk}", at=at)
    except (Conflict, IntegrityError):  # somebody was quicker
        return False
    logger.info("rest of a hold let go", extra={"attempt": str(attempt.pk)})
    return True
