"""Attempts whose outcome is not known, with the evidence there is."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch

from billing.domain.attempts import may_replay
from billing.gateways.registry import gateway_named, gateway_names
from billing.models import GatewayCall, OutcomeClaim, PaymentAttempt

SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownRow:
    """One of them: whether it can be sent again safely, and what the gateway said last."""

    attempt: PaymentAttempt
    is_replayable: bool
    can_be_searched: bool
    last_call: GatewayCall | None
    claim: OutcomeClaim | None  # that waits for a second person


def unknown_attempts(*, at: datetime) -> list[UnknownRow]:
    """The oldest first."""
    calls = Prefetch("calls", GatewayCall.objects.order_by("-pk"), to_attr="last_calls")
    unknown = PaymentAttempt.objects.filter(state="unknown").order_by("dispatched_at")
    open_ones = OutcomeClaim.objects.filter(state="open").select_related("claimed_by")
    claims = Prefetch("outcome_claims", open_ones, to_attr="open_claims")
    related = unknown.select_related("payment__customer", "payment__invoice")
    rows = related.prefetch_related(calls, claims)
    return [_row(attempt, at) for attempt in rows[:SHOWN]]


def _row(attempt: PaymentAttempt, at: datetime) -> UnknownRow:
    able = (
        gateway_named(attempt.gateway).capabilities if attempt.gateway in gateway_names() else None
    )
    last_calls: list[GatewayCall] = getattr(attempt, "last_calls", [])
    claims: list[OutcomeClaim] = getattr(attempt, "open_claims", [])
    return UnknownRow(
        attempt=attempt,
        is_replayable=able is not None
        and may_replay(
            dispatched_at=attempt.dispatched_at,
            at=at,
            remembers_keys_for=able.remembers_keys_for,
        ),
        can_be_searched=able is not None and able.look_up is not None,
        last_call=next(iter(last_calls), None),
        claim=next(iter(claims), None),
    )
