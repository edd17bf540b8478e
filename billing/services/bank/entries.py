"""Movements of our account: of orders of ours, or of whoever sends us money."""

from collections.abc import Iterable
from datetime import datetime

from billing.domain.attempts import Answer
from billing.domain.bank_orders import OrderState
from billing.gateways.bank_messages import AccountReport, Entry
from billing.gateways.base import Outcome
from billing.models import BankCharge, BankDelivery, BankEntry, BankOrder
from billing.services.bank.banks import bank_named
from billing.services.bank.charges import (
    charge_within,
    is_own_fee,
    keep_charge_of,
    keep_own_fee,
)
from billing.services.bank.orders import book_order
from billing.services.bank.returns import return_order
from billing.services.bank.sealing import seal
from billing.services.bank.transfers import match_entry
from tiktoktoe.kernel.ids import uuid7

_NEVER_BOOKED = frozenset({OrderState.PLANNED, OrderState.STOPPED, OrderState.REJECTED})


def take_entries(
    delivery: BankDelivery,
    report: AccountReport,
    results: list[str],
    problems: list[str],
    *,
    at: datetime,
) -> None:
    """Take over the movements that a message tells of, each once, however many messages do."""
    if not bank_named(delivery.gateway).is_ours(report.account):
        results.append("of another account: left alone")
        return
    missing = report.missing
    if missing is not None and missing.amount:
        problems.append(f"its entries leave {missing} of the change of the balance unexplained")
    unnamed = [entry for entry in report.entries if not entry.reference]
    if unnamed:
        problems.append(f"{len(unnamed)} entries have no name of the bank's: take them by hand")
    named = [entry for entry in report.entries if entry.reference]
    if not named:
        return  # a quiet day
    known = BankEntry.objects.filter(
        gateway=delivery.gateway, reference__in=[entry.reference for entry in named]
    )
    seen = set(known.values_list("reference", flat=True))
    results.append(f"{len(named)} entries, {len(seen)} of them known")
    orders = _orders(delivery.gateway, named)
    for entry in named:
        if entry.reference not in seen:
            seen.add(entry.reference)
            _take(delivery, entry, orders.get(entry.end_to_end_id), problems, at)


def _take(
    delivery: BankDelivery,
    entry: Entry,
    order: BankOrder | None,
    problems: list[str],
    at: datetime,
) -> None:
    surplus = "" if order is None else _why_surplus(order, entry)
    if surplus:
        problems.append(f"{surplus}: {entry.end_to_end_id[:35]}")
        order = None
    row = _row(delivery, entry, order, at)
    row.why = surplus
    if order is not None:
        row.save(force_insert=True)
        problem = _follow(order, entry, at)
        problems.extend([problem] if problem else [])
    elif is_own_fee(entry) and not surplus:
        row.state, row.why = BankEntry.State.CHARGE, "the bank's own charge"
        row.save(force_insert=True)
        keep_own_fee(row, at)
    elif not entry.is_credit or entry.return_reason:
        row.state, row.why = BankEntry.State.ASIDE, surplus or "no order of ours"
        row.save(force_insert=True)
    else:
        row.state = BankEntry.State.WAITING
        row.save(force_insert=True)
        if not surplus:
            match_entry(entry=row, at=at)


def _why_surplus(order: BankOrder, entry: Entry) -> str:
    """Why money that names an order is not the order's; empty if it is: it moves money once."""
    if _is_return(order, entry):
        return ""
    state = BankOrder.objects.values_list("state", flat=True).get(pk=order.pk)
    if state in _NEVER_BOOKED:
        return f"it names an order that is {state}"
    known = BankEntry.objects.filter(order=order, is_credit=entry.is_credit, return_reason="")
    return "it names an order that was booked already" if known.exists() else ""


def _is_return(order: BankOrder, entry: Entry) -> bool:
    return bool(entry.return_reason) or entry.is_credit == (order.refund_id is not None)


def _follow(order: BankOrder, entry: Entry, at: datetime) -> str:
    """Move the order that an entry is of."""
    if _is_return(order, entry):
        return return_order(
            order=order,
            amount=entry.amount,
            reason=entry.return_reason,
            text=entry.text if order.refund_id else "",
            on=entry.booked_on,
            at=at,
            charges=entry.charges,
            instructed=entry.instructed,
        )
    cost = charge_within(order, entry)
    outcome = Outcome(
        answer=Answer.SUCCEEDED,
        reference=order.end_to_end_id,
        amount=entry.amount + cost if entry.is_credit else entry.amount - cost,
        fee=cost,
    )
    if order.refund_id is not None:
        keep_charge_of(
            order,
            kind=BankCharge.Kind.TRANSFER,
            amount=cost,
            on=entry.booked_on,
            text=entry.text,
            at=at,
        )
    if book_order(order=order, outcome=outcome, booked_on=entry.booked_on, at=at):
        return ""
    if outcome.amount != order.amount:
        return f"{entry.amount} was booked for an order of {order.amount}: {order.end_to_end_id}"
    return ""


def _orders(gateway: str, entries: Iterable[Entry]) -> dict[str, BankOrder]:
    names = {entry.end_to_end_id for entry in entries if entry.end_to_end_id}
    orders = BankOrder.objects.filter(gateway=gateway, end_to_end_id__in=names)
    return {order.end_to_end_id: order for order in orders}


def _row(delivery: BankDelivery, entry: Entry, order: BankOrder | None, at: datetime) -> BankEntry:
    return BankEntry(
        id=uuid7(),
        gateway=delivery.gateway,
        reference=entry.reference[:100],
        delivery=delivery,
        is_credit=entry.is_credit,
        currency=entry.amount.currency.code,
        amount=entry.amount.amount,
        booked_on=entry.booked_on,
        end_to_end_id=entry.end_to_end_id[:35],
        structured=entry.structured[:35],
        text=entry.text[:500],
        party_name=entry.party_name[:140],
        party_sealed=seal(entry.party_iban) if entry.party_iban else "",
        party_last4=entry.party_iban[-4:],
        code=entry.code[:32],
        return_reason=entry.return_reason[:16],
        state=BankEntry.State.ORDERED,
        order=order,
        created_at=at,
    )
