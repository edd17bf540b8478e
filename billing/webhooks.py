"""Stripe's webhooks: dj-stripe verifies, stores and mirrors them, and then calls here.

An event only tells that there is something to look at. It is kept in our inbox, and what
happened is read from the gateway by a task, so that late, repeated and shuffled events come to
the same end, and none is lost while there is no worker.

dj-stripe keeps whatever is posted, whole, before it looks at the signature. So its address is
answered here first: what is enormous or forged is refused and noted, and does not reach it.
"""

from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from djstripe.event_handlers import djstripe_receiver
from djstripe.views import ProcessWebhookView

from billing.errors import GatewayRefused, WebhookForged
from billing.gateways.stripe_events import EVENTS
from billing.services.payments.stripe_door import admit, refuse_enormous
from billing.services.payments.stripe_events import keep_event
from billing.services.payments.webhook_inbox import BODY_MAX_BYTES
from billing.tasks import work_off_event
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import public
from tiktoktoe.web.bodies import declared_length

_mirror = ProcessWebhookView.as_view()


@csrf_exempt
@require_POST
@public
def stripe_events(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Let dj-stripe have what Stripe has signed."""
    at = now()
    try:
        if declared_length(request) > BODY_MAX_BYTES:
            refuse_enormous(endpoint=uuid, at=at)
            return HttpResponse("too large", status=413, content_type="text/plain")
        admit(endpoint=uuid, headers=request.headers, body=request.body, at=at)
    except GatewayRefused:
        return HttpResponse("no such endpoint", status=404, content_type="text/plain")
    except WebhookForged as refusal:
        return HttpResponse(str(refusal), status=400, content_type="text/plain")
    answer: HttpResponse = _mirror(request, uuid=uuid)
    return answer


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
