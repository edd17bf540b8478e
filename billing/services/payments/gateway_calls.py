"""Every request to a gateway is timed and written down, and its breaker hears how it went."""

import logging
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from time import monotonic
from traceback import extract_tb
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from billing.domain.attempts import Answer
from billing.domain.breakers import WINDOW, Breaker
from billing.domain.declines import DeclineClass
from billing.domain.redaction import masked, redacted
from billing.gateways.base import (
    CaptureRequest,
    ChargeRequest,
    Outcome,
    PageRequest,
    RefundRequest,
    VoidRequest,
)
from billing.gateways.challenges import ReturnRequest
from billing.gateways.clocks import listening
from billing.gateways.disputes import AcceptRequest, EvidenceRequest
from billing.gateways.http import SENSELESS
from billing.models import GatewayCall, GatewayHealth, PaymentAttempt, Refund
from billing.queries.routing import breaker_of
from billing.services.payments.gateway_clocks import note_readings
from tiktoktoe.kernel.errors import GatewayError
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)

Request = (
    ChargeRequest
    | CaptureRequest
    | VoidRequest
    | PageRequest
    | RefundRequest
    | EvidenceRequest
    | AcceptRequest
    | ReturnRequest
    | str
)
_FAILURES = frozenset({Answer.INCONCLUSIVE, Answer.NEVER_LEFT})
_SECRET_FIELDS = frozenset({"method_reference", "customer_reference"})
_LEFT_OUT = frozenset(
    {
        "success_url",
        "return_url",
        "browser",
        "customer_address",
        "told",
        "cancel_url",
        "metadata",
        "texts",
        "document",
        "customer_name",
        "customer_email",
        "purchase_address",
    }
)


def ask(
    *,
    gateway: str,
    verb: str,
    request: Request,
    call: Callable[[], Outcome],
    at: datetime,
    attempt: PaymentAttempt | None = None,
    refund: Refund | None = None,
) -> Outcome:
    """Send a request, outside of any transaction, and keep what was asked and answered."""
    started = monotonic()
    made = GatewayCall(
        gateway=gateway,
        verb=verb,
        attempt=attempt,
        refund=refund,
        started_at=at,
        request=_asked(request),
    )
    with listening() as readings:
        try:
            outcome = call()
        except GatewayError as error:
            made.answer, made.is_technical_failure = "error", True
            made.response = {"message": redacted(str(error))}
            _record(made, started)
            raise
        except SENSELESS as problem:  # it may have moved money: it proves nothing
            _note_senseless(problem, gateway, verb)
            outcome = Outcome(answer=Answer.INCONCLUSIVE, message=_senseless(problem))
    note_readings(gateway, readings)
    made.answer, made.is_technical_failure = str(outcome.answer), is_technical_failure(outcome)
    made.response = _answer(outcome)
    _record(made, started)
    return outcome


def is_technical_failure(outcome: Outcome) -> bool:
    """Whether the gateway, not the issuer or the customer, is to blame."""
    if outcome.decline is not None:
        return outcome.decline.decline_class == DeclineClass.TECHNICAL
    return outcome.answer in _FAILURES


@transaction.atomic
def note_health(*, gateway: str, is_failure: bool, at: datetime) -> None:
    """Move a gateway's breaker after a call; one that works costs a single statement."""
    _move_breaker(gateway, at, is_failure=is_failure)


def _move_breaker(gateway: str, at: datetime, *, is_failure: bool) -> None:
    if not is_failure and not _troubled.rows(gateway=gateway):
        return
    GatewayHealth.objects.get_or_create(gateway=gateway, defaults={"changed_at": at})
    health = GatewayHealth.objects.select_for_update().get(gateway=gateway)
    recent = GatewayCall.objects.filter(gateway=gateway, started_at__gt=at - WINDOW)
    before = breaker_of(health)
    after = before.after(
        is_failure=is_failure,
        at=at,
        calls=recent.count(),
        failed_calls=recent.filter(is_technical_failure=True).count(),
    )
    _save(health, after, at)
    if after.state != before.state:
        logger.warning("breaker moved", extra={"gateway": gateway, "state": str(after.state)})


@standing
def _troubled(gateway: str) -> QuerySet[GatewayHealth, int]:
    named = GatewayHealth.objects.filter(gateway=gateway)
    troubled = named.exclude(state="closed", failures_in_a_row=0).order_by()
    return troubled.values_list("pk", flat=True)


@transaction.atomic
def start_probe(*, gateway: str, at: datetime) -> bool:
    """Let one payment try a gateway whose rest is over; False if another one does already."""
    resting = GatewayHealth.objects.select_for_update().filter(gateway=gateway)
    health = resting.exclude(state="closed").first()
    if health is None:
        return True
    if breaker_of(health).blocks(at):
        return False
    _save(health, breaker_of(health).probing(at), at)
    return True


def _save(health: GatewayHealth, breaker: Breaker, at: datetime) -> None:
    if health.state != breaker.state:
        health.changed_at = at
    health.state = GatewayHealth.State(breaker.state)
    health.failures_in_a_row = breaker.failures_in_a_row
    health.opened_times = breaker.opened_times
    health.opens_until = breaker.opens_until
    health.save()


def _note_senseless(problem: Exception, gateway: str, verb: str) -> None:
    """Log where it was, without its text, which may quote what was answered."""
    frame = extract_tb(problem.__traceback__)[-1]
    logger.error(
        "an answer makes no sense",
        extra={
            "gateway": gateway,
            "verb": verb,
            "problem": type(problem).__name__,
            "where": f"{frame.name}:{frame.lineno}",
        },
    )


def _senseless(problem: Exception) -> str:
    """What it was, without what was quoted of the answer."""
    return f"the answer makes no sense: {type(problem).__name__}"


@transaction.atomic
def _record(call: GatewayCall, started: float) -> None:
    call.latency_ms = int((monotonic() - started) * 1000)
    call.save()
    _move_breaker(call.gateway, call.started_at, is_failure=call.is_technical_failure)


def _asked(request: Request) -> dict[str, Any]:
    """What was asked, without addresses, and with tokens masked."""
    if isinstance(request, str):
        return {"reference": request}
    shown: dict[str, Any] = {}
    for field in fields(request):
        if field.name in _LEFT_OUT:
            continue
        value = getattr(request, field.name)
        text = "" if value is None else str(value)
        shown[field.name] = masked(text) if field.name in _SECRET_FIELDS else redacted(text)
    return shown


def _answer(outcome: Outcome) -> dict[str, Any]:
    """What was answered, without the address of a payment page, which opens it."""
    facts = {
        "answer": str(outcome.answer),
        "reference": outcome.reference,
        "code": outcome.decline.code if outcome.decline else "",
        "class": str(outcome.decline.decline_class) if outcome.decline else "",
        "message": redacted(outcome.message),
        "amount": str(outcome.amount or ""),
        "fee": str(outcome.fee or ""),
        "method": outcome.method.kind if outcome.method else "",
    }
    return {name: value for name, value in facts.items() if value}
