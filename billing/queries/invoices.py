"""Invoices as staff look at them: what a list adds up to, and what happened to one."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Count, DecimalField, Sum, Value, When
from django.db.models.functions import Greatest

from billing.models import Invoice, InvoiceEvent, PaymentEvent
from billing.models.invoices import LEFT_TO_PAY, UNNUMBERED_STATES, InvoiceQuerySet
from tiktoktoe.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceSum:
    """What the invoices of a list in one currency add up to."""

    currency: str
    count: int
    total: Money
    due: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that happened to an invoice, for its timeline."""

    what: str
    at: datetime
    note: str = ""
    who: str = ""
    tone: str = ""
    href: str = ""


def invoice_sums(invoices: InvoiceQuerySet) -> list[InvoiceSum]:
    """What invoices come to and what is left to pay of them, by currency."""
    amount = DecimalField(max_digits=24, decimal_places=4)
    # No annotation below may be called like a field that LEFT_TO_PAY needs.
    due = Case(
        When(state__in=(*UNNUMBERED_STATES, "void"), then=Value(0, output_field=amount)),
        default=Greatest(LEFT_TO_PAY, Value(0, output_field=amount), output_field=amount),
        output_field=amount,
    )
    rows = (
        invoices.order_by("currency")
        .values_list("currency")
        .annotate(found=Count("pk"), invoiced=Sum("total"), to_pay=Sum(due))
    )
    return [
        InvoiceSum(
            currency=currency, count=count, total=Money(total, currency), due=Money(left, currency)
        )
        for currency, count, total, left in rows
    ]


def invoice_history(invoice: Invoice) -> list[Happening]:
    """Everything that happened to an invoice, the latest first."""
    happenings = []
    if invoice.state != Invoice.State.ELSEWHERE:
        happenings.append(Happening(what="Drafted", at=invoice.created_at))
    if invoice.finalized_at:
        happenings.append(Happening(what="Issued", at=invoice.finalized_at, tone="info"))
    happenings += [
        Happening(what=event.get_kind_display(), at=event.at, note=_of(event), who=event.actor)
        for event in invoice.events.all()
    ]
    happenings += [
        Happening(
            what=f"Credit note {note.number}",
            at=note.issued_at,
            note=f"{note.total} · {note.reason}",
            tone="warn",
        )
        for note in invoice.credit_notes.all()
    ]
    happenings += [_payment_event(event) for event in _payment_events(invoice)]
    if invoice.voided_at:
        happenings.append(Happening(what="Voided", at=invoice.voided_at, tone="bad"))
    if invoice.written_off_at:
        happenings.append(Happening(what="Given up", at=invoice.written_off_at, tone="bad"))
    if invoice.paid_at and invoice.state == Invoice.State.PAID:
        happenings.append(Happening(what="Paid", at=invoice.paid_at, tone="good"))
    happenings.sort(key=lambda happening: happening.at)
    return happenings[::-1]


def _of(event: InvoiceEvent) -> str:
    """What an act was about, and why."""
    said = [str(event.details[key]) for key in ("line", "amount") if key in event.details]
    return " · ".join(part for part in [*said, event.reason] if part)


def _payment_events(invoice: Invoice) -> list[PaymentEvent]:
    return list(PaymentEvent.objects.filter(payment__invoice=invoice).order_by("pk"))


def _payment_event(event: PaymentEvent) -> Happening:
    return Happening(
        what=event.event.replace("_", " ").capitalize(),
        at=event.at,
        note=f"{event.from_state} → {event.to_state}" if event.from_state else "",
        who=event.actor,
    )
