"""What a bank takes for its work: told from the movements that it goes with, and kept.

Source: ISO 20022 camt.05x, Chrgs and the bank transaction codes CHRG, COMM and FEES (ISO External
Code Sets, bank transaction sub-family); pacs.004, CompstnAmt and RtrdInstdAmt.
"""

from dataclasses import dataclass
from datetime import date, datetime

from billing.gateways.bank_messages import Entry
from billing.models import BankCharge, BankEntry, BankOrder
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money, zero

OWN_FEES = frozenset({"CHRG", "COMM", "FEES"})


def is_own_fee(entry: Entry) -> bool:
    """Whether a movement is nothing but the bank's own charge."""
    family = entry.code.rpartition("/")[2]
    return family in OWN_FEES and not entry.return_reason and not entry.end_to_end_id


def charge_within(order: BankOrder, entry: Entry) -> Money:
    """What the bank has kept of an order's money, or taken with it; none unless it adds up."""
    gap = order.amount - entry.amount if entry.is_credit else entry.amount - order.amount
    is_explained = gap.amount > 0 and entry.charges is not None and gap == entry.charges
    return gap if is_explained else zero(order.currency)


@dataclass(frozen=True, slots=True)
class ReturnedMoney:
    """What a return takes back of an order, and what it costs besides."""

    back: Money
    cost: Money


def explained_return(
    order: BankOrder, *, amount: Money, charges: Money | None, instructed: Money | None
) -> ReturnedMoney | None:
    """What a return is made of; None if the bank does not explain its amount.

    Whole, or with the charges that it names, or of what it says that was to go back: perhaps of
    a part of the order only.
    """
    if amount == order.amount:
        return ReturnedMoney(amount, zero(order.currency))
    if instructed is not None:
        is_of_order = 0 < instructed.amount <= order.amount.amount and amount >= instructed
        return ReturnedMoney(instructed, amount - instructed) if is_of_order else None
    gap = amount - order.amount
    return ReturnedMoney(order.amount, gap) if gap.amount > 0 and gap == charges else None


def plain_return(order: BankOrder, amount: Money) -> ReturnedMoney:
    """What a person takes an unexplained return for: a part, or the whole and its costs."""
    back = min(amount, order.amount)
    return ReturnedMoney(back, amount - back)


def keep_own_fee(row: BankEntry, at: datetime) -> None:
    """Keep a movement that is the bank's own charge, or one that it gives back."""
    BankCharge.objects.create(
        id=uuid7(),
        gateway=row.gateway,
        kind=BankCharge.Kind.OWN,
        entry=row,
        currency=row.currency,
        amount=-row.amount.amount if row.is_credit else row.amount.amount,
        charged_on=row.booked_on,
        text=(row.text or row.code)[:300],
        created_at=at,
    )


def keep_charge_of(
    order: BankOrder, *, kind: BankCharge.Kind, amount: Money, on: date, text: str, at: datetime
) -> None:
    """Keep what the bank took with an order or its return, once however often it is told."""
    if not amount.amount:
        return
    BankCharge.objects.get_or_create(
        order=order,
        kind=kind,
        defaults={
            "id": uuid7(),
            "gateway": order.gateway,
            "currency": order.currency,
            "amount": amount.amount,
            "charged_on": on,
            "text": text[:300],
            "created_at": at,
        },
    )
