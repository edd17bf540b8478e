"""What goes into a customer's file of everything: PDFs, tables, and the profile."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from io import BytesIO, StringIO
from zipfile import ZIP_DEFLATED, ZipFile

from billing.models import CreditNote, Invoice, PaymentAttempt, Refund
from billing.services.documents.pdf import credit_note_pdf, invoice_pdf
from subscriptions.domain.metering import Aggregation
from subscriptions.models import Customer, Meter, UsageDay, UsageDelta
from subscriptions.queries import UsageSpan, usage_days
from tiktoktoe.kernel.periods import local_date
from tiktoktoe.web.csv_export import csv_cell

Row = Sequence[object]
INVOICES = ["number", "day", "currency", "subtotal", "tax", "total", "due", "state"]
PAYMENTS = ["day", "invoice", "what", "currency", "amount", "method"]
USAGE = ["day", "meter", "unit", "events", "quantity"]


def zip_of(customer: Customer, *, at: datetime) -> bytes:
    """Everything that we have of a customer; the same data give the same names."""
    held = BytesIO()
    invoices = list(Invoice.objects.final().filter(customer=customer).order_by("finalized_at"))
    notes = CreditNote.objects.filter(customer=customer).select_related("invoice")
    with ZipFile(held, "w", ZIP_DEFLATED) as archive:
        archive.writestr("profile.json", json.dumps(_profile(customer, at), indent=2))
        archive.writestr("invoices.csv", _table(INVOICES, _invoices(customer, invoices)))
        archive.writestr("payments.csv", _table(PAYMENTS, _payments(customer)))
        archive.writestr("usage.csv", _table(USAGE, _usage(customer)))
        for invoice in invoices:
            archive.writestr(f"invoices/{invoice.number}.pdf", invoice_pdf(invoice=invoice))
        for note in notes.order_by("issued_at"):
            archive.writestr(f"credit-notes/{note.number}.pdf", credit_note_pdf(note=note))
    return held.getvalue()


def _table(header: Row, rows: Iterable[Row]) -> str:
    written = StringIO()
    writer = csv.writer(written)
    writer.writerow(header)
    writer.writerows([csv_cell(value) for value in row] for row in rows)
    return written.getvalue()


def _profile(customer: Customer, at: datetime) -> dict[str, object]:
    subscriptions = customer.subscriptions.select_related("plan_version__plan")
    return {
        "made_at": at.isoformat(),
        "customer": {
            "name": customer.name,
            "id": customer.external_id,
            "email": customer.email,
            "address": [
                line
                for line in (
                    customer.address_line1,
                    customer.address_line2,
                    f"{customer.postal_code} {customer.city}".strip(),
                    customer.region,
                    customer.country,
                )
                if line
            ],
            "tax_number": customer.tax_number,
            "currency": customer.currency,
            "time_zone": customer.time_zone,
            "language": customer.locale,
            "since": customer.created_at.isoformat(),
        },
        "people": [m.user.email for m in customer.members.select_related("user").order_by("pk")],
        "subscriptions": [
            {
                "reference": s.reference,
                "plan": s.plan_version.plan.name,
                "quantity": s.quantity,
                "state": s.state,
                "started_at": s.started_at.isoformat(),
                "ended_at": s.ended_at.isoformat() if s.ended_at else None,
            }
            for s in subscriptions.order_by("started_at", "pk")
        ],
        "payment_methods": [
            {"kind": m.kind, "brand": m.brand, "last4": m.last4}
            for m in customer.payment_methods.usable().order_by("pk")
        ],
    }


def _invoices(customer: Customer, invoices: Iterable[Invoice]) -> Iterator[Row]:
    for invoice in invoices:
        assert invoice.finalized_at is not None
        yield [
            invoice.number,
            local_date(invoice.finalized_at, customer.time_zone),
            invoice.currency,
            invoice.subtotal.amount,
            invoice.tax.amount,
            invoice.total.amount,
            invoice.amount_due.amount,
            invoice.state,
        ]


def _payments(customer: Customer) -> Iterator[Row]:
    """What was paid and given back, in the order in which it was."""
    zone = customer.time_zone
    moves: list[tuple[datetime, Row]] = []
    paid = PaymentAttempt.objects.filter(
        payment__customer=customer, state="succeeded", resolved_at__isnull=False
    )
    for attempt in paid.select_related("payment__invoice", "method"):
        payment, when = attempt.payment, attempt.resolved_at
        assert when is not None
        method = str(attempt.method or "")
        row = (payment.invoice.number, "payment", payment.currency, payment.amount.amount, method)
        moves.append((when, row))
    given = Refund.objects.filter(
        payment__customer=customer, state="succeeded", resolved_at__isnull=False
    )
    for refund in given.select_related("payment__invoice"):
        assert refund.resolved_at is not None
        back = (refund.payment.invoice.number, "refund", refund.currency, -refund.amount.amount, "")
        moves.append((refund.resolved_at, back))
    for when, told in sorted(moves, key=lambda move: move[0]):
        yield [local_date(when, zone), *told]


def _usage(customer: Customer) -> Iterator[Row]:
    """The days with usage, meter by meter; what the customer's invoices count."""
    used = {
        pk
        for table in (UsageDay, UsageDelta)
        for pk in table.objects.filter(customer_id=customer.pk).values_list("meter_id", flat=True)
    }
    for meter in Meter.objects.filter(pk__in=used).order_by("code"):
        whole = UsageSpan(customer.pk, meter.pk, date.min + timedelta(days=1), date.max)
        for day in usage_days(whole):
            quantity = day.total.shown(Aggregation(meter.aggregation))
            yield [
                day.day,
                meter.code,
                meter.unit,
                day.total.event_count,
                f"{quantity.normalize():f}",
            ]
