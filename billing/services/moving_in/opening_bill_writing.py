"""A bill of another engine is kept as an invoice that is none of ours."""

from decimal import Decimal

from billing.domain.derivation import Derivation, DerivationStep
from billing.domain.totals import Totals
from billing.models import Invoice, InvoiceEvent, InvoiceLine
from billing.services.invoices.terms import LoadedPrice
from billing.services.invoices.writing import bill_to, shortened
from billing.services.moving_in.arrivals import Arrival
from billing.services.moving_in.opening_bill_tax import OpeningBill
from billing.services.payments.payment_events import actor_name
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.rates import exact_text


def write_opening_bill(bill: OpeningBill, taxed: Totals, by: Arrival) -> None:
    """Write it with its lines, and who brought it; in the caller's transaction."""
    subscription, customer = bill.subscription, bill.subscription.customer
    issuer_id, issuer = by.books.issuers.of(customer, bill.plan)
    invoice = Invoice.objects.create(
        id=uuid7(),
        reference=bill.reference,
        customer=customer,
        subscription=subscription,
        kind=Invoice.Kind.OPENING,
        currency=subscription.currency,
        period_start=bill.period.start,
        period_end=bill.period.end,
        subtotal=taxed.subtotal.amount,
        tax=taxed.tax.amount,
        total=taxed.total.amount,
        tax_breakdown=[row.to_json() for row in taxed.by_rate],
        issuer_id=issuer_id,
        issued_by=issuer.to_json(),
        bill_to=bill_to(customer),
        idempotency_key=bill.key,
        created_at=by.at,
    )
    InvoiceLine.objects.bulk_create(_lines(invoice, bill, taxed))
    InvoiceEvent.objects.create(
        invoice=invoice,
        kind=InvoiceEvent.Kind.MOVED_IN,
        actor=actor_name(by.actor)[:64],
        details={"amount": str(taxed.total)},
        at=by.at,
    )
    Invoice.objects.filter(pk=invoice.pk).update(state=Invoice.State.ELSEWHERE)


def _lines(invoice: Invoice, bill: OpeningBill, taxed: Totals) -> list[InvoiceLine]:
    rows = zip(bill.prices, bill.amounts, bill.discounts, taxed.lines, strict=True)
    return [
        InvoiceLine(
            id=uuid7(),
            invoice=invoice,
            position=position,
            kind=InvoiceLine.Kind.RECURRING,
            description=shortened(f"{loaded.identity['plan']}: {loaded.price.name}"),
            price=loaded.price,
            subscription=bill.subscription,
            period_start=bill.period.start,
            period_end=bill.period.end,
            quantity=Decimal(bill.quantity),
            unit_amount=None,
            currency=invoice.currency,
            amount=line.net.amount,
            discount=discount.amount,
            tax_amount=line.tax.amount,
            tax_code=line.code,
            taxes=line.parts_json(),
            includes_tax=loaded.includes_tax,
            derivation=_derivation(bill, loaded, amount).to_json(),
        )
        for position, (loaded, amount, discount, line) in enumerate(rows, start=1)
    ]


def _derivation(bill: OpeningBill, loaded: LoadedPrice, amount: Money) -> Derivation:
    """It was worked out elsewhere; here it is taken as it is."""
    step = DerivationStep(
        label="billed elsewhere",
        formula=f"as invoice {bill.reference} says",
        amount=exact_text(amount.amount),
    )
    return Derivation(
        kind="recurring",
        price=loaded.identity,
        inputs={"quantity": str(bill.quantity)},
        steps=(step,),
        exact=exact_text(amount.amount),
        amount=str(amount.amount),
        currency=amount.currency.code,
        rule="taken as it was billed",
    )
