"""Stripe's webhooks: dj-stripe verifies, stores and mirrors them, and then calls here.

An event only tells that there is something to look at. It is kept in our inbox, and what
happened is read from the gateway by a task, so that late, repeated and shuffled events come to
the same end, and none is lost while there is no worker.
"""

from functools import partial
from typing import Any

from django.db import transaction
from djstripe.event_handlers import djstripe_receiver

from billing.gateways.registry import DEFAULT_GATEWAY
from billing.services.payments.webhook_inbox import keep_hint
from billing.tasks import work_off_event
from tiktoktoe.kernel.clock import now

EVENTS = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.failed",
    "checkout.session.async_payment_failed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "checkout.session.expired",
    "mandate.updated",
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
    """Put an event into our inbox, and have it looked at once dj-stripe has committed it too.

    A broker that is down does not lose it: the schedule finds it there.
    """
    del sender
    named = event.data["object"]
    metadata = named.get("metadata") or {}
    kept = keep_hint(
        gateway=DEFAULT_GATEWAY,
        event_id=str(event.id),
        name=str(event.type),
        reference=str(named["id"]),
        our_reference=str(metadata.get("our_reference") or ""),
        happened_at=event.created,
        at=now(),
    )
    if kept is not None:
        transaction.on_commit(partial(work_off_event.delay, kept.pk), robust=True)
