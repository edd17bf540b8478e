"""What there is to post of invoices and credit notes, and of what is given up of them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from billing.models import CreditNoteLine, InvoiceLine
from finance.domain import entries as rules
from finance.domain.facts import (
    CreditLineFact,
    CreditNoteFact,
    Earned,
    InvoiceFact,
    InvoiceLineFact,
    WriteOffFact,
)
from finance.queries import Rows, write_off_counts
from finance.services.built_entries import Found, PostingDay, built
from tiktoktoe.kernel.money import Money, allocate, from_minor, zero


def invoices(rows: Rows, days: PostingDay) -> Iterator[Found]:
    """Final invoices, by their lines."""
    fields = ("pk", "number", "customer_id", "currency", "tax", "total", "finalized_at")
    found = list(rows.values_list(*fields))
    lines = _invoice_lines([row[0] for row in found])
    for pk, number, customer, currency, tax, total, finalized_at in found:
        fact = InvoiceFact(
            id=str(pk),
            number=number,
            customer=str(customer),
            lines=lines[pk],
            tax=Money(tax, currency),
            total=Money(total, currency),
        )
        yield pk, built(rules.invoice_finalized, fact, days.of(finalized_at))


def _invoice_lines(invoice_ids: Sequence[UUID]) -> Mapping[UUID, list[InvoiceLineFact]]:
    facts: dict[UUID, list[InvoiceLineFact]] = defaultdict(list)
    rows = InvoiceLine.objects.filter(invoice_id__in=invoice_ids).order_by("invoice", "position")
    fields = ("invoice_id", "kind", "price__timing", "currency", "amount")
    for invoice_id, kind, timing, currency, amount in rows.values_list(*fields):
        fact = InvoiceLineFact(amount=Money(amount, currency), earned=_earned_when(kind, timing))
        facts[invoice_id].append(fact)
    return facts


_USAGE_KINDS = frozenset(
    {InvoiceLine.Kind.USAGE, InvoiceLine.Kind.TRUE_UP, InvoiceLine.Kind.USAGE_CREDIT}
)


def _earned_when(kind: str, timing: str | None) -> Earned:
    """When a line is earned: usage, set-up and one-off charges at once, fees over their period."""
    if kind in _USAGE_KINDS:
        return Earned.USAGE
    if kind == InvoiceLine.Kind.PREPAID:
        return Earned.PREPAID
    if kind in {InvoiceLine.Kind.SETUP, InvoiceLine.Kind.ONE_OFF}:
        return Earned.ARREARS
    return Earned.ARREARS if timing == "arrears" else Earned.OVER_TIME


def credit_notes(rows: Rows, days: PostingDay) -> Iterator[Found]:
    """Issued credit notes, by their lines."""
    fields = ("pk", "number", "customer_id", "currency", "tax", "total", "to_balance", "issued_at")
    found = list(rows.values_list(*fields))
    lines = _credit_lines([row[0] for row in found])
    for pk, number, customer, currency, tax, total, to_balance, issued_at in found:
        fact = CreditNoteFact(
            id=str(pk),
            number=number,
            customer=str(customer),
            lines=lines[pk],
            tax=Money(tax, currency),
            total=Money(total, currency),
            to_balance=Money(to_balance, currency),
        )
        yield pk, built(rules.credit_note_issued, fact, days.of(issued_at))


def _credit_lines(note_ids: Sequence[UUID]) -> Mapping[UUID, list[CreditLineFact]]:
    """What is credited of each line; a fee in advance is still deferred, since no revenue
    schedule has been recognised from it."""
    facts: dict[UUID, list[CreditLineFact]] = defaultdict(list)
    rows = CreditNoteLine.objects.filter(credit_note_id__in=note_ids).order_by("credit_note", "pk")
    line = "invoice_line__kind", "invoice_line__price__timing"
    for note_id, kind, timing, currency, amount in rows.values_list(
        "credit_note_id", *line, "currency", "amount"
    ):
        credited, nothing = Money(amount, currency), zero(currency)
        is_deferred = _earned_when(kind, timing) == Earned.OVER_TIME
        facts[note_id].append(
            CreditLineFact(
                unearned=credited if is_deferred else nothing,
                earned=nothing if is_deferred else credited,
            )
        )
    return facts


def write_offs(rows: Rows, days: PostingDay) -> Iterator[Found]:
    """The difference between what is given up and what the books have lost, either way."""
    invoices = list(rows)
    turns = write_off_counts([invoice.pk for invoice in invoices])
    for invoice in invoices:
        missing = int(invoice.given_up_minor - invoice.lost_minor)
        difference = from_minor(missing, invoice.currency)
        # The tax share of it, to the minor unit and without loss.
        net, tax = allocate(difference, [invoice.subtotal.amount, invoice.tax.amount])
        fact = WriteOffFact(
            invoice_id=str(invoice.pk),
            number=invoice.number,
            customer=str(invoice.customer_id),
            net=net,
            tax=tax,
            turn=turns.get(invoice.pk, 0),
        )
        happened_at = invoice.written_off_at if missing > 0 else invoice.paid_at
        yield (
            invoice.pk,
            built(rules.invoice_written_off, fact, days.of(happened_at or days.at)),
        )
