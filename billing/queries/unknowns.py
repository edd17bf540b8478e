"""What is not known to have been done: attempts with the evidence there is, refunds, captures."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from billing.domain.attempts import LIVE_REFUND_STATES, may_replay
from billing.domain.hold_ends import TOLD_WITHIN
from billing.gateways.base import Capabilities
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

    kind: str  # refund or operation
    pk: UUID
    what: str
    payment: Payment
    gateway: str
    amount: Money
    since: datetime
    sends: int
    checks: int
    next_check_at: datetime | None
    is_replayable: bool
    claim: OutcomeClaim | None  # that waits for a second person


def unknown_refunds() -> QuerySet[Refund]:
    """Money that may have been given back."""
    return Refund.objects.filter(state="unknown").order_by("requested_at")


def unknown_operations() -> QuerySet[PaymentOperation]:
    """Parts of holds that may have been taken, and holds that may have been let go."""
    return PaymentOperation.objects.filter(state="unknown").order_by("requested_at")


def untold_holds(at: datetime) -> QuerySet[PaymentAttempt]:
    """Holds that are over by their own date, of which no gateway has told the end.

    Captures of them that are not known stand for themselves. A customer with a test clock has
    dates of its own.
    """
    live = [str(state) for state in LIVE_REFUND_STATES]
    captures = PaymentOperation.objects.filter(kind="capture", state__in=live)
    over = PaymentAttempt.objects.filter(
        is_hold=True,
        state="authorized",
        authorized_until__lte=at - TOLD_WITHIN,
        payment__customer__clock=None,
    )
    return over.exclude(operations__in=captures).order_by("authorized_until")


def untold_hold_rows(*, at: datetime) -> list[PaymentAttempt]:
    """The oldest first, with what a page shows of them."""
    related = untold_holds(at).select_related("payment__customer", "payment__invoice")
    return list(related[:SHOWN])


def unknown_movements(*, at: datetime) -> list[UnknownMovement]:
    """The oldest first; four queries."""
    to_payment = ("payment__customer", "payment__invoice")
    claims = Prefetch("outcome_claims", _open_claims(), to_attr="open_claims")
    refunds = unknown_refunds().select_related("attempt", *to_payment)
    found = [
        _movement("refund", "refund", refund.payment, refund, at)
        for refund in refunds.prefetch_related(claims)[:SHOWN]
    ]
    related = ("attempt", *(f"attempt__{name}" for name in to_payment))
    claims = Prefetch("outcome_claims", _open_claims(), to_attr="open_claims")
    operations = unknown_operations().select_related(*related)
    found += [
        _movement("operation", row.kind, row.attempt.payment, row, at)
        for row in operations.prefetch_related(claims)[:SHOWN]
    ]
    return sorted(found, key=lambda row: row.since)


def unknown_attempts(*, at: datetime) -> list[UnknownRow]:
    """The oldest first."""
    calls = Prefetch("calls", GatewayCall.objects.order_by("-pk"), to_attr="last_calls")
    unknown = PaymentAttempt.objects.filter(state="unknown").order_by("dispatched_at")
    related = unknown.select_related("payment__customer", "payment__invoice")
    claims = Prefetch("outcome_claims", _open_claims(), to_attr="open_claims")
    rows = related.prefetch_related(calls, claims)
    return [_row(attempt, at) for attempt in rows[:SHOWN]]


def _open_claims() -> QuerySet[OutcomeClaim]:
    return OutcomeClaim.objects.filter(state="open").select_related("claimed_by")


def _open_claim(row: PaymentAttempt | Refund | PaymentOperation) -> OutcomeClaim | None:
    claims: list[OutcomeClaim] = getattr(row, "open_claims", [])
    return next(iter(claims), None)


def _row(attempt: PaymentAttempt, at: datetime) -> UnknownRow:
    able = _capabilities(attempt.gateway)
    last_calls: list[GatewayCall] = getattr(attempt, "last_calls", [])
    return UnknownRow(
        attempt=attempt,
        is_replayable=_is_replayable(attempt.gateway, attempt.dispatched_at, at),
        can_be_searched=able is not None and able.look_up is not None,
        last_call=next(iter(last_calls), None),
        claim=_open_claim(attempt),
    )


def _movement(
    kind: str, what: str, payment: Payment, row: Refund | PaymentOperation, at: datetime
) -> UnknownMovement:
    gateway = row.attempt.gateway
    return UnknownMovement(
        kind=kind,
        pk=row.pk,
        what=what,
        payment=payment,
        gateway=gateway,
        amount=row.amount,
        since=row.requested_at,
        sends=row.sends,
        checks=row.checks,
        next_check_at=row.next_check_at,
        is_replayable=_is_replayable(gateway, row.requested_at, at),
        claim=_open_claim(row),
    )


def _capabilities(gateway: str) -> Capabilities | None:
    return gateway_named(gateway).capabilities if gateway in gateway_names() else None


def _is_replayable(gateway: str, since: datetime, at: datetime) -> bool:
    """Whether the gateway surely knows the key still; one that is not configured knows nothing."""
    able = _capabilities(gateway)
    return able is not None and may_replay(
        dispatched_at=since, at=at, remembers_keys_for=able.remembers_keys_for
    )
