"""Which invoices a transfer may be meant for."""

from collections.abc import Collection

from billing.domain.creditor_references import bodies_in
from billing.models import BankEntry, Invoice
from billing.models.invoices import LEFT_TO_PAY, REFERENCE_BODY

MOST = 10


def invoices_named(bodies: Collection[str]) -> list[Invoice]:
    """The issued invoices whose numbers, without what references cannot hold, are these."""
    if not bodies:
        return []
    issued = Invoice.objects.final().exclude(state=Invoice.State.VOID)
    named = issued.alias(body=REFERENCE_BODY).filter(body__in=sorted(bodies)[:200])
    return list(named.select_related("customer").order_by("pk")[:MOST])


def candidates(entry: BankEntry) -> list[Invoice]:
    """The invoices that an entry may be meant for: named by it, or of exactly its amount."""
    named = invoices_named(bodies_in(f"{entry.structured} {entry.text}"))
    if named:
        return named
    owed = Invoice.objects.owed().filter(currency=entry.currency)
    due = owed.alias(due=LEFT_TO_PAY).filter(due=entry.amount.amount)
    return list(due.select_related("customer").order_by("due_at", "pk")[:MOST])
