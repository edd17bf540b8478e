"""What a credit note takes back of what prepaid credits paid goes back to the lots it came from.

Never to the customer's lasting credit, and never as money: so nothing lasting is made of gifts.
In the caller's transaction, which holds the invoice.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum

from billing.domain.prepaid import expires_after_return
from billing.models import CreditNote, Invoice, PrepaidCredit, PrepaidEntry
from billing.queries.wallets import order_of_use
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money

Refills = list[tuple[PrepaidCredit, Decimal]]


def return_note_to_wallets(*, note: CreditNote, at: datetime) -> None:
    """Put back what a note says; what would expire too soon is a new lot that does not."""
    entries, lots = [], []
    for lot, amount in refills(note.invoice, note.to_wallets):
        entries.append(_entry(note, lot, amount, PrepaidEntry.Kind.RETURNED, at))
        if (kept := kept_longer(lot, amount, at)) is not None:
            entries.append(_entry(note, lot, -amount, PrepaidEntry.Kind.EXPIRED, at))
            kept.reason = f"Given back by {note.number}"[:200]
            kept.actor, kept.idempotency_key = "billing", f"returned:{note.pk}:{lot.pk}"
            lots.append(kept)
    PrepaidCredit.objects.bulk_create(lots)
    PrepaidEntry.objects.bulk_create(entries)


def refills(invoice: Invoice, amount: Money) -> Refills:
    """The lots that an amount of an invoice goes back to: those used last come first."""
    return _refills(invoice, amount) if amount else []


def _refills(invoice: Invoice, amount: Money) -> Refills:
    taken = PrepaidEntry.objects.filter(invoice=invoice).order_by().values_list("credit")
    used = dict(taken.annotate(taken=-Sum("amount")))
    lots = PrepaidCredit.objects.filter(pk__in=used).select_related("wallet")
    left, found = amount.amount, Refills()
    for lot in sorted(lots, key=order_of_use, reverse=True):
        part = min(used[lot.pk], left)
        if part > 0:
            found.append((lot, part))
            left -= part
    return found


def kept_longer(lot: PrepaidCredit, amount: Decimal, at: datetime) -> PrepaidCredit | None:
    """A lot to be, for credits whose own would expire too soon; None where it does not.

    What was paid for does not expire.
    """
    expires_at = expires_after_return(lot.expires_at, at)
    if expires_at == lot.expires_at or lot.kind == PrepaidCredit.Kind.PAID:
        return None
    return PrepaidCredit(
        id=uuid7(),
        wallet=lot.wallet,
        kind=lot.kind,
        currency=lot.currency,
        amount=amount,
        amount_left=amount,
        expires_at=expires_at,
        at=at,
    )


def refilled(parts: Iterable[tuple[Invoice, Money]], at: datetime) -> list[PrepaidCredit]:
    """For previews: the lots of these parts of invoices with what went back to them, unsaved.

    A lot that had something left has that besides.
    """
    back: dict[UUID, Decimal] = {}
    known: dict[UUID, PrepaidCredit] = {}
    for invoice, amount in parts:
        for lot, part in refills(invoice, amount):
            there = kept_longer(lot, part, at) or lot
            back[there.pk] = back.get(there.pk, Decimal(0)) + part
            known[there.pk] = there
    return [_with(known[pk], amount) for pk, amount in back.items()]


def _with(lot: PrepaidCredit, amount: Decimal) -> PrepaidCredit:
    if lot.idempotency_key:  # a lot that is there
        lot.amount_left = lot.amount_left + Money(amount, lot.currency)
    return lot


def _entry(
    note: CreditNote, lot: PrepaidCredit, amount: Decimal, kind: PrepaidEntry.Kind, at: datetime
) -> PrepaidEntry:
    is_back = kind == PrepaidEntry.Kind.RETURNED
    return PrepaidEntry(
        id=uuid7(),
        credit=lot,
        kind=kind,
        currency=note.currency,
        amount=amount,
        invoice=note.invoice if is_back else None,
        idempotency_key=f"{kind}:{note.pk}:{lot.pk}",
        at=at,
    )
