"""Money that customers send: matched to the invoice that it names, or left to a person.

Settled by itself is only what cannot be mistaken: a structured reference, whose check digits
keep mistypings out, with at least what is due; or an invoice number in free text, with exactly
what is due. An entry pays once: the database has the last word.
"""

import logging
from datetime import datetime
from uuid import UUID

from django.db import transaction

from billing.domain.attempts import Answer
from billing.domain.creditor_references import bodies_in, body_of_reference
from billing.errors import EntryTaken, InvoiceNotOpen, PaymentInFlight
from billing.gateways.base import Outcome
from billing.models import BankEntry, Invoice, Payment
from billing.queries.transfers import invoices_named
from billing.services.bank.banks import BANK
from billing.services.payments.channels import PAYABLE_STATES, Channel
from billing.services.payments.opening import new_attempt, payment_for, start_attempt
from billing.services.payments.part_payments import collect_rest
from billing.services.payments.settling import settle_attempt
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.kernel.errors import Conflict
from tiktoktoe.kernel.money import zero

logger = logging.getLogger(__name__)

IN_FLIGHT = "another payment of the invoice is on its way"
WAITING_MAX = 100  # of those looked at again in one pass


def match_entry(*, entry: BankEntry, at: datetime) -> bool:
    """Settle the one invoice that an entry names beyond doubt; else write down why not."""
    invoice, why = _named_invoice(entry)
    if invoice is not None:
        try:
            with transaction.atomic():
                take_transfer(entry=entry, invoice=invoice, why=why, actor=BANK, at=at)
        except Conflict as refusal:
            why = IN_FLIGHT if isinstance(refusal, PaymentInFlight) else str(refusal)
        else:
            return True
    entry.why = why[:300]
    entry.save(update_fields=["why"])
    return False


def match_waiting(*, at: datetime) -> int:
    """Look again at entries that could not be matched; gives how many now are."""
    waiting = BankEntry.objects.filter(state=BankEntry.State.WAITING, why=IN_FLIGHT)
    return sum(_match_again(pk, at) for pk in waiting.values_list("pk", flat=True)[:WAITING_MAX])


@transaction.atomic
def take_transfer(
    *,
    entry: BankEntry,
    invoice: Invoice,
    why: str,
    actor: Actor,
    at: datetime,
) -> Payment:
    """Let an entry pay an invoice, with what it brings: part of it, all, or too much.

    Raises:
        EntryTaken: If it pays another invoice, or is none to be matched.
        InvoiceNotOpen: If the invoice was never issued, is void, or is in another currency.
        PaymentInFlight: If an attempt may have moved this money already.
    """
    locked = BankEntry.objects.select_for_update(of=("self",)).get(pk=entry.pk)
    if locked.state not in {BankEntry.State.WAITING, BankEntry.State.ASIDE}:
        raise EntryTaken("this entry pays an invoice already")
    if not locked.is_credit or locked.return_reason:
        raise EntryTaken("only money that came in pays an invoice")
    owed = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)
    if owed.state not in PAYABLE_STATES[Channel.BANK_TRANSFER]:
        raise InvoiceNotOpen(f"invoice {owed} is {owed.state}: nothing can be paid on it")
    if owed.currency != locked.currency:
        raise InvoiceNotOpen(f"invoice {owed} is in {owed.currency}, this is {locked.currency}")
    payment = _pay(locked, owed, actor, at)
    locked.state, locked.payment, locked.why = BankEntry.State.MATCHED, payment, why[:300]
    locked.decided_by, locked.decided_at = actor.user, at
    locked.save(update_fields=["state", "payment", "why", "decided_by", "decided_at"])
    logger.info("transfer matched", extra={"entry": str(locked.pk), "invoice": owed.number})
    return payment


@transaction.atomic
def put_aside(*, entry: BankEntry, reason: str, user: User, at: datetime) -> None:
    """Say that an entry is no customer's payment.

    Raises:
        EntryTaken: If it pays an invoice already.
    """
    locked = BankEntry.objects.select_for_update(of=("self",)).get(pk=entry.pk)
    if locked.state != BankEntry.State.WAITING:
        raise EntryTaken("this entry does not wait to be matched any more")
    locked.state, locked.why = BankEntry.State.ASIDE, reason[:300]
    locked.decided_by, locked.decided_at = user, at
    locked.save(update_fields=["state", "why", "decided_by", "decided_at"])


def _named_invoice(entry: BankEntry) -> tuple[Invoice | None, str]:
    body = body_of_reference(entry.structured)
    found = invoices_named({body} if body else bodies_in(f"{entry.structured} {entry.text}"))
    of_currency = [invoice for invoice in found if invoice.currency == entry.currency]
    if not found:
        return None, "it names no invoice of ours"
    if len(of_currency) != 1:
        numbers = ", ".join(str(invoice) for invoice in found[:5])
        return None, f"it may be for any of {numbers}" if of_currency else "another currency"
    invoice = of_currency[0]
    due = invoice.amount_due
    if entry.amount == due:
        return invoice, f"it names {invoice}, and is what is due"
    if entry.amount < due:
        return None, f"it names {invoice}, of which {due} is due"
    if not body:
        return None, f"it seems to name {invoice}, of which {due} is due"
    return invoice, f"its reference is of {invoice}; {entry.amount - due} is too much"


def _pay(entry: BankEntry, invoice: Invoice, actor: Actor, at: datetime) -> Payment:
    channel = Channel.BANK_TRANSFER
    before = invoice.payments.live().first()
    payment, earlier = payment_for(invoice, entry.amount, channel=channel, actor=actor, at=at)
    payment.invoice = invoice
    attempt = new_attempt(payment, earlier, channel=channel, gateway=entry.gateway, at=at)
    attempt.sends = 1
    start_attempt(attempt, earlier, actor=actor, at=at)
    arrived = Outcome(
        answer=Answer.SUCCEEDED,
        reference=entry.reference,
        amount=entry.amount,
        fee=zero(entry.currency),
        message=f"transfer from {entry.party_name}"[:300] if entry.party_name else "transfer",
    )
    settled = settle_attempt(attempt=attempt, outcome=arrived, actor=actor, at=at)
    invoice.refresh_from_db()
    collect_rest(invoice=invoice, before=before, actor=actor, at=at)
    return settled.payment


@transaction.atomic
def _match_again(pk: UUID, at: datetime) -> bool:
    entry = BankEntry.objects.select_for_update(of=("self",)).get(pk=pk)
    return entry.state == BankEntry.State.WAITING and match_entry(entry=entry, at=at)
