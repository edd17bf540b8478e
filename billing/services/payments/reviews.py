"""Payments that are held back for a person, and what the person decides."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction

from billing.domain.attempts import LIVE_PAYMENT_STATES, PaymentState, ensure_payment_move
from billing.domain.risk import RiskAction, RiskVerdict
from billing.errors import ReviewDecided
from billing.models import Invoice, Payment, PaymentReview
from billing.queries.contradictions import unresolved_contradictions
from billing.services.payments.payment_events import record_event
from subscriptions.services.transitions import SCHEDULE, Actor

PAYS_WITHIN = timedelta(days=3)  # on a page, once it is approved, before a stored method is charged


def held_back(
    *,
    payment: Payment,
    known: PaymentReview | None,
    verdict: RiskVerdict,
    at: datetime,
    is_hold: bool = False,
    is_on_page: bool = False,
) -> PaymentReview | None:
    """The review that keeps a payment from being sent; None if it may go.

    What a person approved goes; what the rules block waits for a person too, who is told so.
    The caller holds the invoice's lock.

    Args:
        known: The payment's review, if there is one.
        is_hold: Whether money is only to be held: then approving it charges nothing by itself.
        is_on_page: Whether the customer wants to pay on a page: then approving lets them.
    """
    if known is not None:
        if known.state != PaymentReview.State.APPROVED and payment.next_attempt_at is not None:
            payment.next_attempt_at = None
            payment.save(update_fields=["next_attempt_at"])
        return None if known.state == PaymentReview.State.APPROVED else known
    if verdict.action not in {RiskAction.REVIEW, RiskAction.BLOCK}:
        return None
    return hold_for_person(
        payment=payment, hits=verdict.hits, is_hold=is_hold, is_on_page=is_on_page, at=at
    )


def hold_for_person(
    *,
    payment: Payment,
    hits: Mapping[str, int],
    at: datetime,
    is_hold: bool = False,
    is_on_page: bool = False,
) -> PaymentReview:
    """Keep a payment from being charged until a person has decided, whatever was decided before.

    No next try is planned meanwhile. The caller holds the invoice's lock.
    """
    points = sum(hits.values())
    review, _ = PaymentReview.objects.update_or_create(
        payment=payment,
        defaults={
            "state": PaymentReview.State.OPEN,
            "points": points,
            "hits": dict(hits),
            "is_hold": is_hold,
            "is_on_page": is_on_page,
            "created_at": at,
            "decided_at": None,
            "decided_by": None,
            "reason": "",
        },
    )
    payment.next_attempt_at = None
    payment.save(update_fields=["next_attempt_at"])
    record_event(
        payment=payment,
        event="payment_held",
        actor=SCHEDULE,
        at=at,
        details={"reason": "; ".join(hits)[:300], "points": points},
    )
    return review


def is_contradicted(invoice: Invoice) -> bool:
    """Whether a gateway contradicts a payment of it, and nobody has corrected that."""
    return unresolved_contradictions().filter(payment__invoice=invoice).exists()


def lapse_review(*, payment: Payment, reason: str, actor: Actor, at: datetime) -> bool:
    """Let the open review of a payment that is over leave the queue; gives whether there was one.

    The caller holds the invoice's lock.
    """
    waiting = PaymentReview.objects.filter(payment=payment, state=PaymentReview.State.OPEN)
    if not waiting.update(state=PaymentReview.State.LAPSED, decided_at=at, reason=reason[:300]):
        return False
    record_event(
        payment=payment,
        event="review_lapsed",
        actor=actor,
        at=at,
        from_state=PaymentReview.State.OPEN,
        to_state=PaymentReview.State.LAPSED,
        details={"reason": reason[:300]},
    )
    return True


def _next_attempt_at(review: PaymentReview, at: datetime) -> datetime | None:
    """When a stored method is charged by itself, after a person has decided."""
    if review.state != PaymentReview.State.APPROVED or review.is_hold:
        return None
    return at + PAYS_WITHIN if review.is_on_page else at


@transaction.atomic
def decide_review(
    *, review: PaymentReview, approve: bool, reason: str, actor: Actor, at: datetime
) -> PaymentReview:
    """Let a held payment go at once, or give it up; with a reason, by a person.

    One that was to be held only is held by whoever asked for it, once it is approved; one that
    was to be paid on a page is paid there, and a stored method only charged if it is not.

    Raises:
        ReviewDecided: If somebody was quicker, or nobody says who and why.
    """
    if actor.user is None or not reason.strip():
        raise ReviewDecided("a person decides, and says why")
    Invoice.objects.select_for_update(of=("self",)).get(payments__review=review.pk)
    payment = Payment.objects.select_for_update(of=("self",)).get(review=review.pk)
    locked = PaymentReview.objects.select_for_update(of=("self",)).get(pk=review.pk)
    if locked.state != PaymentReview.State.OPEN:
        raise ReviewDecided(f"it is {locked.state} already")
    if payment.state not in LIVE_PAYMENT_STATES:
        raise ReviewDecided(f"the payment is {payment.state}: there is nothing to decide")
    locked.state = PaymentReview.State.APPROVED if approve else PaymentReview.State.REFUSED
    locked.decided_at, locked.decided_by, locked.reason = at, actor.user, reason[:300]
    locked.save()
    from_state = payment.state
    if not approve:
        ensure_payment_move(from_state, PaymentState.FAILED)
        payment.state = Payment.State.FAILED
    payment.next_attempt_at = _next_attempt_at(locked, at)
    payment.save(update_fields=["state", "next_attempt_at"])
    record_event(
        payment=payment,
        event="payment_approved" if approve else "payment_refused",
        actor=actor,
        at=at,
        from_state=from_state,
        to_state=payment.state,
        details={"reason": reason[:300]},
    )
    return locked
