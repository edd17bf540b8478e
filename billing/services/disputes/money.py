"""The movements of a dispute's money, each written down once, in the currencies they are told in.

A fee is booked as it was taken. Disputed money is in the payment's currency, with what it came to
in the gateway's balance; what that lost or won by exchange, from taking it to giving it back, is
a movement of its own. Money that is told in another currency only is left to a person.
"""

import logging
from datetime import datetime

from billing.gateways.disputes import DisputeMovement
from billing.models import Dispute, DisputeEntry
from billing.services.payments.payment_events import contradict_once
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money, quantize, total

logger = logging.getLogger(__name__)

Kind = DisputeEntry.Kind


def take_movement(
    *, dispute: Dispute, movement: DisputeMovement, actor: Actor, at: datetime
) -> None:
    """Write down what a gateway tells of a dispute's money; the caller holds its payment's lock."""
    is_foreign = movement.amount.currency.code != dispute.currency
    if is_foreign and movement.kind != Kind.FEE:
        _leave_to_a_person(dispute, movement, actor, at)
        return
    add_entry(
        dispute, movement.kind, movement.reference, movement.amount, at, settled=movement.settled
    )


def add_entry(
    dispute: Dispute,
    kind: str,
    reference: str,
    amount: Money,
    at: datetime,
    *,
    settled: Money | None = None,
) -> None:
    """Write a movement down, unless it is there."""
    if amount.amount:
        DisputeEntry.objects.get_or_create(
            dispute=dispute,
            kind=kind,
            reference=reference,
            defaults={
                "id": uuid7(),
                "currency": amount.currency.code,
                "amount": amount.amount,
                "settled_currency": settled.currency.code if settled is not None else "",
                "settled_amount": settled.amount if settled is not None else None,
                "at": at,
            },
        )


def book_exchange(*, dispute: Dispute, at: datetime) -> None:
    """Once all that was taken is back: what the gateway's balance lost by it, or won.

    Of a dispute that is lost no rate of the charge is told to hold it against.
    """
    entries = list(dispute.entries.all())
    funds = [entry for entry in entries if entry.kind == Kind.FUNDS]
    currencies = {entry.settled_currency for entry in funds}
    if len(currencies) != 1 or "" in currencies or dispute.moved(Kind.FUNDS).amount:
        return
    currency = currencies.pop()
    moved = total((Money(entry.settled_amount, currency) for entry in funds), currency)
    booked = total((e.amount for e in entries if e.kind == Kind.EXCHANGE), currency)
    add_entry(dispute, Kind.EXCHANGE, str(len(entries) + 1), moved - booked, at)


def _leave_to_a_person(
    dispute: Dispute, movement: DisputeMovement, actor: Actor, at: datetime
) -> None:
    """No rate is told: what it comes to in the payment's currency somebody has to find out."""
    shown = f"{quantize(movement.amount).amount} {movement.amount.currency.code}"
    is_new = contradict_once(
        attempt=dispute.attempt,
        about={"dispute_money": f"{dispute.pk}:{movement.reference}"},
        details={"message": f"disputed money in another currency, without a rate: {shown}"},
        actor=actor,
        at=at,
    )
    if is_new:
        logger.error("disputed money in another currency", extra={"dispute": str(dispute.pk)})
