"""From rows of documents to journal entries: loads what a kind needs, for many at once.

An entry falls on the UTC day of its event, or on the first open day when that one is closed.
A row that moves nothing yields None; one whose amounts do not add up yields the refusal, so
that it keeps no other document from being posted.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from finance.domain import entries as rules
from finance.models import Entity
from finance.queries import DocumentKind, Rows
from finance.services.built_entries import Found, PostingDay
from finance.services.invoice_entries import credit_notes, invoices, write_offs
from finance.services.movement_entries import (
    Builder,
    bank_charges,
    credit_moves,
    movements,
    payments,
    prepaid_moves,
    returns,
)
from finance.services.opening_entries import opening_bills
from finance.services.reversed_entries import reversals

_of_attempt = partial(movements, payment="attempt__payment")
_dispute_moves = partial(movements, payment="dispute__payment", at="at")
_BUILDERS: Mapping[str, Builder] = {
    "invoice_finalized": invoices,
    "moved_in_billed": opening_bills,
    "credit_note_issued": credit_notes,
    "credit_granted": credit_moves(rules.credit_granted),
    "credit_withdrawn": credit_moves(rules.credit_withdrawn),
    "credit_applied": credit_moves(rules.credit_applied),
    "credit_returned": credit_moves(rules.credit_returned),
    "credit_overpaid": credit_moves(rules.credit_overpaid),
    "prepaid_applied": prepaid_moves(rules.prepaid_applied),
    "prepaid_returned": prepaid_moves(rules.prepaid_returned),
    "prepaid_expired": prepaid_moves(rules.prepaid_expired),
    "prepaid_voided": prepaid_moves(rules.prepaid_voided),
    "payment_captured": payments,
    "capture_received": _of_attempt(rules.capture_received, at="resolved_at"),
    "processor_fee_charged": movements(
        rules.processor_fee_charged, payment="payment", at=None, pk="payment_id", amount="rest"
    ),
    "capture_fee_charged": _of_attempt(rules.capture_fee_charged, at=None, amount="fee"),
    "payment_returned": returns,
    "foreign_fee_charged": _of_attempt(rules.foreign_fee_charged, at="at"),
    "bank_charged": bank_charges,
    "refund_paid": movements(rules.refund_paid, payment="payment", at="resolved_at"),
    "dispute_funds": _dispute_moves(rules.dispute_funds),
    "dispute_funds_reversal": _dispute_moves(rules.dispute_funds),
    "dispute_fee": _dispute_moves(rules.dispute_fee),
    "dispute_fee_reversal": _dispute_moves(rules.dispute_fee),
    "dispute_exchange": _dispute_moves(rules.dispute_exchange),
    "dispute_exchange_reversal": _dispute_moves(rules.dispute_exchange),
    "dispute_loss": _dispute_moves(rules.dispute_loss),
    "dispute_loss_reversal": _dispute_moves(rules.dispute_loss),
    "dispute_reopening": _dispute_moves(rules.dispute_reopening),
    "dispute_reopening_reversal": _dispute_moves(rules.dispute_reopening),
    "invoice_written_off": write_offs,
    "invoice_written_off_reversal": write_offs,
}


def entries_of(document: DocumentKind, rows: Rows, *, books: Entity, at: datetime) -> list[Found]:
    """What is to be posted for each row, in the rows' order."""
    days = PostingDay(at=at, closed_through=books.closed_through)
    if document.reverses:
        return list(reversals(document, rows, days))
    return list(_BUILDERS[document.kind](rows, days))
