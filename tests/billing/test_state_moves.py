"""No row of a payment is left in a state by a move that its table does not have: every pair."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from billing.domain.attempts import (
    ATTEMPT_MOVES,
    PAYMENT_MOVES,
    REFUND_MOVES,
    AttemptState,
    PaymentState,
    RefundState,
)
from billing.domain.reviews import REVIEW_MOVES, ReviewState
from billing.models import Payment, PaymentAttempt, PaymentOperation, PaymentReview, Refund
from tests.factories.billing import open_invoice
from tests.stripe_world import NOW
from tiktoktoe.kernel.ids import uuid7

pytestmark = pytest.mark.django_db


def payment(state: str) -> Payment:
    invoice = open_invoice()
    return Payment.objects.create(
        id=uuid7(),
        customer=invoice.customer,
        invoice=invoice,
        currency="USD",
        amount=99,
        state=state,
        purpose="off_session",
        idempotency_key=str(uuid7()),
    )


def attempt(state: str) -> PaymentAttempt:
    return PaymentAttempt.objects.create(
        id=uuid7(),
        payment=payment("processing"),
        sequence=1,
        gateway="stripe",
        channel="stored_method",
        state=state,
        idempotency_key=str(uuid7()),
        currency="USD",
        dispatched_at=NOW,
    )


def refund(state: str) -> Refund:
    made = attempt("succeeded")
    return Refund.objects.create(
        id=uuid7(),
        payment=made.payment,
        attempt=made,
        currency="USD",
        amount=1,
        state=state,
        reason="x",
        idempotency_key=str(uuid7()),
        requested_at=NOW,
    )


def operation(state: str) -> PaymentOperation:
    return PaymentOperation.objects.create(
        id=uuid7(),
        attempt=attempt("authorized"),
        kind="capture",
        state=state,
        currency="USD",
        amount=1,
        idempotency_key=str(uuid7()),
        requested_at=NOW + timedelta(days=1),
    )


def review(state: str) -> PaymentReview:
    decided = {} if state == "open" else {"decided_at": NOW, "reason": "x"}
    return PaymentReview.objects.create(
        payment=payment("open"), state=state, points=70, hits={"a": 70}, **decided
    )


@pytest.mark.parametrize(
    ("make", "states", "moves"),
    [
        (payment, PaymentState, PAYMENT_MOVES),
        (attempt, AttemptState, ATTEMPT_MOVES),
        (refund, RefundState, REFUND_MOVES),
        (operation, RefundState, REFUND_MOVES),
        (review, ReviewState, REVIEW_MOVES),
    ],
)
def test_the_database_allows_exactly_the_moves_of_the_table(
    make: Callable[[str], Any], states: Any, moves: Mapping[Any, frozenset[Any]]
) -> None:
    for start in states:
        row = make(start)
        for end in states:
            if start == end:
                continue
            assert is_allowed(row, end) == (end in moves[start]), (start, end)


def is_allowed(row: Any, state: str) -> bool:
    """Whether a row may move there; it stays where it was."""
    try:
        with transaction.atomic():
            type(row).objects.filter(pk=row.pk).update(state=state, **_decided(row, state))
            transaction.set_rollback(True)
    except IntegrityError:
        return False
    return True


def _decided(row: Any, state: str) -> dict[str, Any]:
    """What goes with a review's state by a constraint of its own."""
    if not isinstance(row, PaymentReview):
        return {}
    return {"decided_at": None if state == "open" else NOW, "reason": "x"}
