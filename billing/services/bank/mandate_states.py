"""Moving mandates from state to state; each move leaves a row."""

import logging
from datetime import datetime

from django.db import transaction

from billing.domain.mandates import MandateState, ensure_mandate_move
from billing.models import Mandate, MandateEvent, PaymentMethod
from billing.services.payments.payment_events import actor_name
from subscriptions.services.transitions import Actor

logger = logging.getLogger(__name__)


@transaction.atomic
def end_mandate(
    *, mandate: Mandate, to_state: MandateState, reason: str, actor: Actor, at: datetime
) -> Mandate:
    """End a mandate, and the method with it; what is not in a file yet is not collected.

    Raises:
        StateMoveNotAllowed: If it has ended already.
    """
    locked = Mandate.objects.select_for_update(of=("self",)).get(pk=mandate.pk)
    ensure_mandate_move(locked.state, to_state)
    from_state, locked.state = locked.state, Mandate.State(to_state)
    locked.ended_at, locked.ended_because = at, reason[:200]
    locked.save(update_fields=["state", "ended_at", "ended_because"])
    PaymentMethod.objects.filter(pk=locked.method_id).update(
        state=PaymentMethod.State.REMOVED, is_default=False
    )
    note_mandate(
        locked, event=str(to_state), from_state=from_state, reason=reason, actor=actor, at=at
    )
    logger.info("mandate ended", extra={"mandate": locked.reference, "state": str(to_state)})
    return locked


def end_if_active(*, mandate: Mandate, reason: str, actor: Actor, at: datetime) -> None:
    """Withdraw a mandate unless it has ended already: news of that may come twice."""
    current = Mandate.objects.get(pk=mandate.pk)
    if current.state in {MandateState.ACTIVE, MandateState.USED}:
        end_mandate(
            mandate=current, to_state=MandateState.REVOKED, reason=reason, actor=actor, at=at
        )


def note_mandate(
    mandate: Mandate,
    *,
    event: str,
    actor: Actor,
    at: datetime,
    from_state: str = "",
    reason: str = "",
) -> None:
    """Write down one thing that happened to a mandate."""
    MandateEvent.objects.create(
        mandate=mandate,
        at=at,
        actor=actor_name(actor)[:64],
        event=event,
        from_state=from_state,
        to_state=mandate.state,
        reason=reason[:200],
    )
