"""Which sides of which types of account each kind of entry may use.

A balanced entry can still be absurd, such as a payment that earns revenue; the ledger
refuses every (kind, type, side) that is not listed here.
"""

from collections.abc import Iterator, Mapping

from finance.domain.chart import AccountType

DEBIT = "debit"
CREDIT = "credit"
_A, _L, _Q, _I, _E = (
    AccountType.ASSET,
    AccountType.LIABILITY,
    AccountType.EQUITY,
    AccountType.INCOME,
    AccountType.EXPENSE,
)

# An invoice may debit liabilities and income, and a credit note credit them: on one account
# credit lines can outweigh charges while the whole of it is still owed to us.
ROUTES: Mapping[str, frozenset[tuple[AccountType, str]]] = {
    "invoice_finalized": frozenset(
        {(_A, DEBIT), (_L, CREDIT), (_L, DEBIT), (_I, CREDIT), (_I, DEBIT)}
    ),
    "moved_in_billed": frozenset({(_Q, DEBIT), (_L, CREDIT)}),
    "credit_note_issued": frozenset(
        {(_A, CREDIT), (_L, DEBIT), (_L, CREDIT), (_I, DEBIT), (_I, CREDIT)}
    ),
    "credit_granted": frozenset({(_I, DEBIT), (_L, CREDIT)}),
    "credit_withdrawn": frozenset({(_L, DEBIT), (_I, CREDIT)}),
    "credit_applied": frozenset({(_L, DEBIT), (_A, CREDIT)}),
    "credit_returned": frozenset({(_A, DEBIT), (_L, CREDIT)}),
    "credit_overpaid": frozenset({(_A, DEBIT), (_L, CREDIT)}),
    "prepaid_applied": frozenset({(_L, DEBIT), (_I, DEBIT), (_A, CREDIT)}),
    "prepaid_returned": frozenset({(_A, DEBIT), (_L, CREDIT), (_I, CREDIT)}),
    "prepaid_expired": frozenset({(_L, DEBIT), (_I, CREDIT)}),
    "prepaid_voided": frozenset({(_L, DEBIT), (_I, CREDIT)}),
    # A fee below zero is given back, as by a negative interchange.
    "payment_captured": frozenset({(_A, DEBIT), (_A, CREDIT), (_E, DEBIT), (_E, CREDIT)}),
    "capture_received": frozenset({(_A, DEBIT), (_A, CREDIT)}),
    "processor_fee_charged": frozenset({(_E, DEBIT), (_A, CREDIT), (_E, CREDIT), (_A, DEBIT)}),
    "capture_fee_charged": frozenset({(_E, DEBIT), (_A, CREDIT), (_E, CREDIT), (_A, DEBIT)}),
    "foreign_fee_charged": frozenset({(_E, DEBIT), (_A, CREDIT), (_E, CREDIT), (_A, DEBIT)}),
    "payment_returned": frozenset({(_A, DEBIT), (_A, CREDIT)}),
    "bank_charged": frozenset({(_E, DEBIT), (_A, CREDIT), (_E, CREDIT), (_A, DEBIT)}),
    "refund_paid": frozenset({(_A, DEBIT), (_A, CREDIT)}),
    "dispute_funds": frozenset({(_A, DEBIT), (_A, CREDIT)}),
    "dispute_fee": frozenset({(_E, DEBIT), (_A, CREDIT)}),
    "dispute_exchange": frozenset({(_E, DEBIT), (_A, CREDIT)}),
    "dispute_loss": frozenset({(_E, DEBIT), (_A, CREDIT)}),
    "dispute_reopening": frozenset({(_A, DEBIT), (_A, CREDIT)}),
    "invoice_written_off": frozenset({(_E, DEBIT), (_A, DEBIT), (_A, CREDIT)}),
    "revenue_recognized": frozenset({(_L, DEBIT), (_I, CREDIT)}),
}


def all_routes() -> Iterator[tuple[str, AccountType, str]]:
    """Every allowed (kind, type, side), those of each kind's reversal included."""
    for kind, sides in ROUTES.items():
        for account_type, side in sorted(sides):
            yield kind, account_type, side
            yield f"{kind}_reversal", account_type, CREDIT if side == DEBIT else DEBIT
