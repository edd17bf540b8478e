"""Usage that came after its subscription's end is billed by one click: an invoice of its own.

It costs what all usage of the last period comes to with it, less what was charged for that
period, minimums included: as if it had been there when the closing invoice was made. Where that
is less, the rest is given back by credit notes.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from django.db import transaction

from billing.domain.crediting import credit_line
from billing.errors import NothingUnbilled, UsageNotPriceable
from billing.models import CreditNote, Invoice, InvoiceLine, LateUsage
from billing.queries.late_usage import LateEvent, unbilled_usage
from billing.queries.tax_table import TaxTable
from billing.services.credit.credit_notes import issue_credit_note, left_of_lines, sources_of
from billing.services.invoices.drafting import make_draft
from billing.services.invoices.invoicing import issue
from billing.services.invoices.late_charges import LateBill, late_bills
from subscriptions.models import Subscription
from tiktoktoe.kernel.money import Money, quantize_amount, total, zero

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LateBilling:
    """What billing late usage made: an invoice, or credit notes where everything costs less."""

    invoice: Invoice | None
    notes: tuple[CreditNote, ...]


@transaction.atomic
def bill_late_usage(*, subscription: Subscription, at: datetime) -> LateBilling:
    """Bill what came late for an ended subscription, each event once.

    Raises:
        NothingUnbilled: If there is nothing, or somebody else has just billed it.
        UsageNotPriceable: If it is of no time that was billed: charge it once by hand.
        PaymentInFlight: If an invoice that is to be credited may be being paid right now.
    """
    locked = Subscription.objects.select_for_update(of=("self",)).get(pk=subscription.pk)
    found = unbilled_usage(locked)
    if not found:
        raise NothingUnbilled(f"nothing came late for {subscription} that is not billed")
    bill = late_bills(found)[locked.pk]
    if not bill.lines:
        raise UsageNotPriceable("it is of no time that was billed; charge it once by hand")
    if bill.too_much:
        return _give_back(bill, at=at)
    owner = found[0].subscription
    draft = make_draft(
        subscription=owner,
        kind=Invoice.Kind.FINAL,
        boundary=at,
        period_end=at,
        lines=[late.line for late in bill.lines],
        taxes=TaxTable([owner.customer.country]),
        idempotency_key=_next_key(locked),
    )
    invoice = issue(draft, at=at)
    lines = invoice.lines.order_by("position")
    for line, late in zip(lines, bill.lines, strict=True):
        _keep(line, late.events)
    logger.info("late usage billed", extra={"invoice": str(invoice)})
    return LateBilling(invoice=invoice, notes=())


def _next_key(subscription: Subscription) -> str:
    prefix = f"late:{subscription.pk}:"
    invoices = Invoice.objects.filter(idempotency_key__startswith=prefix).count()
    notes = CreditNote.objects.filter(idempotency_key__startswith=prefix).count()
    return f"{prefix}{invoices + notes + 1}"


def _keep(line: InvoiceLine, events: Iterable[LateEvent]) -> None:
    """Say that events are billed, and by which line."""
    LateUsage.objects.bulk_create(
        LateUsage(
            line=line,
            source_id=event.source_id,
            event_id=event.event_id,
            quantity=event.quantity,
        )
        for event in events
    )


def _give_back(bill: LateBill, *, at: datetime) -> LateBilling:
    """Give back what was charged beyond what everything comes to, the newest charge first."""
    key = _next_key(bill.subscription)
    rest = bill.too_much
    taken: dict[UUID, dict[UUID, Money]] = defaultdict(dict)
    left = left_of_lines([line for line, _ in bill.charged])
    for line, charges in reversed(bill.charged):
        back = min(rest, charges)
        amount = min(_paid_share(line, back), left[line.pk].charged)
        if back.amount > 0 and amount.amount > 0:
            taken[line.invoice_id][line.pk] = amount
            rest -= back
    notes = []
    for number, (invoice_id, amounts) in enumerate(taken.items()):
        gross = total(
            (part.net + part.tax for part in (credit_line(left[k], a) for k, a in amounts.items())),
            bill.subscription.currency,
        )
        invoice = Invoice.objects.get(pk=invoice_id)
        prepaid = sources_of(invoice).to_wallets(gross)
        note = issue_credit_note(
            invoice=invoice,
            reason="Usage that came late, of which everything costs less",
            idempotency_key=f"{key}:{number}",
            at=at,
            line_amounts={pk: amount.amount for pk, amount in amounts.items()},
            to_refund=Decimal(0),
            to_balance=max(gross - prepaid - invoice.amount_due, zero(gross.currency)).amount,
            to_wallets=prepaid.amount,
        )
        notes.append(note)
    for late in bill.lines:
        _keep(_line_for(bill, late.line.price_id), late.events)
    logger.info("late usage gave back", extra={"subscription": bill.subscription.reference})
    return LateBilling(invoice=None, notes=tuple(notes))


def _paid_share(line: InvoiceLine, back: Money) -> Money:
    """Of what a line charged before coupons, what was paid."""
    said = line.charged + line.discount
    if not line.discount or not said:
        return back
    share = Fraction(line.charged.amount) / Fraction(said.amount)
    return quantize_amount(Fraction(back.amount) * share, line.currency)


def _line_for(bill: LateBill, price_id: int | None) -> InvoiceLine:
    """The newest line of a price that charged the period, else of any."""
    lines = [line for line, _ in reversed(bill.charged)]
    return next((line for line in lines if line.price_id == price_id), lines[0])
