"""Orders to a bank: planned for a day, stopped while they are here, moved by what the bank says.

A pending attempt at a bank is the wish; its order says when and by which mandate. An order that
is in no file was never sent, which is proof.
"""

import logging
from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from billing.domain.attempts import Answer
from billing.domain.bank_days import collection_day, earliest_collection, file_day
from billing.domain.bank_orders import OrderState, ensure_order_move, may_move
from billing.domain.bank_reasons import bank_decline, ends_mandate
from billing.domain.declines import Decline, DeclineClass
from billing.domain.mandates import ensure_collectable
from billing.errors import MandateNotUsable
from billing.gateways.bank import BankGateway
from billing.gateways.base import Outcome
from billing.models import BankOrder, Mandate, PaymentAttempt, Refund
from billing.services.bank.banks import BANK, bank_named, bank_names
from billing.services.bank.mandate_states import end_if_active
from billing.services.payments.payment_events import record_event
from billing.services.payments.refunds import settle_refund
from billing.services.payments.settling import settle_attempt
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import zero
from tiktoktoe.kernel.periods import local_date
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)

BATCH = 500


def plan_orders(*, at: datetime) -> int:
    """Plan an order for every attempt and refund that waits at a bank; gives how many."""
    planned = 0
    for name in bank_names():
        while batch := _plan_debits(bank_named(name), at):
            planned += batch
        planned += _plan_transfers(bank_named(name), at)
    return planned


@transaction.atomic
def stop_order(*, order: BankOrder, outcome: Outcome, reason: str, at: datetime) -> None:
    """Take an order back that is in no file; nothing of it has ever left."""
    move_order(order, OrderState.STOPPED, reason)
    if order.attempt is not None:
        settle_attempt(attempt=order.attempt, outcome=outcome, actor=BANK, at=at)
    elif order.refund is not None:
        settle_refund(refund=order.refund, outcome=outcome, actor=BANK, at=at)


@transaction.atomic
def reject_order(*, order: BankOrder, reason: str, text: str, at: datetime) -> bool:
    """The bank, or the debtor's, refuses an order before any money has moved."""
    locked = lock_order(order)
    if not may_move(locked.state, OrderState.REJECTED):
        return False
    move_order(locked, OrderState.REJECTED, f"{reason} {text}".strip())
    declined = Outcome(
        answer=Answer.DECLINED, decline=bank_decline(reason), message=text[:300] or reason
    )
    _settle(locked, declined, at)
    _end_mandate_after(locked, reason, at)
    return True


@transaction.atomic
def book_order(
    *, order: BankOrder, outcome: Outcome, at: datetime, booked_on: date | None = None
) -> bool:
    """Money has moved as it was ordered. Another amount contradicts, and settles nothing."""
    locked = lock_order(order)
    if not may_move(locked.state, OrderState.BOOKED):
        return False
    is_as_ordered = bool(outcome.amount == locked.amount)
    if is_as_ordered:
        locked.booked_on = booked_on or locked.due_on
        move_order(locked, OrderState.BOOKED)
    if is_as_ordered or locked.attempt is not None:
        _settle(locked, outcome, at)
    return is_as_ordered


def booked(order: BankOrder) -> Outcome:
    """The outcome of an order that was carried out; banks bill their fees apart."""
    return Outcome(
        answer=Answer.SUCCEEDED,
        reference=order.end_to_end_id,
        amount=order.amount,
        fee=zero(order.currency),
    )


def refuse_unusable(mandate: Mandate, order: BankOrder) -> None:
    """Refuse an order whose mandate does not allow it on its day.

    Raises:
        MandateNotUsable: Says why.
    """
    ensure_collectable(
        reference=mandate.reference,
        state=mandate.state,
        signed_on=mandate.signed_on,
        last_used_on=mandate.last_used_on,
        collect_on=order.due_on,
    )


def mandate_decline(refusal: MandateNotUsable) -> Outcome:
    """The outcome of a debit for which there is no valid mandate."""
    decline = Decline(code="mandate_not_usable", decline_class=DeclineClass.HARD_REVOKED)
    return Outcome(answer=Answer.DECLINED, decline=decline, message=str(refusal)[:300])


@standing
def _to_debit(gateway: str) -> QuerySet[PaymentAttempt]:
    return (
        PaymentAttempt.objects.filter(
            gateway=gateway,
            state="pending",
            bank_order__isnull=True,
            method__mandate__isnull=False,
        )
        .exclude(channel="bank_transfer")
        .select_related("payment", "method__mandate")
        .select_for_update(skip_locked=True, of=("self",))
        .order_by("pk")[:BATCH]
    )


def _plan_debits(bank: BankGateway, at: datetime) -> int:
    with transaction.atomic():
        attempts = _to_debit.rows(gateway=bank.name)
        ordered = _ordered_meanwhile("attempt", attempts)
        orders = [_debit_of(one, bank, at) for one in attempts if one.pk not in ordered]
        BankOrder.objects.bulk_create(orders)
        for order in orders:
            _note(order, "debit_announced", at)
    for order in orders:
        _stop_if_unusable(order, at)
    return len(orders)


def _ordered_meanwhile(field: str, rows: Sequence[PaymentAttempt | Refund]) -> set[UUID]:
    """Of what was just locked, that for which another worker has written an order meanwhile.

    PostgreSQL looks for orders before it waits for a lock, and not again after it.
    """
    orders = BankOrder.objects.filter(**{f"{field}__in": rows})
    return set(orders.values_list(field, flat=True))


def _debit_of(attempt: PaymentAttempt, bank: BankGateway, at: datetime) -> BankOrder:
    assert attempt.method is not None
    mandate = attempt.method.mandate
    return BankOrder(
        id=uuid7(),
        gateway=bank.name,
        attempt=attempt,
        mandate=mandate,
        end_to_end_id=bank.reference_of(str(attempt.pk)),
        currency=attempt.payment.currency,
        amount=attempt.payment.amount.amount,
        due_on=collection_day(
            at=at,
            notice_days=mandate.notice_days,
            terms=bank.terms.files,
            is_open=bank.terms.is_open,
        ),
        created_at=at,
    )


def _stop_if_unusable(order: BankOrder, at: datetime) -> None:
    assert order.mandate is not None
    try:
        refuse_unusable(order.mandate, order)
    except MandateNotUsable as refusal:
        stop_order(order=order, outcome=mandate_decline(refusal), reason=str(refusal), at=at)


@standing
def _to_transfer(gateway: str) -> QuerySet[Refund]:
    waiting = Refund.objects.filter(
        attempt__gateway=gateway, state="pending", bank_order__isnull=True
    )
    locked = waiting.select_related("payment").select_for_update(skip_locked=True, of=("self",))
    return locked.order_by("pk")[:BATCH]


@transaction.atomic
def _plan_transfers(bank: BankGateway, at: datetime) -> int:
    refunds = _to_transfer.rows(gateway=bank.name)
    ordered = _ordered_meanwhile("refund", refunds)
    planned = BankOrder.objects.bulk_create(
        BankOrder(
            id=uuid7(),
            gateway=bank.name,
            refund=refund,
            end_to_end_id=bank.reference_of(str(refund.pk)),
            currency=refund.currency,
            amount=refund.amount.amount,
            due_on=file_day(at, bank.terms.files, bank.terms.is_open),
            created_at=at,
        )
        for refund in refunds
        if refund.pk not in ordered
    )
    return len(planned)


def due_day(order: BankOrder, bank: BankGateway, at: datetime) -> None:
    """Put an order's day off that cannot be met any more, as after a day without a worker."""
    files, is_open = bank.terms.files, bank.terms.is_open
    find = earliest_collection if order.attempt_id else file_day
    soonest = find(at, files, is_open)
    order.due_on = max(order.due_on, soonest, local_date(at, files.time_zone))


def lock_order(order: BankOrder) -> BankOrder:
    """The order as it is now, for the caller's transaction; its payment is locked after it."""
    return _locked.get(pk=order.pk)


@standing
def _locked(pk: UUID) -> QuerySet[BankOrder]:
    related = BankOrder.objects.select_related("attempt", "refund", "mandate")
    return related.select_for_update(of=("self",)).filter(pk=pk)


def move_order(order: BankOrder, to_state: OrderState, reason: str = "") -> None:
    """Move an order that the caller has locked.

    Raises:
        StateMoveNotAllowed: If that is not in the table.
    """
    ensure_order_move(order.state, to_state)
    order.state, order.reason = BankOrder.State(to_state), reason[:300] or order.reason
    order.save(update_fields=["state", "reason", "booked_on"])
    logger.info("bank order moved", extra={"order": str(order.pk), "state": str(to_state)})


def _settle(order: BankOrder, outcome: Outcome, at: datetime) -> None:
    if order.attempt is not None:
        settle_attempt(attempt=order.attempt, outcome=outcome, actor=BANK, at=at)
    elif order.refund is not None:
        settle_refund(refund=order.refund, outcome=outcome, actor=BANK, at=at)


def _end_mandate_after(order: BankOrder, reason: str, at: datetime) -> None:
    if order.mandate is not None and ends_mandate(reason):
        said = f"the bank refused a debit: {reason}"
        end_if_active(mandate=order.mandate, reason=said, actor=BANK, at=at)


def _note(order: BankOrder, event: str, at: datetime) -> None:
    assert order.attempt is not None
    record_event(
        payment=order.attempt.payment,
        attempt=order.attempt,
        event=event,
        actor=BANK,
        at=at,
        details={"due_on": order.due_on.isoformat(), "reference": order.end_to_end_id},
    )
