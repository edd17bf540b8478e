"""Orders whose money goes back: wholly, in part, with costs; or unclear, for a person to decide."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction

from billing.domain.attempts import Answer
from billing.domain.bank_orders import OrderState
from billing.domain.bank_reasons import CLASS_OF_NACHA_CODE, bank_decline, ends_mandate
from billing.errors import ReturnNotRecordable
from billing.gateways.bank_messages import ReturnedOrder
from billing.gateways.base import Outcome
from billing.models import BankCharge, BankOrder, UnclearReturn
from billing.services.bank.banks import BANK
from billing.services.bank.charges import (
    ReturnedMoney,
    explained_return,
    keep_charge_of,
    plain_return,
)
from billing.services.bank.mandate_states import end_if_active
from billing.services.bank.orders import book_order, booked, lock_order, move_order
from billing.services.payments.payment_returns import return_payment
from billing.services.payments.refunds import settle_refund
from tiktoktoe.accounts.models import User
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money

State = UnclearReturn.State


def take_returns(
    gateway: str,
    returns: Sequence[ReturnedOrder],
    results: list[str],
    problems: list[str],
    *,
    at: datetime,
) -> None:
    """Take over what a bank says of orders whose money goes back."""
    names = [returned.end_to_end_id for returned in returns]
    orders = {
        o.end_to_end_id: o
        for o in BankOrder.objects.filter(gateway=gateway, end_to_end_id__in=names)
    }
    done = 0
    for returned in returns:
        order = orders.get(returned.end_to_end_id)
        if order is None:
            problems.append(f"it returns an order that is not ours: {returned.end_to_end_id[:35]}")
            continue
        day = returned.returned_on or at.date()
        problem = return_order(
            order=order,
            amount=returned.amount,
            reason=returned.reason,
            text=returned.text,
            on=day,
            at=at,
            charges=returned.charges,
            instructed=returned.instructed,
        )
        done += not problem
        problems.extend([problem] if problem else [])
    if returns:
        results.append(f"{done} orders returned")


def return_order(
    *,
    order: BankOrder,
    amount: Money,
    reason: str,
    text: str,
    on: date,
    at: datetime,
    charges: Money | None = None,
    instructed: Money | None = None,
) -> str:
    """The money of an order goes back; says what is wrong with that, if anything is.

    A return proves that the order had been booked, if that has not been told yet. One of another
    amount that the bank does not explain waits at the desk.
    """
    locked = lock_order(order)
    is_ach_echo = locked.state == OrderState.REJECTED and reason in CLASS_OF_NACHA_CODE
    if locked.state == OrderState.RETURNED or is_ach_echo:
        return ""  # an ACH entry that is refused comes back as a return besides
    money = explained_return(locked, amount=amount, charges=charges, instructed=instructed)
    if money is None or (locked.refund_id is not None and money.back != locked.amount):
        _keep_unclear(locked, amount, reason=reason, text=text, on=on, at=at)
        return f"{amount} of an order of {locked.amount} goes back: it waits at the desk"
    problem = _carry_out(locked, money, reason=reason, text=text, on=on, at=at)
    if not problem:
        waiting = UnclearReturn.objects.filter(order=locked, state=State.WAITING)
        waiting.update(state=State.RECORDED, note="another message explains it", decided_at=at)
    return problem


@transaction.atomic
def record_unclear(*, unclear: UnclearReturn, user: User, at: datetime) -> UnclearReturn:
    """Take an unclear return for what it is: of a part, or of the whole with its costs.

    Raises:
        ReturnNotRecordable: If it was decided already, or is of a refund of another amount.
    """
    locked = _lock_waiting(unclear)
    money = plain_return(locked.order, locked.amount)
    if locked.order.refund_id is not None and money.back != locked.order.amount:
        raise ReturnNotRecordable("a refund comes back wholly or not at all: ask the bank")
    problem = _carry_out(
        lock_order(locked.order),
        money,
        reason=locked.reason,
        text=locked.text,
        on=locked.returned_on,
        at=at,
    )
    if problem:
        raise ReturnNotRecordable(problem)
    note = f"{money.back} taken back, {money.cost} of costs"
    return _decide(locked, State.RECORDED, note, user, at)


@transaction.atomic
def put_unclear_aside(
    *, unclear: UnclearReturn, reason: str, user: User, at: datetime
) -> UnclearReturn:
    """Leave an unclear return as it is, with the reason.

    Raises:
        ReturnNotRecordable: If it was decided already.
    """
    return _decide(_lock_waiting(unclear), State.ASIDE, reason, user, at)


def _lock_waiting(unclear: UnclearReturn) -> UnclearReturn:
    rows = UnclearReturn.objects.select_for_update(of=("self",)).select_related("order")
    locked = rows.get(pk=unclear.pk)
    if locked.state != State.WAITING:
        raise ReturnNotRecordable(f"this return is {locked.get_state_display().lower()} already")
    return locked


def _decide(
    unclear: UnclearReturn, state: UnclearReturn.State, note: str, user: User, at: datetime
) -> UnclearReturn:
    unclear.state, unclear.note = state, note[:300]
    unclear.decided_by, unclear.decided_at = user, at
    unclear.save(update_fields=["state", "note", "decided_by", "decided_at"])
    return unclear


def _keep_unclear(
    order: BankOrder, amount: Money, *, reason: str, text: str, on: date, at: datetime
) -> None:
    """Once, however many messages tell of it."""
    UnclearReturn.objects.get_or_create(
        order=order,
        defaults={
            "id": uuid7(),
            "currency": order.currency,
            "amount": amount.amount,
            "reason": reason[:16],
            "text": text[:300],
            "returned_on": on,
            "told_at": at,
        },
    )


def _carry_out(
    order: BankOrder, money: ReturnedMoney, *, reason: str, text: str, on: date, at: datetime
) -> str:
    """Move a locked order, and what hangs on it; says what is wrong with that, if anything is."""
    if order.state in {OrderState.FILED, OrderState.ACCEPTED}:
        book_order(order=order, outcome=booked(order), at=at)
        order = lock_order(order)
    if order.state != OrderState.BOOKED:
        return f"an order that is {order.state} goes back: {order.end_to_end_id}"
    move_order(order, OrderState.RETURNED, f"{reason} {text}".strip())
    said = f"return: {reason}"
    keep_charge_of(order, kind=BankCharge.Kind.RETURN, amount=money.cost, on=on, text=said, at=at)
    if order.refund is not None:
        undone = Outcome(answer=Answer.DECLINED, decline=bank_decline(reason), message=reason)
        settle_refund(refund=order.refund, outcome=undone, actor=BANK, at=at)
        return ""
    assert order.attempt is not None
    return_payment(
        attempt=order.attempt,
        code=reason,
        message=text,
        debited_on=order.booked_on,
        returned_on=on,
        actor=BANK,
        at=at,
        amount=money.back,
    )
    if order.mandate is not None and ends_mandate(reason):
        said = f"a debit was returned: {reason}"
        end_if_active(mandate=order.mandate, reason=said, actor=BANK, at=at)
    return ""
