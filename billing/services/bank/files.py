"""Files for a bank: written and committed with their orders, then put where the bank fetches them.

Whatever dies in between leaves a file that is written, and it is sent again as it was: a bank
refuses the copy of a file that it has, by its MsgId, and the first one counts.
"""

import hashlib
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from billing.domain.attempts import Answer
from billing.domain.bank_days import leaves_by_now
from billing.domain.bank_orders import FileState, OrderState, ensure_order_move, may_file_move
from billing.domain.declines import Decline, DeclineClass
from billing.domain.mandates import MandateState, SequenceType
from billing.errors import GatewayUnavailable, MandateNotUsable
from billing.gateways.bank import BankGateway
from billing.gateways.base import Outcome
from billing.gateways.sepa_files import (
    Account,
    DebitOrder,
    TransferOrder,
)
from billing.models import BankEntry, BankFile, BankOrder, Mandate
from billing.services.bank.banks import BANK, bank_named, bank_names
from billing.services.bank.mandate_states import end_mandate
from billing.services.bank.orders import (
    due_day,
    mandate_decline,
    refuse_unusable,
    stop_order,
)
from billing.services.bank.sealing import seal, unseal
from billing.services.payments.gateway_calls import note_health
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import total
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)

MOST_ORDERS = 1_000  # of a file
_UNWANTED = Outcome(answer=Answer.ABANDONED, message="stopped before it left: not owed any more")
_NOWHERE = Outcome(
    answer=Answer.DECLINED,
    decline=Decline(code="account_not_known", decline_class=DeclineClass.DATA_FIX),
    message="the account that the money came from is not known: send it by hand",
)


def write_files(*, at: datetime) -> int:
    """Write a file of every batch of orders whose time has come; gives how many files."""
    written = 0
    for name in bank_names():
        bank = bank_named(name)
        while made := _write_batch(bank, at):
            written += made
    return written


def send_files(*, at: datetime) -> int:
    """Put every file that is written where its bank fetches it; gives how many were sent."""
    sent = 0
    for file in _unsent.rows(gateways=bank_names()):
        sent += _send(file, at)
    return sent


@standing
def _unsent(gateways: list[str]) -> QuerySet[BankFile]:
    waiting = BankFile.objects.filter(state=BankFile.State.WRITTEN, gateway__any_of=gateways)
    return waiting.order_by("written_at", "pk")


@transaction.atomic
def answer_file(*, file: BankFile, to_state: FileState, reason: str, at: datetime) -> None:
    """Record what the bank says of a whole file."""
    locked = BankFile.objects.select_for_update(of=("self",)).get(pk=file.pk)
    if may_file_move(locked.state, to_state):
        locked.state, locked.answered_at = BankFile.State(to_state), at
        locked.reason = reason[:300]
        locked.save(update_fields=["state", "answered_at", "reason"])


@transaction.atomic(durable=True)
def _write_batch(bank: BankGateway, at: datetime) -> int:
    """The files of the orders whose time has come, at most MOST_ORDERS of them; 0 when none is."""
    due = [order for order in _planned.rows(gateway=bank.name) if _is_due(order, bank, at)]
    if not due:
        return 0
    mandates, accounts = _locked_mandates(due), _accounts_back(due)
    again = _presented_again(due) if bank.tells_presented_again else set()
    batches: dict[tuple[str, date, bool], list[BankOrder]] = defaultdict(list)
    for order in due:
        due_day(order, bank, at)
        order.mandate = mandates[order.mandate_id] if order.mandate_id else None
        stopped = _why_stopped(order, accounts)
        if stopped is not None:
            stop_order(order=order, outcome=stopped, reason=stopped.message, at=at)
            continue
        sort = order.mandate.sequence_type if order.mandate else ""
        batches[sort, order.due_on, order.pk in again].append(order)
        if order.mandate is not None:
            _use(order.mandate, order.due_on)
    _save_used(mandates.values(), at)
    for (sort, day, is_again), orders in sorted(batches.items()):
        _write(bank, orders, accounts, sort, is_again=is_again, due_on=day, at=at)
    return max(len(batches), 1)


@standing
def _planned(gateway: str) -> QuerySet[BankOrder]:
    orders = BankOrder.objects.filter(gateway=gateway, state=BankOrder.State.PLANNED)
    related = orders.select_related(
        "attempt__payment__invoice", "refund__payment__invoice", "mandate"
    )
    locked = related.select_for_update(skip_locked=True, of=("self",))
    return locked.order_by("due_on", "pk")[:MOST_ORDERS]


def _is_due(order: BankOrder, bank: BankGateway, at: datetime) -> bool:
    if order.refund_id is not None:
        return True
    return leaves_by_now(
        collect_on=order.due_on, at=at, terms=bank.terms.files, is_open=bank.terms.is_open
    )


def _why_stopped(order: BankOrder, accounts: Mapping[UUID, Account]) -> Outcome | None:
    """How an order ends that is not wanted or not possible any more: it is the last moment."""
    if order.attempt is None:
        return None if order.payment.pk in accounts else _NOWHERE
    invoice = order.attempt.payment.invoice
    if order.attempt.state != "pending" or invoice.amount_due < order.amount:
        return _UNWANTED
    assert order.mandate is not None
    try:
        refuse_unusable(order.mandate, order)
    except MandateNotUsable as refusal:
        return mandate_decline(refusal)
    return None


def _presented_again(orders: Iterable[BankOrder]) -> set[UUID]:
    """Debits of which the same amount of the same invoice has come back for want of funds."""
    debits = [order for order in orders if order.attempt is not None]
    earlier = BankOrder.objects.filter(
        mandate__in={order.mandate_id for order in debits},
        attempt__payment__invoice__in={order.payment.invoice_id for order in debits},
        state__in=(BankOrder.State.REJECTED, BankOrder.State.RETURNED),
        reason__regex=r"^R0[19]\M",
    )
    came = set(earlier.values_list("mandate_id", "attempt__payment__invoice_id", "amount"))
    return {
        order.pk
        for order in debits
        if (order.mandate_id, order.payment.invoice_id, order.amount.amount) in came
    }


def _locked_mandates(orders: Iterable[BankOrder]) -> dict[UUID, Mandate]:
    """The mandates as they are now; whoever wants to withdraw one waits until it is filed."""
    ids = {order.mandate_id for order in orders if order.mandate_id}
    locked = Mandate.objects.select_for_update(of=("self",)).filter(pk__in=ids).order_by("pk")
    return {mandate.pk: mandate for mandate in locked}


def _use(mandate: Mandate, on: date) -> None:
    mandate.last_used_on = max(mandate.last_used_on or on, on)
    if mandate.sequence_type == SequenceType.ONE_OFF:
        mandate.state = Mandate.State.USED


def _save_used(mandates: Iterable[Mandate], at: datetime) -> None:
    used = list(mandates)
    Mandate.objects.bulk_update(used, ["last_used_on"])
    for mandate in used:
        if mandate.state == Mandate.State.USED and mandate.ended_at is None:
            reason, state = "it was for one payment", MandateState.USED
            end_mandate(mandate=mandate, to_state=state, reason=reason, actor=BANK, at=at)


def _write(
    bank: BankGateway,
    orders: Sequence[BankOrder],
    accounts: Mapping[UUID, Account],
    sequence_type: str,
    *,
    is_again: bool,
    due_on: date,
    at: datetime,
) -> None:
    identity = uuid7()
    number = BankFile.objects.filter(gateway=bank.name, written_at__date=at.date()).count()
    is_debit = bool(sequence_type)
    if is_debit:
        written = bank.debit_file(
            [_debit(order) for order in orders],
            message_id=identity.hex,
            number=number,
            made_at=at,
            due_on=due_on,
            sequence_type=sequence_type,
            is_again=is_again,
        )
    else:
        written = bank.transfer_file(
            [_transfer(order, accounts[order.payment.pk]) for order in orders],
            message_id=identity.hex,
            number=number,
            made_at=at,
            due_on=due_on,
        )
    currency = orders[0].currency
    file = BankFile.objects.create(
        id=identity,
        gateway=bank.name,
        kind=BankFile.Kind.DEBITS if is_debit else BankFile.Kind.TRANSFERS,
        message_id=written.message_id,
        body_sealed=seal(written.body.decode()),
        digest=hashlib.sha256(written.body).hexdigest(),
        due_on=due_on,
        orders_count=len(orders),
        currency=currency,
        total=total((order.amount for order in orders), currency).amount,
        written_at=at,
    )
    for order in orders:
        ensure_order_move(order.state, OrderState.FILED)
        order.state, order.file = BankOrder.State.FILED, file
    BankOrder.objects.bulk_update(orders, ["state", "file", "due_on"])
    logger.info("bank file written", extra={"file": file.message_id, "orders": len(orders)})


def _send(file: BankFile, at: datetime) -> bool:
    """Put a file into the bank's folder, outside of any transaction; it is counted before."""
    bank = bank_named(file.gateway)
    claimed = BankFile.objects.filter(pk=file.pk, state=BankFile.State.WRITTEN)
    if not claimed.update(sends=F("sends") + 1):
        return False
    try:
        bank.door.send(f"{file.message_id}.{bank.extension}", unseal(file.body_sealed).encode())
    except GatewayUnavailable as error:
        note_health(gateway=file.gateway, is_failure=True, at=at)
        claimed.update(reason=str(error)[:300])
        logger.warning("bank file not sent", extra={"file": file.message_id})
        return False
    note_health(gateway=file.gateway, is_failure=False, at=at)
    return bool(claimed.update(state=BankFile.State.SENT, sent_at=at, reason=""))


def _debit(order: BankOrder) -> DebitOrder:
    assert order.mandate is not None
    return DebitOrder(
        end_to_end_id=order.end_to_end_id,
        amount=order.amount,
        debtor=_account_of(order.mandate),
        mandate=order.mandate.reference,
        signed_on=order.mandate.signed_on,
        text=f"Invoice {order.payment.invoice}",
    )


def _transfer(order: BankOrder, account: Account) -> TransferOrder:
    return TransferOrder(
        end_to_end_id=order.end_to_end_id,
        amount=order.amount,
        creditor=account,
        text=f"Refund of invoice {order.payment.invoice}",
    )


def _account_of(mandate: Mandate) -> Account:
    return Account(name=mandate.debtor_name, number=unseal(mandate.account_sealed), bic=mandate.bic)


def _accounts_back(orders: Iterable[BankOrder]) -> dict[UUID, Account]:
    """Where refunds of payments go: the account that the money came from, by debit or transfer."""
    payments = {order.payment.pk for order in orders if order.refund_id}
    if not payments:
        return {}
    found: dict[UUID, Account] = {}
    debits = BankOrder.objects.filter(attempt__payment__in=payments, mandate__isnull=False)
    for debit in debits.select_related("attempt", "mandate"):
        assert debit.attempt is not None
        assert debit.mandate is not None
        found[debit.attempt.payment_id] = _account_of(debit.mandate)
    for entry in BankEntry.objects.filter(payment__in=payments).exclude(party_sealed=""):
        assert entry.payment_id is not None
        name, number = entry.party_name or "NOTPROVIDED", unseal(entry.party_sealed)
        found[entry.payment_id] = Account(name=name, number=number)
    return found
