"""What happens to an invoice in the drill beside being paid: refunds, disputes, holds.

The workers do our part, all of them the same and at once; the banks' part is the drill's.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from functools import partial
from uuid import UUID

from django.db import connection

from billing.domain.attempts import COUNTED_REFUND_STATES, LIVE_REFUND_STATES
from billing.errors import InvoiceNotOpen
from billing.gateways.registry import gateway_named
from billing.models import Invoice, Payment, PaymentAttempt, PaymentMethod
from billing.services.payments.holds import capture_hold, hold_invoice, void_hold
from billing.services.payments.refunds import refund_payment
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.errors import Conflict
from tiktoktoe.kernel.money import Money, allocate

ACTOR = Actor(source="drill")
AT_ONCE = 4


class Story(StrEnum):
    """What an invoice is for."""

    PAID = "paid"
    REFUSED = "refused"  # no card of its customer pays
    REFUNDED = "refunded"
    PART_REFUNDED = "part refunded"
    REFUNDED_IN_PARTS = "refunded in parts"
    REFUNDED_BY_EVERYBODY = "refunded by every worker, each of its own accord"
    REFUND_FAILS = "refunded, and the bank sends it back"
    DISPUTE_LOST = "disputed and lost"
    DISPUTE_WON = "disputed and won"
    PART_REFUNDED_AND_DISPUTED = "part refunded and disputed at once"
    HELD_AND_TAKEN = "held and taken"
    HELD_AND_TAKEN_IN_PARTS = "held and taken in parts"
    HELD_AND_LET_GO = "held and let go"


S = Story
Stories = Mapping[str, Story]  # by invoice
OF_GOOD_CARDS = (
    S.PAID,
    S.REFUNDED,
    S.DISPUTE_LOST,
    S.REFUNDED_BY_EVERYBODY,
    S.PART_REFUNDED,
    S.PART_REFUNDED_AND_DISPUTED,
    S.REFUNDED_IN_PARTS,
    S.DISPUTE_WON,
)
HOLDS = (S.HELD_AND_TAKEN, S.HELD_AND_TAKEN_IN_PARTS, S.HELD_AND_LET_GO)
VERDICTS = {
    S.DISPUTE_LOST: "lost",
    S.DISPUTE_WON: "won",
    S.PART_REFUNDED_AND_DISPUTED: "lost",
}
# In how many hundredths of the payment, one after another.
_REFUNDS: Mapping[Story, tuple[int, ...]] = {
    S.REFUNDED: (100,),
    S.PART_REFUNDED: (30,),
    S.REFUNDED_IN_PARTS: (33, 33, 34),
    S.REFUNDED_BY_EVERYBODY: (100,),
    S.REFUND_FAILS: (60,),
    S.PART_REFUNDED_AND_DISPUTED: (40,),
}
_CAPTURES: Mapping[Story, tuple[int, ...]] = {
    S.HELD_AND_TAKEN: (100,),
    S.HELD_AND_TAKEN_IN_PARTS: (25, 50),
}
_ASKED_ONCE = frozenset({S.REFUND_FAILS, S.PART_REFUNDED_AND_DISPUTED})


def refunds_of(story: Story, amount: Money) -> list[Money]:
    """The refunds that a story asks for, in order."""
    return _shares(amount, _REFUNDS.get(story, ()))


def still_to_give_back(wanted: Sequence[Money], given: Sequence[Money]) -> list[Money]:
    """What is missing, in order: an earlier one may have failed after a later one came through."""
    missing = list(wanted)
    for amount in given:
        if amount in missing:
            missing.remove(amount)
    return missing


def captures_of(story: Story, amount: Money, *, is_one_only: bool) -> list[Money]:
    """The captures of a hold, in order; of a gateway that takes one part the first alone."""
    parts = _shares(amount, _CAPTURES.get(story, ()))
    return parts[:1] if is_one_only else parts


def is_surely_refunded(story: Story) -> bool:
    """Whether all that a story asks for must have been given back in the end."""
    return story in _REFUNDS and story not in _ASKED_ONCE


def carry_on(stories: Stories, at: datetime) -> int:
    """Take each story one step further, where that can be done now; gives how many go on.

    Several at once, as by several people: one whose gateway hangs holds up no other.
    """
    holds = _last_holds(stories)
    steps = [
        partial(_carry_on_hold, invoice, holds.get(invoice), story, at)
        for invoice, story in stories.items()
        if story in HOLDS
    ]
    steps += [
        partial(_carry_on_refund, payment, stories[str(payment.invoice_id)], at)
        for payment in _payments(stories)
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(_take_all, (steps[first::AT_ONCE] for first in range(AT_ONCE))))


def _take_all(steps: Sequence[Callable[[], bool]]) -> int:
    try:
        return sum(step() for step in steps)
    finally:
        connection.close()


def _carry_on_refund(payment: Payment, story: Story, at: datetime) -> bool:
    """Ask for the next refund; two workers that see the same ask by the same key.

    Whoever refunds of his own accord has a key of his own.
    """
    asked = list(payment.refunds.all())
    counted = [refund.amount for refund in asked if refund.state in COUNTED_REFUND_STATES]
    missing = still_to_give_back(refunds_of(story, payment.amount), counted)
    if not missing or (asked and story in _ASKED_ONCE):
        return False
    whose = os.getpid() if story == S.REFUNDED_BY_EVERYBODY else ""
    with suppress(Conflict):
        refund_payment(
            payment=payment,
            amount=missing[0],
            reason="the drill",
            actor=ACTOR,
            idempotency_key=f"drill:{payment.pk}:{len(asked)}:{whose}",
            at=at,
        )
    return story not in _ASKED_ONCE  # a lost dispute leaves nothing to ask for


def _carry_on_hold(invoice: str, last: PaymentAttempt | None, story: Story, at: datetime) -> bool:
    if last is None or last.state in {"declined", "not_sent"}:
        return _hold(Invoice.objects.get(pk=invoice), at)
    if last.state != PaymentAttempt.State.AUTHORIZED:
        return False
    operations = list(last.operations.all())
    if any(operation.state in LIVE_REFUND_STATES for operation in operations):
        return True
    with suppress(Conflict):
        _operate(last, story, operations_done=len(operations), at=at)
    return True


def _hold(invoice: Invoice, at: datetime) -> bool:
    """Hold what is due; whether that goes on: not where somebody has charged it."""
    method = PaymentMethod.objects.filter(customer=invoice.customer_id).first()
    try:
        hold_invoice(invoice=invoice, actor=ACTOR, at=at, method=method)
    except InvoiceNotOpen:
        return False
    except Conflict:
        pass  # a gateway is left alone for a while, or another worker was quicker
    return True


def _operate(hold: PaymentAttempt, story: Story, *, operations_done: int, at: datetime) -> None:
    key = f"drill:{hold.pk}:{operations_done}"
    one_only = not gateway_named(hold.gateway).capabilities.has_multi_capture
    captures = captures_of(story, hold.amount_authorized, is_one_only=one_only)
    if not captures:
        void_hold(attempt=hold, actor=ACTOR, idempotency_key=key, at=at)
        return
    done = hold.operations.filter(state="succeeded").count()
    if done == len(captures):
        return
    capture_hold(
        attempt=hold,
        amount=captures[done],
        actor=ACTOR,
        idempotency_key=key,
        at=at,
        is_last=done + 1 == len(captures),
    )


def _last_holds(stories: Stories) -> Mapping[str, PaymentAttempt]:
    """The last hold of each invoice on which money is held by hand."""
    named = [UUID(invoice) for invoice, story in stories.items() if story in HOLDS]
    holds = PaymentAttempt.objects.filter(payment__invoice__in=named, is_hold=True)
    related = holds.select_related("payment").prefetch_related("operations")
    return {str(hold.payment.invoice_id): hold for hold in related.order_by("pk")}


def _payments(stories: Stories) -> Iterator[Payment]:
    """What was paid and is to be given back."""
    named = [UUID(invoice) for invoice, story in stories.items() if story in _REFUNDS]
    paid = Payment.objects.filter(state="paid", invoice__in=named)
    yield from paid.prefetch_related("refunds").order_by("pk")


def _shares(amount: Money, hundredths: tuple[int, ...]) -> list[Money]:
    if not hundredths:
        return []
    rest = 100 - sum(hundredths)
    return list(allocate(amount, [*hundredths, rest])[: len(hundredths)])
