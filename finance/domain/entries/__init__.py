"""From a document to its journal entry: one function for each thing that happens.

The keys end in the version of these rules, so that a change of a rule never posts an old
document again. Source: the posting rules in docs/ledger.md.
"""

from finance.domain.entries.credit import (
    credit_applied,
    credit_granted,
    credit_overpaid,
    credit_returned,
    credit_withdrawn,
    prepaid_applied,
    prepaid_expired,
    prepaid_returned,
    prepaid_voided,
)
from finance.domain.entries.disputes import (
    dispute_exchange,
    dispute_fee,
    dispute_funds,
    dispute_loss,
    dispute_reopening,
)
from finance.domain.entries.documents import (
    credit_note_issued,
    invoice_finalized,
    invoice_voided,
    invoice_written_off,
    moved_in_billed,
    revenue_recognized,
)
from finance.domain.entries.payments import (
    bank_charged,
    capture_fee_charged,
    capture_received,
    foreign_fee_charged,
    payment_captured,
    payment_returned,
    processor_fee_charged,
    refund_paid,
)

__all__ = [
    "bank_charged",
    "capture_fee_charged",
    "capture_received",
    "credit_applied",
    "credit_granted",
    "credit_note_issued",
    "credit_overpaid",
    "credit_returned",
    "credit_withdrawn",
    "dispute_exchange",
    "dispute_fee",
    "dispute_funds",
    "dispute_loss",
    "dispute_reopening",
    "foreign_fee_charged",
    "invoice_finalized",
    "invoice_voided",
    "invoice_written_off",
    "moved_in_billed",
    "payment_captured",
    "payment_returned",
    "prepaid_applied",
    "prepaid_expired",
    "prepaid_returned",
    "prepaid_voided",
    "processor_fee_charged",
    "refund_paid",
    "revenue_recognized",
]
