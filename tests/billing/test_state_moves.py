"""No row of a payment, or of a bank, gets into a state by a move that its table lacks: any pair."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from billing.domain.attempts import (
    ATTEMPT_MOVES,
    PAYMENT_MOVES,
    REFUND_MOVES,
    AttemptState,
    PaymentState,
    RefundState,
)
from billing.domain.bank_orders import FILE_MOVES, ORDER_MOVES, FileState, OrderState
from billing.domain.corrections import (
    ATTEMPT_CORRECTIONS,
    PAYMENT_CORRECTIONS,
    REFUND_CORRECTIONS,
)
from billing.domain.mandates import MANDATE_MOVES, MandateState
from billing.domain.reviews import REVIEW_MOVES, ReviewState
from billing.models import (
    BankFile,
    BankOrder,
    Invoice,
    Mandate,
    OutcomeCorrection,
    Payment,
    PaymentAttempt,
    PaymentEvent,
    PaymentMethod,
    PaymentOperation,
    PaymentReview,
    Refund,
)
from tests.factories.accounts import make_user
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import make_customer
from tests.shared_world import shared_world, undone
from tests.stripe_world import NOW
from tiktoktoe.kernel.ids import uuid7

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("world")]
UNFILED = {"planned", "stopped"}


world = shared_world(open_invoice)


def payment(state: str) -> Payment:
    invoice = Invoice.objects.select_related("customer").get()
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
        is_on_session=True,
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


def mandate(state: str) -> Mandate:
    customer = make_customer()
    method = PaymentMethod.objects.create(
        customer=customer, gateway="bank", gateway_reference=str(uuid7()), kind="bank_debit"
    )
    return Mandate.objects.create(
        id=uuid7(),
        customer=customer,
        method=method,
        gateway="bank",
        reference=uuid7().hex,
        state=state,
        signed_on=NOW.date(),
        notice_days=14,
        ended_at=None if state == "active" else NOW,
    )


def bank_file(state: str) -> BankFile:
    return BankFile.objects.create(
        id=uuid7(),
        gateway="bank",
        kind="debits",
        message_id=uuid7().hex,
        digest=uuid7().hex,
        due_on=NOW.date(),
        orders_count=1,
        currency="USD",
        total=1,
        state=state,
        written_at=NOW,
    )


def bank_order(state: str) -> BankOrder:
    return BankOrder.objects.create(
        id=uuid7(),
        gateway="bank",
        attempt=attempt("pending"),
        mandate=mandate("active"),
        file=None if state in UNFILED else bank_file("sent"),
        end_to_end_id=uuid7().hex,
        currency="USD",
        amount=1,
        due_on=NOW.date(),
        state=state,
        created_at=NOW,
    )


@pytest.mark.parametrize(
    ("make", "states", "moves"),
    [
        (payment, PaymentState, PAYMENT_MOVES),
        (attempt, AttemptState, ATTEMPT_MOVES),
        (refund, RefundState, REFUND_MOVES),
        (operation, RefundState, REFUND_MOVES),
        (review, ReviewState, REVIEW_MOVES),
        (mandate, MandateState, MANDATE_MOVES),
        (bank_file, FileState, FILE_MOVES),
        (bank_order, OrderState, ORDER_MOVES),
    ],
)
def test_the_database_allows_exactly_the_moves_of_the_table(
    make: Callable[[str], Any], states: Any, moves: Mapping[Any, frozenset[Any]]
) -> None:
    for start in states:
        with undone():
            row = make(start)
            for end in states:
                if start != end:
                    assert is_allowed(row, end) == (end in moves[start]), (start, end)


@pytest.mark.parametrize(
    ("make", "states", "moves", "corrections"),
    [
        (payment, PaymentState, PAYMENT_MOVES, PAYMENT_CORRECTIONS),
        (attempt, AttemptState, ATTEMPT_MOVES, ATTEMPT_CORRECTIONS),
        (refund, RefundState, REFUND_MOVES, REFUND_CORRECTIONS),
        (operation, RefundState, REFUND_MOVES, REFUND_CORRECTIONS),
    ],
)
def test_a_correction_allows_the_moves_of_its_own_table_besides_in_its_transaction_alone(
    make: Callable[[str], Any],
    states: Any,
    moves: Mapping[Any, frozenset[Any]],
    corrections: Mapping[Any, frozenset[Any]],
) -> None:
    for start in states:
        also = corrections.get(start, frozenset())
        with undone():
            row = make(start)
            corrected(row)
            for end in states:
                if start != end:
                    assert is_allowed(row, end) == (end in moves[start] | also), (start, end)
            applied_in_another_transaction()
            assert not any(is_allowed(row, end) for end in also)


def applied_in_another_transaction() -> None:
    """The corrections that there are were made before."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE billing_outcomecorrection SET applied_in = applied_in - 1")
        cursor.execute("SET LOCAL session_replication_role = origin")


def corrected(row: Any) -> None:
    """Two people have corrected it, in this very transaction."""
    tried = row if isinstance(row, PaymentAttempt) else getattr(row, "attempt", None)
    tried = tried or PaymentAttempt.objects.create(
        id=uuid7(),
        payment=row,
        sequence=1,
        gateway="stripe",
        channel="stored_method",
        state="declined",
        idempotency_key=str(uuid7()),
        currency="USD",
        dispatched_at=NOW,
    )
    event = PaymentEvent.objects.create(
        payment=tried.payment, attempt=tried, at=NOW, actor="webhook", event="gateway_contradicts"
    )
    made = OutcomeCorrection.objects.create(
        contradiction=event,
        payment=tried.payment,
        attempt=tried,
        refund=row if isinstance(row, Refund) else None,
        operation=row if isinstance(row, PaymentOperation) else None,
        word="executed",
        currency="USD",
        amount=1,
        proposed_at=NOW,
        proposed_by=make_user(),
    )
    made.state, made.decided_by, made.decided_at = "done", make_user(), NOW
    made.save(update_fields=["state", "decided_by", "decided_at"])


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
    """What goes with a state by a constraint of its own."""
    if isinstance(row, Mandate):
        return {"ended_at": None if state == "active" else NOW}
    if isinstance(row, BankOrder):
        return {"file": None if state in UNFILED else row.file or bank_file("sent")}
    if not isinstance(row, PaymentReview):
        return {}
    return {"decided_at": None if state == "open" else NOW, "reason": "x"}


@pytest.mark.parametrize("start", ["requires_action", "pending"])
def test_only_a_question_to_who_was_there_is_not_known_any_more(start: str) -> None:
    row = attempt(start)
    PaymentAttempt.objects.filter(pk=row.pk).update(is_on_session=False)

    assert not is_allowed(row, "unknown")
    assert is_allowed(row, "abandoned")
