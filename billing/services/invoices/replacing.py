"""A final invoice that is wrong is taken back, and a draft like it put in its place.

Both happen in one transaction: nobody sees the one without the other. The draft is taxed and
addressed as the customer is today, can be changed by hand, and is issued like any other.
"""

import logging
from datetime import datetime

from django.db import transaction

from billing.errors import ChargeInvalid, InvoiceNotReplaceable
from billing.models import (
    CouponUse,
    Invoice,
    InvoiceEvent,
    InvoiceLine,
    InvoicePart,
    LateUsage,
    UnusedCredit,
)
from billing.services.invoices.draft_edits import record, tax_anew
from billing.services.invoices.invoicing import is_voidable, lock_invoice, void_invoice
from billing.services.invoices.writing import bill_to
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.ids import uuid7

logger = logging.getLogger(__name__)

# Usage that was billed early, or prepaid given_back, are tied to their own invoice.
REPLACEABLE_KINDS = frozenset(
    {Invoice.Kind.PERIOD, Invoice.Kind.CHANGE, Invoice.Kind.FINAL, Invoice.Kind.ONE_OFF}
)


def is_replaceable(invoice: Invoice) -> bool:
    """Whether a draft can be put in its place: nothing is paid of it, or all is credited."""
    if invoice.kind not in REPLACEABLE_KINDS or not invoice.is_final:
        return False
    if LateUsage.objects.filter(line__invoice=invoice).exists():
        return False  # void, its events are unbilled again
    return is_voidable(invoice) or _is_credited(invoice)


@transaction.atomic
def replace_invoice(*, invoice: Invoice, reason: str, actor: Actor, at: datetime) -> Invoice:
    """Take an invoice back and give the draft that replaces it; doing it again gives the same.

    What credit notes took back in full stays as it is; anything else becomes void, and what it
    had from the credit balance, wallets and coupons goes back, to be used again.

    Raises:
        InvoiceNotReplaceable: If money was collected of it and not credited, or its kind is
            tied to its number.
        ChargeInvalid: If no reason is given.
        PaymentInFlight: If a payment of it may be going through.
    """
    locked = lock_invoice(invoice.pk)
    known = Invoice.objects.filter(replaces=locked).exclude(state=Invoice.State.DISCARDED).first()
    if known is not None:
        return known
    if not reason.strip():
        raise ChargeInvalid("say why", field="reason")
    if not is_replaceable(locked):
        is_void = locked.state == Invoice.State.VOID
        way_out = "charge once what is owed" if is_void else "credit what was paid of it first"
        raise InvoiceNotReplaceable(f"{locked} is {locked.shown_state}; {way_out}")
    given_back = list(UnusedCredit.objects.filter(invoice=locked, counts=True))
    used = list(locked.coupon_uses.filter(is_returned=False).select_related("redemption"))
    is_void = is_voidable(locked)
    if is_void:
        void_invoice(invoice=locked, at=at)
    draft = _copy_of(locked, at, keeps_kind=is_void)
    if is_void:
        _take_along(locked, draft, given_back, used, at)
    tax_anew(draft, at)
    facts = {"line": draft.idempotency_key}
    record(locked, InvoiceEvent.Kind.REPLACED, reason, actor=actor, at=at)
    record(draft, InvoiceEvent.Kind.REPLACES, reason, actor=actor, at=at, details=facts)
    logger.info("invoice replaced", extra={"invoice": locked.number, "by": str(draft.pk)})
    return draft


def _is_credited(invoice: Invoice) -> bool:
    return bool(invoice.total and invoice.amount_credited == invoice.total)


def _copy_of(invoice: Invoice, at: datetime, *, keeps_kind: bool) -> Invoice:
    """A draft with the same lines, for the customer as it is today."""
    earlier = Invoice.objects.filter(replaces=invoice).count()
    draft = Invoice.objects.create(
        id=uuid7(),
        customer=invoice.customer,
        subscription=invoice.subscription,
        kind=invoice.kind if keeps_kind else Invoice.Kind.ONE_OFF,
        currency=invoice.currency,
        period_start=invoice.period_start,
        period_end=invoice.period_end,
        subtotal=invoice.subtotal.amount,
        tax=invoice.tax.amount,
        total=invoice.total.amount,
        issuer_id=invoice.issuer_id,
        issued_by=invoice.issued_by,
        bill_to=bill_to(invoice.customer),
        due_days=invoice.due_days,
        replaces=invoice,
        idempotency_key=f"replaces:{invoice.pk}:{earlier + 1}",
        created_at=at,
    )
    InvoiceLine.objects.bulk_create(
        _line_copy(line, draft) for line in invoice.lines.order_by("position")
    )
    return draft


def _line_copy(line: InvoiceLine, draft: Invoice) -> InvoiceLine:
    line.pk, line.invoice = uuid7(), draft
    line._state.adding = True  # noqa: SLF001 - how Django copies a row
    return line


def _take_along(
    invoice: Invoice,
    draft: Invoice,
    given_back: list[UnusedCredit],
    coupons: list[CouponUse],
    at: datetime,
) -> None:
    """Let the draft use the coupons and count for the time that the void one did."""
    CouponUse.objects.bulk_create(
        CouponUse(
            redemption=used.redemption,
            invoice=draft,
            currency=used.currency,
            amount=used.amount.amount,
            counts=used.counts,
            month=used.month,
        )
        for used in coupons
    )
    InvoicePart.objects.bulk_create(
        InvoicePart(invoice=draft, subscription=part.subscription, period_start=part.period_start)
        for part in invoice.parts.select_related("subscription")
    )
    UnusedCredit.objects.bulk_create(
        UnusedCredit(
            invoice_line=given.invoice_line,
            unused_from=given.unused_from,
            form=given.form,
            currency=given.currency,
            amount=given.amount.amount,
            derivation=given.derivation,
            invoice=draft,
            created_at=at,
        )
        for given in given_back
    )
