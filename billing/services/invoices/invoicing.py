"""Single invoices: the first of a subscription, a preview of the next, void, uncollectible."""

import logging
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from billing.errors import InvoiceNotOpen, PaymentInFlight
from billing.models import (
    Invoice,
    InvoicePart,
    LateUsage,
    PaymentAttempt,
    PrepaidCredit,
    UnusedCredit,
)
from billing.models.payments import LIVE_ATTEMPT_STATES
from billing.queries.extras import extras_of
from billing.services.changes.scheduled_changes import rehearsed_boundaries
from billing.services.credit.coupons import return_coupons
from billing.services.credit.credit_balance import return_to_balance
from billing.services.credit.customer_credit import pay_open_invoices
from billing.services.credit.prepaid import return_to_wallets
from billing.services.invoices.boundaries import start_boundary
from billing.services.invoices.consolidating import billed_with
from billing.services.invoices.draft_parts import DraftInvoice
from billing.services.invoices.drafting import draft_invoices, with_credit
from billing.services.invoices.first_bills import join_first_bill
from billing.services.invoices.preview_books import add_ons_of, coupons_of, purse_of
from billing.services.invoices.writing import finalize_drafts, write_drafts
from billing.services.payments.payment_moves import recover_subscription
from subscriptions.models import Subscription
from subscriptions.services.lifecycle import load_subscription
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)


@transaction.atomic
def bill_start(*, subscription: Subscription, at: datetime) -> Invoice | None:
    """Bill the fee in advance of a subscription's first period; None if nothing is due yet.

    Billing it again gives the invoice that is there; of a customer who wants one invoice, it is
    the draft of that day.
    """
    locked = _load(subscription)
    boundary = start_boundary(locked)
    if boundary is None:
        return None
    joined = join_first_bill(boundary, at=at)
    if joined is not None:
        return joined
    drafts = draft_invoices([boundary])
    if not drafts:
        return None
    key = drafts[0].idempotency_key
    return _with_key.first(key=key) or issue(drafts[0], at=at)


def preview_next_invoice(*, subscription: Subscription) -> DraftInvoice | None:
    """What the next invoice would be with the usage so far; nothing is written.

    Of a customer who wants one invoice, with all subscriptions that will be on it.
    """
    loaded = load_subscription(subscription.pk)
    extras = extras_of(loaded)
    together = billed_with(loaded) if extras.is_consolidated else [loaded]
    is_alone = len(together) == 1
    drafts = draft_invoices(
        rehearsed_boundaries(together, has_changes=extras.has_change or not is_alone),
        coupons=coupons_of(loaded, extras),
        known=add_ons_of(loaded, extras) if is_alone else None,
    )
    draft = next((draft for draft in drafts if loaded in draft.subscriptions), None)
    return with_credit(draft, None, purse_of(loaded, extras), extras.balance) if draft else None


def issue(draft: DraftInvoice, *, at: datetime) -> Invoice:
    """Write one invoice and make it final, in the caller's transaction."""
    (invoice_id,) = write_drafts([draft], at=at)
    finalize_drafts([invoice_id], at=at)
    invoice = _issued.get(pk=invoice_id)
    logger.info("invoice finalized", extra={"invoice": invoice.number})
    return invoice


@standing
def _with_key(key: str) -> QuerySet[Invoice]:
    return Invoice.objects.filter(idempotency_key=key).order_by()


@standing
def _issued(pk: UUID) -> QuerySet[Invoice]:
    return Invoice.objects.filter(pk=pk).order_by()


@transaction.atomic
def void_invoice(*, invoice: Invoice, at: datetime) -> Invoice:
    """Take an open invoice back as if it had never been; nothing may have been paid of it.

    What it took from the credit balance and wallets goes back there; the balance pays what
    else is open.

    Raises:
        InvoiceNotOpen: If nothing is to be taken back, or part of it is paid or credited.
        PaymentInFlight: If a payment of it may be going through.
    """
    locked = lock_invoice(invoice.pk)
    if not is_voidable(locked):
        raise InvoiceNotOpen(f"{locked} is {locked.state}; only an untouched open one can be void")
    ensure_nothing_in_flight(locked)
    if locked.amount_from_balance:
        return_to_balance(invoice=locked, reason=f"{locked} is void", actor="billing", at=at)
    if locked.amount_from_wallets:
        return_to_wallets(invoice=locked, at=at)
    locked.state, locked.paid_at = Invoice.State.OPEN, None
    given_back = ["amount_from_balance", "amount_from_wallets"]
    locked.save(update_fields=[*given_back, "state", "paid_at"])
    locked.state = Invoice.State.VOID
    locked.voided_at = at
    locked.save(update_fields=["state", "voided_at"])
    UnusedCredit.objects.filter(invoice=locked).update(counts=False)
    InvoicePart.objects.filter(invoice=locked).update(counts=False)
    LateUsage.objects.filter(line__invoice=locked).update(counts=False)
    return_coupons(invoice=locked)
    recover_subscription(locked, at)
    pay_open_invoices(customer_id=locked.customer_id, currency=locked.currency, at=at)
    logger.info("invoice voided", extra={"invoice": locked.number})
    return locked


@transaction.atomic
def mark_uncollectible(*, invoice: Invoice, at: datetime) -> Invoice:
    """Give up on collecting an open invoice; it can still be paid.

    Raises:
        InvoiceNotOpen: If it is not open.
    """
    locked = lock_invoice(invoice.pk)
    if locked.state != Invoice.State.OPEN:
        raise InvoiceNotOpen(f"{locked} is {locked.state}; only an open one can be given up")
    locked.state = Invoice.State.UNCOLLECTIBLE
    locked.written_off_at = at
    locked.save(update_fields=["state", "written_off_at"])
    logger.info("invoice uncollectible", extra={"invoice": locked.number})
    return locked


def is_voidable(invoice: Invoice) -> bool:
    """Whether an invoice can be void: issued, and not paid or credited but from the balance.

    Not when it bought prepaid credits that are in the wallet by now.
    """
    is_open = invoice.state == Invoice.State.OPEN
    used = invoice.amount_from_balance + invoice.amount_from_wallets
    from_credit = invoice.state == Invoice.State.PAID and used.amount > 0
    is_untouched = not invoice.amount_paid and not invoice.amount_credited
    return (is_open or from_credit) and is_untouched and not has_filled_wallet(invoice)


def has_filled_wallet(invoice: Invoice) -> bool:
    """Whether the prepaid credits that an invoice bought are there."""
    is_top_up = invoice.kind == Invoice.Kind.TOP_UP
    return is_top_up and PrepaidCredit.objects.filter(invoice=invoice).exists()


def ensure_nothing_in_flight(invoice: Invoice) -> None:
    """Refuse while an attempt to pay an invoice may still take money.

    Raises:
        PaymentInFlight: If one may.
    """
    live = PaymentAttempt.objects.filter(
        payment__invoice=invoice, state__in=LIVE_ATTEMPT_STATES
    ).exclude(state=PaymentAttempt.State.SUCCEEDED)
    if live.exists():
        raise PaymentInFlight(f"a payment of {invoice} is on its way; wait for its outcome")


def lock_invoice(invoice_id: UUID) -> Invoice:
    """The invoice as the database has it now, locked until the transaction ends."""
    return Invoice.objects.select_for_update(of=("self",)).get(pk=invoice_id)


def _load(subscription: Subscription) -> Subscription:
    return _locked.get(pk=subscription.pk)


@standing
def _locked(pk: int) -> QuerySet[Subscription]:
    locked = Subscription.objects.select_for_update(of=("self",))
    return locked.select_related("customer", "plan_version__plan").filter(pk=pk).order_by()
