"""Drafts that wait for a tax engine which is not ours: asked about, and then issued.

They are written without tax by whoever bills, in transactions that ask nobody; here each is
asked about outside of any. Until an answer came that fits, none gets a number (PostgreSQL
refuses it), and staff see it wait.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from uuid import UUID

from django.db import transaction

from billing.domain.tax_engine import Sale, SaleLine, TaxEngine
from billing.domain.totals import Totals
from billing.errors import TaxRateMissing
from billing.gateways.tax_service import tax_engine
from billing.models import Invoice, InvoiceLine
from billing.services.invoices.tax import tax_rounding
from billing.services.invoices.writing import finalize_drafts
from tiktoktoe.kernel.errors import GatewayError
from tiktoktoe.kernel.periods import local_date

logger = logging.getLogger(__name__)
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)


def tax_waiting(*, at: datetime, limit: int = 200) -> int:
    """Ask about the drafts whose time has come, and issue those that are answered; how many."""
    engine = tax_engine()
    if engine is None:
        return 0
    waiting = Invoice.objects.awaiting_tax().filter(tax_next_at__lte=at).order_by("tax_next_at")
    ids = list(waiting.values_list("pk", flat=True)[:limit])
    return sum(tax_draft(invoice_id=pk, engine=engine, at=at) for pk in ids)


def tax_draft(*, invoice_id: UUID, engine: TaxEngine, at: datetime) -> bool:
    """Ask about one draft; whether it has its tax now.

    An answer that does not come, or is wrong, leaves it as it was, to be asked about later.
    """
    invoice = Invoice.objects.select_related("customer").get(pk=invoice_id)
    lines = list(invoice.lines.select_related("price").order_by("position"))
    try:
        taxed = engine.tax(sale_of(invoice, lines))
    except (GatewayError, TaxRateMissing) as refusal:
        _wait(invoice_id, str(refusal), at)
        return False
    return _write(invoice_id, lines, taxed, at)


def sale_of(invoice: Invoice, lines: Sequence[InvoiceLine]) -> Sale:
    """A draft as a tax engine is asked about it."""
    return Sale(
        key=str(invoice.pk),
        payer=invoice.customer,
        on=local_date(invoice.period_start, invoice.customer.time_zone),
        currency=invoice.currency,
        rounding=tax_rounding(),
        seller_country=str(invoice.issued_by.get("country", "")),
        lines=[
            SaleLine(
                amount=line.charged,
                price_id=line.price_id,
                category=line.tax_category or (line.price.tax_category if line.price else ""),
                exact=_exact(line),
                includes_tax=line.includes_tax,
            )
            for line in lines
        ],
    )


@transaction.atomic
def _write(invoice_id: UUID, lines: list[InvoiceLine], taxed: Totals, at: datetime) -> bool:
    """Give a draft its tax and issue it, unless somebody else has."""
    locked = Invoice.objects.select_for_update().get(pk=invoice_id)
    if not locked.awaits_tax or not _is_about(locked, lines):
        return False
    give_tax(locked, lines, taxed)
    locked.awaits_tax, locked.tax_error = False, ""
    locked.save(update_fields=["awaits_tax", "tax_error"])
    if locked.issues_once_taxed:
        finalize_drafts([locked.pk], at=at)
    logger.info("draft taxed", extra={"invoice": str(locked.pk)})
    return True


def _is_about(draft: Invoice, lines: Sequence[InvoiceLine]) -> bool:
    """Whether the draft still has the lines that were asked about; else it is asked again."""
    asked = [(line.pk, line.amount.amount, line.tax_amount.amount) for line in lines]
    rows = draft.lines.order_by("position").values_list("pk", "amount", "tax_amount")
    return list(rows) == asked


def give_tax(draft: Invoice, lines: Sequence[InvoiceLine], taxed: Totals) -> None:
    """Write the tax of a locked draft and of its lines, in the caller's transaction."""
    for line, answer in zip(lines, taxed.lines, strict=True):
        line.amount, line.tax_amount = answer.net.amount, answer.tax.amount
        line.tax_code, line.taxes = answer.code, answer.parts_json()
    InvoiceLine.objects.bulk_update(lines, ["amount", "tax_amount", "tax_code", "taxes"])
    draft.subtotal, draft.tax = taxed.subtotal.amount, taxed.tax.amount
    draft.total = taxed.total.amount
    draft.tax_breakdown = [row.to_json() for row in taxed.by_rate]
    draft.save(update_fields=["subtotal", "tax", "total", "tax_breakdown"])


def _exact(line: InvoiceLine) -> Fraction | None:
    """A discounted line's amount before it was rounded, where tax is rounded on the document."""
    return Fraction(line.derivation["exact"]) if line.discount.amount else None


@transaction.atomic
def _wait(invoice_id: UUID, why: str, at: datetime) -> None:
    locked = Invoice.objects.select_for_update().get(pk=invoice_id)
    if not locked.awaits_tax:
        return
    wait = min(FIRST_WAIT * 2 ** min(locked.tax_tries, 10), LONGEST_WAIT)
    locked.tax_tries += 1
    locked.tax_error, locked.tax_next_at = why[:300], at + wait
    locked.save(update_fields=["tax_tries", "tax_error", "tax_next_at"])
    logger.warning("draft waits for tax", extra={"invoice": str(invoice_id)})


@transaction.atomic
def ask_again(*, invoice: Invoice, at: datetime) -> None:
    """Let a draft be asked about by the next round."""
    Invoice.objects.awaiting_tax().filter(pk=invoice.pk).update(tax_next_at=at)
