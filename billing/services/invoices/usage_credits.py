"""Lines that take off an invoice what earlier ones charged for the same usage."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from billing.domain.derivation import early_derivation
from billing.domain.thresholds import BilledEarly, shares_of
from billing.models import InvoiceLine
from billing.services.invoices.draft_parts import Boundary, DraftLine
from tiktoktoe.kernel.money import total, zero


def credit_lines_of(
    early: Iterable[BilledEarly], lines: Sequence[DraftLine], boundary: Boundary
) -> Iterator[DraftLine]:
    """What was charged before, invoice by invoice; never more than these lines charge together.

    Prices that include tax are one sum, the others another.
    """
    known = list(early)
    for includes_tax in (False, True):
        charged = [line for line in lines if line.includes_tax == includes_tax]
        before = [billed for billed in known if billed.includes_tax == includes_tax]
        yield from _credits(before, charged, boundary)


def _credits(
    early: Iterable[BilledEarly], lines: Iterable[DraftLine], boundary: Boundary
) -> Iterator[DraftLine]:
    closed = boundary.closed
    assert closed is not None
    currency = boundary.subscription.currency
    limit = max(total((line.amount for line in lines), currency), zero(currency))
    for billed, share in shares_of(early, limit):
        yield DraftLine(
            kind=InvoiceLine.Kind.USAGE_CREDIT,
            description=f"Usage billed before with invoice {billed.number}",
            price_id=None,
            period=closed,
            quantity=Decimal(1),
            unit_amount=-share.amount,
            amount=-share,
            derivation=early_derivation(billed, share),
            includes_tax=billed.includes_tax,
        )
