"""Stripe's webhooks: dj-stripe verifies, stores and mirrors them, and then calls here.

An event only tells that there is something to look at. What happened is read from the
gateway by a task, so that late, repeated and shuffled events come to the same end.
"""

from functools import partial
from typing import Any

from django.db import transaction
from djstripe.event_handlers import djstripe_receiver

from billing.tasks import settle_reported

EVENTS = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "checkout.session.async_payment_failed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "checkout.session.expired",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "payment_method.attached",
    "payment_method.automatically_updated",
    "payment_method.detached",
    "payment_method.updated",
    "refund.created",
    "refund.failed",
    "refund.updated",
)


@djstripe_receiver(list(EVENTS))  # type: ignore[untyped-decorator]
def look_at_event(sender: object, event: Any, **_: object) -> None:
    """Have the object of an event looked at, once dj-stripe has committed the event.

    A broker that is down must not turn the event away: the reconciler finds what it missed.
    """
    del sender
    named = event.data["object"]
    metadata = named.get("metadata") or {}
    transaction.on_commit(
        partial(
            settle_reported.delay,
            kind=str(named["object"]),
            reference=str(named["id"]),
            our_reference=str(metadata.get("our_reference") or ""),
        ),
        robust=True,
    )
