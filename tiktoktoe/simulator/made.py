"""What a step made: the documents that are there after it and were not before."""

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F
from django.db.models.functions import Coalesce

from billing.models import CreditNote, Invoice, PaymentAttempt, Refund
from tiktoktoe.simulator.looking import credit_notes, invoices, transitions
from tiktoktoe.simulator.seen import CreditNoteSeen, InvoiceSeen, Seen, TransitionSeen
from tiktoktoe.simulator.world import World


@dataclass(frozen=True, slots=True)
class There:
    """What there is, in as few words as tell later what is new."""

    invoices: frozenset[tuple[str, datetime]]
    credit_notes: int
    payments: int
    refunds: int
    transitions: frozenset[TransitionSeen]


NOTHING = There(frozenset(), 0, 0, 0, frozenset())


def there_is(world: World, *, at: Collection[str] = ()) -> There:
    """What there is now; of payments, refunds and moves only if they are to be looked at."""
    owners = list(world.customers.values())
    attempts = PaymentAttempt.objects.filter(payment__customer__in=owners)
    sent_back = Refund.objects.filter(payment__customer__in=owners)
    return There(
        invoices=frozenset(_invoices(world).values()),
        credit_notes=CreditNote.objects.filter(customer__in=owners).count(),
        payments=attempts.count() if "payments" in at else 0,
        refunds=sent_back.count() if "refunds" in at else 0,
        transitions=frozenset(transitions(world)) if "transitions" in at else frozenset(),
    )


def _invoices(world: World) -> dict[UUID, tuple[str, datetime]]:
    """The number and the time of issue of each invoice: a draft that is issued is a new one."""
    rows = Invoice.objects.filter(customer__in=list(world.customers.values()))
    issued_at = Coalesce(F("finalized_at"), F("created_at"))
    return {
        pk: (number or "", at) for pk, number, at in rows.values_list("pk", "number", issued_at)
    }


def invoices_made(world: World, before: There) -> tuple[InvoiceSeen, ...]:
    """The invoices that were not there before."""
    new = [pk for pk, known_by in _invoices(world).items() if known_by not in before.invoices]
    if not new:
        return ()
    return invoices(list(world.customers.values()), world.subscription_names(), only=new)


def notes_made(world: World, before: There) -> tuple[CreditNoteSeen, ...]:
    """The credit notes that were not there before."""
    owners = list(world.customers.values())
    if CreditNote.objects.filter(customer__in=owners).count() == before.credit_notes:
        return ()
    return credit_notes(world)[before.credit_notes :]


def made(before: There, after: Seen) -> Seen:
    """What is there, but of the documents only those that were not before."""
    return dataclasses.replace(
        after,
        invoices=tuple(
            row for row in after.invoices if (row.number, row.issued_at) not in before.invoices
        ),
        credit_notes=after.credit_notes[before.credit_notes :],
        payments=after.payments[before.payments :],
        refunds=after.refunds[before.refunds :],
        transitions=tuple(row for row in after.transitions if row not in before.transitions),
    )
