"""Finding out what became of attempts and refunds whose outcome is not known yet."""

import logging
from datetime import datetime

from django.db import transaction

from billing.domain.attempts import (
    UNPROVEN_ATTEMPT_STATES,
    Answer,
    AttemptState,
    next_check_at,
)
from billing.gateways.base import Outcome
from billing.gateways.registry import DEFAULT_GATEWAY, gateway_named
from billing.models import Invoice, PaymentAttempt
from billing.services.payments.challenges import end_challenge, is_left
from billing.services.payments.channels import PAYABLE_STATES, Channel
from billing.services.payments.gateway_calls import ask
from billing.services.payments.gateway_clocks import may_send_again
from billing.services.payments.payment_events import RECONCILER
from billing.services.payments.sending import customer_reference, send_attempt, send_deadline
from billing.services.payments.settling import settle_attempt
from subscriptions.models import CustomerClock
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.clock import running_from

logger = logging.getLogger(__name__)

_SAYS_NOTHING_NEW = frozenset({Answer.REQUIRES_ACTION, Answer.INCONCLUSIVE})


def reconcile_attempts(
    *, at: datetime, limit: int = 100, clock: CustomerClock | None = None
) -> int:
    """Look into the attempts whose time has come; gives how many were looked into.

    Of customers with a test clock only those of `clock`, and of it no others.

    Each is claimed by moving its next look ahead, so that several workers share the work
    and one that dies only delays what it had claimed.
    """
    by_now = running_from(at)
    claimed = _claim_due(at, limit, clock)
    for attempt in claimed:
        try:
            look_into(attempt=attempt, actor=RECONCILER, at=by_now())
        except Exception:  # one that cannot be looked into must not keep the others from it
            logger.exception("attempt not settled", extra={"attempt": str(attempt.pk)})
    return len(claimed)


def look_into(*, attempt: PaymentAttempt, actor: Actor, at: datetime) -> PaymentAttempt:
    """Ask the gateway what became of an attempt, and settle what is proven.

    Where the gateway has told its name for it, that is read. Otherwise the same request is
    sent with the same key while the gateway surely remembers the key; if that does not tell,
    or is too late, the gateway is searched for our reference. Age alone proves nothing.
    """
    rows = PaymentAttempt.objects.select_related("payment__invoice", "method")
    related = rows.select_related("payment__customer__clock").get(pk=attempt.pk)
    outcome = _read(related, at)
    if outcome is None and _is_replayable(related, at):
        related = send_attempt(attempt=related, actor=actor, at=at)
        if related.state not in UNPROVEN_ATTEMPT_STATES:
            return related
    if outcome is None:
        outcome = _find(related, at)
    if outcome.answer in _SAYS_NOTHING_NEW and is_left(related, at):
        return end_challenge(attempt=related, actor=actor, at=at)
    return settle_attempt(attempt=related, outcome=outcome, actor=actor, at=at)


def find_attempt(*, reference: str, gateway: str = DEFAULT_GATEWAY) -> PaymentAttempt | None:
    """The attempt that a charge or page of the gateway belongs to, by either's name."""
    attempts = PaymentAttempt.objects.filter(gateway=gateway)
    by_name = attempts.filter(gateway_reference=reference) | attempts.filter(
        gateway_session=reference
    )
    return by_name.first()


def _claim_due(at: datetime, limit: int, clock: CustomerClock | None) -> list[PaymentAttempt]:
    with transaction.atomic(durable=True):
        own = PaymentAttempt.objects.to_check(at).filter(payment__customer__clock=clock)
        due = own.select_for_update(skip_locked=True, of=("self",))
        claimed = list(due.order_by("next_check_at")[:limit])
        for attempt in claimed:
            later = next_check_at(checks_done=attempt.checks, at=at + send_deadline())
            PaymentAttempt.objects.filter(pk=attempt.pk).update(next_check_at=later)
    return claimed


def _find(attempt: PaymentAttempt, at: datetime) -> Outcome:
    """What the gateway has by our reference."""
    gateway, whose = gateway_named(attempt.gateway), customer_reference(attempt)
    return ask(
        gateway=attempt.gateway,
        verb="find_charge",
        request=str(attempt.pk),
        call=lambda: gateway.find_charge(
            our_reference=str(attempt.pk), customer_reference=whose, since=attempt.dispatched_at
        ),
        at=at,
        attempt=attempt,
    )


def _read(attempt: PaymentAttempt, at: datetime) -> Outcome | None:
    """What the gateway has by its own reference; None if it has told none."""
    gateway = gateway_named(attempt.gateway)
    is_on_page = attempt.gateway_session and attempt.state != AttemptState.SUCCEEDED
    reference = attempt.gateway_session if is_on_page else attempt.gateway_reference
    if not reference:
        return None
    return ask(
        gateway=attempt.gateway,
        verb="read_session" if is_on_page else "read_charge",
        request=reference,
        call=lambda: (gateway.read_session if is_on_page else gateway.read_charge)(reference),
        at=at,
        attempt=attempt,
    )


def _is_replayable(attempt: PaymentAttempt, at: datetime) -> bool:
    """Whether sending it again is safe, and still wanted: it may be executed only now."""
    invoice: Invoice = attempt.payment.invoice
    is_wanted = invoice.state in PAYABLE_STATES[Channel(attempt.channel)]
    return (
        attempt.state in UNPROVEN_ATTEMPT_STATES
        and is_wanted
        and may_send_again(
            gateway=attempt.gateway,
            first_sent_at=attempt.dispatched_at,
            told_at=attempt.told_at,
            at=at,
        )
    )
