"""Test clocks for systems: POST /api/v1/clocks/<code>/advance with {"to": "2026-05-01T00:00Z"}."""

import json
from datetime import datetime

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing.services.changes.customer_clocks import advance_clock
from subscriptions.models import CustomerClock
from subscriptions.views.api import Unacceptable, source_of
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.web.access import public
from tiktoktoe.web.days import FIRST_DAY, LAST_DAY


@csrf_exempt
@public
@require_POST
def clock_advance(request: HttpRequest, code: str) -> HttpResponse:
    """Let time pass for the customers of a clock, and say what time it is then."""
    try:
        source_of(request)
        moved = advance_clock(clock=_clock(code), to=_wanted(request.body))
    except Unacceptable as problem:
        return problem.answer()
    except (InvalidInput, Conflict) as problem:
        return Unacceptable(422, "refused", str(problem)).answer()
    return JsonResponse({"clock": moved.code, "at": moved.at.isoformat()})


def _clock(code: str) -> CustomerClock:
    clock = CustomerClock.objects.filter(code=code).first()
    if clock is None:
        raise Unacceptable(404, "unknown_clock", f"no clock is called {code[:64]!r}")
    return clock


def _wanted(body: bytes) -> datetime:
    try:
        to = datetime.fromisoformat(json.loads(body)["to"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Unacceptable(400, "unreadable", 'send {"to": "2026-05-01T00:00:00Z"}') from None
    if to.tzinfo is None:
        raise Unacceptable(400, "unreadable", "to: has no time zone")
    if not FIRST_DAY < to.date() < LAST_DAY:
        raise Unacceptable(400, "unreadable", "to: is no time of ours")
    return to
