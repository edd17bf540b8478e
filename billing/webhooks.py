"""Stripe's webhooks: dj-stripe verifies, stores and mirrors them, and then calls here.

An event only tells that there is something to look at. It is kept in our inbox, and what
happened is read from the gateway by a task, so that late, repeated and shuffled events come to
the same end, and none is lost while there is no worker.
"""

from functools import partial
from typing import Any

from django.db import transaction
from djstripe.event_handlers import djstripe_receiver

from billing.gateways.stripe_events import EVENTS
from billing.services.payments.stripe_events import keep_event
from billing.tasks import work_off_event
from tiktoktoe.kernel.clock import now


@djstripe_receiver(list(EVENTS))  # type: ignore[untyped-decorator]
def look_at_event(sender: object, event: Any, **_: object) -> None:
    """Put an event into our inbox, and have it looked at once dj-stripe has committed it too.

    A broker that is down does not lose it: the schedule finds it there.
    """
    del sender
    kept = keep_event(
        event_id=str(event.id),
        name=str(event.type),
        named=event.data["object"],
        happened_at=event.created,
        at=now(),
    )
    if kept is not None:
        transaction.on_commit(partial(work_off_event.delay, kept.pk), robust=True)
