"""What is not known to have been done: attempts with the evidence there is, refunds, captures."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, QuerySet

from billing.domain.attempts import may_replay
from billing.gateways.registry import gateway_named, gateway_names
from billing.models import (
    GatewayCall,
    OutcomeClaim,
    Payment,
    PaymentAttempt,
    PaymentOperation,
    Refund,
)
from tiktoktoe.kernel.money import Money

SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownRow:
    """One of them: whether it can be sent again safely, and what the gateway said last."""

    attempt: PaymentAttempt
    is_replayable: bool
    can_be_searched: bool
    last_call: GatewayCall | None
    claim: OutcomeClaim | None  # that waits for a second person


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownMovement:
    """A refund of a payment, or a capture or void of a hold, that may have been carried out."""

    what: str
    payment: Payment
    gateway: str
    amount: Money
    since: datetime
    sends: int
    checks: int
    next_check_at: datetime | None


def unknown_refunds() -> QuerySet[Refund]:
    """Money that may have been given back."""
    return Refund.objects.filter(state="unknown").order_by("requested_at")


def unknown_operations() -> QuerySet[PaymentOperation]:
    """Parts of holds that may have been taken, and holds that may have been let go."""
    return PaymentOperation.objects.filter(state="unknown").order_by("requested_at")


def unknown_movements() -> list[UnknownMovement]:
    """The oldest first; two queries."""
    to_payment = ("payment__customer", "payment__invoice")
    refunds = unknown_refunds().select_related("attempt", *to_payment)[:SHOWN]
    related = ("attempt", *(f"attempt__{name}" for name in to_payment))
    operations = unknown_operations().select_related(*related)[:SHOWN]
    found = [_movement("refund", refund.payment, refund) for refund in refunds]
    found += [_movement(row.kind, row.attempt.payment, row) for row in operations]
    return sorted(found, key=lambda row: row.since)


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


def _movement(what: str, payment: Payment, row: Refund | PaymentOperation) -> UnknownMovement:
    return UnknownMovement(
        what=what,
        payment=payment,
        gateway=row.attempt.gateway,
        amount=row.amount,
        since=row.requested_at,
        sends=row.sends,
        checks=row.checks,
        next_check_at=row.next_check_at,
    )
