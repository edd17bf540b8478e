"""What is paused is to go on by itself when a day begins, or not by itself any more."""

from datetime import date, datetime

from django.db import transaction

from billing.errors import DatedChangeInvalid
from billing.models import DatedChange
from subscriptions.models import Subscription
from subscriptions.services.lifecycle import lock_subscription
from subscriptions.services.pauses import schedule_resumption
from subscriptions.services.transitions import Actor


@transaction.atomic
def resume_on_day(
    *,
    subscription: Subscription,
    resume_on: date | None,
    actor: Actor,
    at: datetime,
    reason: str = "",
    expected: str | None = None,
) -> Subscription:
    """Let it go on when a day begins, billed by the run then; None: once somebody resumes it.

    Raises what `schedule_resumption` does, and:
        DatedChangeInvalid: If something is scheduled for a day on which it would rest still.
    """
    locked = lock_subscription(subscription)
    waiting = DatedChange.objects.scheduled().filter(subscription=locked)
    if resume_on is not None:
        waiting = waiting.filter(on__lt=resume_on)
    change = waiting.order_by("on").first()
    if change is not None:
        raise DatedChangeInvalid(
            f"something is scheduled for {change.on}, in the pause",
            field="on",
            remedy="let it go on before that day, or withdraw that first",
        )
    return schedule_resumption(
        subscription=locked,
        resume_on=resume_on,
        actor=actor,
        reason=reason,
        expected=expected,
        at=at,
    )
