"""An opening bill that was brought wrongly is taken back, and may be brought again."""

import logging
from datetime import datetime

from django.db import transaction

from billing.errors import OpeningBillUsed
from billing.models import Invoice, InvoiceEvent, UnusedCredit
from billing.services.invoices.draft_edits import ensure_reason, record
from billing.services.invoices.invoicing import lock_invoice
from subscriptions.services.lifecycle import lock_subscription
from subscriptions.services.transitions import Actor

logger = logging.getLogger(__name__)


@transaction.atomic
def take_opening_bill_back(*, invoice: Invoice, reason: str, actor: Actor, at: datetime) -> Invoice:
    """Let it count no more, as if it had not been brought; doing it again changes nothing.

    Raises:
        OpeningBillUsed: If it is none, or a change, an end or a pause has given back of it.
        ChargeInvalid: If no reason is given.
    """
    if invoice.kind != Invoice.Kind.OPENING or invoice.subscription is None:
        raise OpeningBillUsed(f"{invoice} was not billed elsewhere")
    lock_subscription(invoice.subscription)  # so that nothing is given back of it meanwhile
    locked = lock_invoice(invoice.pk)
    if locked.state == Invoice.State.DISCARDED:
        return locked
    ensure_reason(reason)
    used = UnusedCredit.objects.filter(invoice_line__invoice=locked, counts=True)
    if locked.amount_credited or used.exists():
        raise OpeningBillUsed(f"unused time of {locked} was given back; correct that by a note")
    locked.state = Invoice.State.DISCARDED
    locked.save(update_fields=["state"])
    record(locked, InvoiceEvent.Kind.DISCARDED, reason, actor=actor, at=at)
    logger.info("opening bill taken back", extra={"invoice": str(locked.pk)})
    return locked
