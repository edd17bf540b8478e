"""From a document to its journal entry: one function for each thing that happens.

The keys end in the version of these rules, so that a change of a rule never posts an old
document again. Source: the posting rules in docs/ledger.md.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from finance.domain import chart
from finance.domain.facts import (
    BankChargeFact,
    CreditFact,
    CreditNoteFact,
    DisputeFact,
    Earned,
    ForeignFeeFact,
    InvoiceFact,
    OpeningBillFact,
    PaymentFact,
    RefundFact,
    ReturnFact,
    WriteOffFact,
)
from finance.domain.journal import Entry, Posting, credit, debit
from finance.errors import DocumentInconsistent
from tiktoktoe.kernel.money import Money, total, zero

RULES_VERSION = 1


_REVENUE_ACCOUNT = {
    Earned.OVER_TIME: chart.CONTRACT_LIABILITY,
    Earned.USAGE: chart.USAGE_REVENUE,
    Earned.ARREARS: chart.SUBSCRIPTION_REVENUE,
    Earned.PREPAID: chart.PREPAID_CREDIT,
}


def invoice_finalized(invoice: InvoiceFact, *, on: date) -> Entry | None:
    """D receivable; C contract liability or revenue by line; C VAT payable.

    None if the invoice comes to nothing and moves nothing.

    Raises:
        DocumentInconsistent: If lines and tax do not add up to the total.
    """
    currency = invoice.total.currency
    net = total((line.amount for line in invoice.lines), currency)
    _check_sum("invoice", invoice.number, net + invoice.tax, invoice.total)
    by_account: dict[str, Money] = defaultdict(lambda: zero(currency))
    for line in invoice.lines:
        by_account[_REVENUE_ACCOUNT[line.earned]] += line.amount
    who = {"customer": invoice.customer, "document": invoice.id}
    return _entry(
        kind="invoice_finalized",
        document=f"invoice:{invoice.id}:finalized",
        on=on,
        description=f"Invoice {invoice.number}",
        postings=[
            debit(chart.RECEIVABLE, invoice.total, **who),
            *(credit(code, amount, **who) for code, amount in sorted(by_account.items())),
            credit(chart.VAT_PAYABLE, invoice.tax, **who),
        ],
    )


def invoice_voided(finalized: Entry, *, on: date) -> Entry:
    """The invoice's own entry, taken back on the day that it was voided."""
    return finalized.reversed(effective_on=on)


def moved_in_billed(bill: OpeningBillFact, *, on: date) -> Entry | None:
    """D opening balances, C contract liability: what moves in is paid for and still to be served.

    The money and the tax are in the books of before.
    """
    who = {"customer": bill.customer, "document": bill.id}
    return _entry(
        kind="moved_in_billed",
        document=f"invoice:{bill.id}:moved_in",
        on=on,
        description=f"Moved in: invoice {bill.reference}",
        postings=[
            debit(chart.OPENING_BALANCES, bill.not_served, **who),
            credit(chart.CONTRACT_LIABILITY, bill.not_served, **who),
        ],
    )


def credit_note_issued(note: CreditNoteFact, *, on: date) -> Entry | None:
    """D contract liability, the unearned part; D contra revenue, the earned part; D VAT; C AR,
    but for what goes to the credit balance: C customer credit.

    Raises:
        DocumentInconsistent: If lines and tax do not add up to the total.
    """
    currency = note.total.currency
    unearned = total((line.unearned for line in note.lines), currency)
    earned = total((line.earned for line in note.lines), currency)
    _check_sum("credit note", note.number, unearned + earned + note.tax, note.total)
    who = {"customer": note.customer, "document": note.id}
    return _entry(
        kind="credit_note_issued",
        document=f"credit_note:{note.id}:issued",
        on=on,
        description=f"Credit note {note.number}",
        postings=[
            debit(chart.CONTRACT_LIABILITY, unearned, **who),
            debit(chart.REVENUE_REFUNDS, earned, **who),
            debit(chart.VAT_PAYABLE, note.tax, **who),
            credit(chart.RECEIVABLE, note.total - note.to_balance, **who),
            credit(chart.CUSTOMER_CREDIT, note.to_balance, **who),
        ],
    )


def credit_granted(fact: CreditFact, *, on: date) -> Entry | None:
    """D contra revenue, C customer credit: what we give for nothing lowers what was earned."""
    return _credit_moved("granted", "Credit granted", fact, on, _GIVEN)


def credit_withdrawn(fact: CreditFact, *, on: date) -> Entry | None:
    """D customer credit, C contra revenue: unused credit is taken back."""
    return _credit_moved("withdrawn", "Credit withdrawn", fact, on, _GIVEN[::-1])


def credit_applied(fact: CreditFact, *, on: date) -> Entry | None:
    """D customer credit, C receivable: the balance pays an invoice."""
    return _credit_moved("applied", "Credit for invoice", fact, on, _PAID_FROM_BALANCE)


def credit_returned(fact: CreditFact, *, on: date) -> Entry | None:
    """D receivable, C customer credit: an invoice that is void gives back what it took."""
    return _credit_moved("returned", "Credit back from invoice", fact, on, _PAID_FROM_BALANCE[::-1])


def credit_overpaid(fact: CreditFact, *, on: date) -> Entry | None:
    """D receivable, C customer credit: what was paid too much is owed to the customer."""
    return _credit_moved("overpaid", "Overpayment to credit of", fact, on, _PAID_FROM_BALANCE[::-1])


def prepaid_applied(fact: CreditFact, *, on: date, is_paid: bool) -> Entry | None:
    """D prepaid credits, or contra revenue if they were granted; C receivable."""
    accounts = (_source_of_prepaid(is_paid=is_paid), chart.RECEIVABLE)
    return _prepaid_moved("applied", "Prepaid credits for invoice", fact, on, accounts)


def prepaid_returned(fact: CreditFact, *, on: date, is_paid: bool) -> Entry | None:
    """The other way: an invoice that is void gives back what it used."""
    accounts = (chart.RECEIVABLE, _source_of_prepaid(is_paid=is_paid))
    return _prepaid_moved("returned", "Prepaid credits back from", fact, on, accounts)


def prepaid_expired(fact: CreditFact, *, on: date, is_paid: bool) -> Entry | None:
    """D prepaid credits, C breakage; of granted ones nothing was ever owed."""
    if not is_paid:
        return None
    accounts = (chart.PREPAID_CREDIT, chart.BREAKAGE_REVENUE)
    return _prepaid_moved("expired", "Expired prepaid credits", fact, on, accounts)


def prepaid_voided(fact: CreditFact, *, on: date, is_paid: bool) -> Entry | None:
    """As what expires: what was paid for is kept; of granted ones nothing was ever owed."""
    if not is_paid:
        return None
    accounts = (chart.PREPAID_CREDIT, chart.BREAKAGE_REVENUE)
    return _prepaid_moved("voided", "Voided prepaid credits", fact, on, accounts)


def _source_of_prepaid(*, is_paid: bool) -> str:
    return chart.PREPAID_CREDIT if is_paid else chart.REVENUE_REFUNDS


def _prepaid_moved(
    event: str, words: str, fact: CreditFact, on: date, accounts: tuple[str, str]
) -> Entry | None:
    who = {"customer": fact.customer, "document": fact.id}
    return _entry(
        kind=f"prepaid_{event}",
        document=f"prepaid_entry:{fact.id}:{event}",
        on=on,
        description=f"{words} {fact.invoice_number}".strip(),
        postings=[
            debit(accounts[0], fact.amount, **who),
            credit(accounts[1], fact.amount, **who),
        ],
    )


_GIVEN = (chart.REVENUE_REFUNDS, chart.CUSTOMER_CREDIT)
_PAID_FROM_BALANCE = (chart.CUSTOMER_CREDIT, chart.RECEIVABLE)


def _credit_moved(
    event: str, words: str, fact: CreditFact, on: date, accounts: tuple[str, ...]
) -> Entry | None:
    who = {"customer": fact.customer, "document": fact.id}
    debited, credited = accounts
    return _entry(
        kind=f"credit_{event}",
        document=f"credit_entry:{fact.id}:{event}",
        on=on,
        description=f"{words} {fact.invoice_number}".strip(),
        postings=[debit(debited, fact.amount, **who), credit(credited, fact.amount, **who)],
    )


def payment_captured(payment: PaymentFact, *, on: date) -> Entry | None:
    """D gateway clearing, C receivable; D processor fees, C gateway clearing.

    The clearing account then holds what the processor owes us: the payment less its fee.
    """
    who = {"customer": payment.customer, "document": payment.id}
    return _entry(
        kind="payment_captured",
        document=f"payment:{payment.id}:captured",
        on=on,
        description=f"Payment of {payment.invoice_number}".removesuffix(" of "),
        postings=[
            debit(chart.GATEWAY_CLEARING, payment.amount, **who),
            credit(chart.RECEIVABLE, payment.amount, **who),
            debit(chart.PROCESSOR_FEES, payment.fee, **who),
            credit(chart.GATEWAY_CLEARING, payment.fee, **who),
        ],
    )


def capture_received(payment: PaymentFact, *, on: date) -> Entry | None:
    """D gateway clearing, C receivable: a part of a hold was taken; its fee is told later."""
    who = {"customer": payment.customer, "document": payment.id}
    return _entry(
        kind="capture_received",
        document=f"payment_operation:{payment.id}:received",
        on=on,
        description=f"Capture of {payment.invoice_number}".removesuffix(" of "),
        postings=[
            debit(chart.GATEWAY_CLEARING, payment.amount, **who),
            credit(chart.RECEIVABLE, payment.amount, **who),
        ],
    )


def processor_fee_charged(payment: PaymentFact, *, on: date) -> Entry | None:
    """D processor fees, C gateway clearing: a fee that was told after its payment was posted."""
    return _fee_charged(
        "processor_fee_charged", f"payment:{payment.id}:fee", payment, payment.fee, on
    )


def capture_fee_charged(payment: PaymentFact, *, on: date) -> Entry | None:
    """D processor fees, C gateway clearing: what one capture of a hold has cost."""
    return _fee_charged(
        "capture_fee_charged", f"payment_operation:{payment.id}:fee", payment, payment.fee, on
    )


def foreign_fee_charged(fee: ForeignFeeFact, *, on: date) -> Entry | None:
    """D processor fees, C gateway clearing, in the currency in which the fee was taken."""
    return _fee_charged("foreign_fee_charged", f"foreign_fee:{fee.id}:charged", fee, fee.amount, on)


def _fee_charged(
    kind: str, document: str, of: PaymentFact | ForeignFeeFact, fee: Money, on: date
) -> Entry | None:
    who = {"customer": of.customer, "document": of.id}
    return _entry(
        kind=kind,
        document=document,
        on=on,
        description=f"Processor fee of {of.invoice_number}".removesuffix(" of "),
        postings=[
            debit(chart.PROCESSOR_FEES, fee, **who),
            credit(chart.GATEWAY_CLEARING, fee, **who),
        ],
    )


def payment_returned(back: ReturnFact, *, on: date) -> Entry | None:
    """D receivable, C gateway clearing: the money is gone, and what it paid is owed again."""
    who = {"customer": back.customer, "document": back.id}
    return _entry(
        kind="payment_returned",
        document=f"payment_return:{back.id}:returned",
        on=on,
        description=f"Return of {back.invoice_number}: {back.code}",
        postings=[
            debit(chart.RECEIVABLE, back.amount, **who),
            credit(chart.GATEWAY_CLEARING, back.amount, **who),
        ],
    )


def bank_charged(charge: BankChargeFact, *, on: date) -> Entry | None:
    """D bank charges, C gateway clearing; what a bank gives back the other way."""
    return _entry(
        kind="bank_charged",
        document=f"bank_charge:{charge.id}:charged",
        on=on,
        description=f"Bank charge: {charge.text}".removesuffix(": "),
        postings=[
            debit(chart.BANK_CHARGES, charge.amount, customer="", document=charge.id),
            credit(chart.GATEWAY_CLEARING, charge.amount, customer="", document=charge.id),
        ],
    )


def refund_paid(refund: RefundFact, *, on: date) -> Entry | None:
    """D receivable, C gateway clearing: the credit note before it had made us owe the amount."""
    who = {"customer": refund.customer, "document": refund.id}
    return _entry(
        kind="refund_paid",
        document=f"refund:{refund.id}:paid",
        on=on,
        description=f"Refund of {refund.invoice_number}".removesuffix(" of "),
        postings=[
            debit(chart.RECEIVABLE, refund.amount, **who),
            credit(chart.GATEWAY_CLEARING, refund.amount, **who),
        ],
    )


def dispute_funds(fact: DisputeFact, *, on: date) -> Entry | None:
    """D disputes receivable, C gateway clearing: withdrawn until the bank decides; or back."""
    return _dispute_moved("funds", "Disputed", fact, on, _IN_DISPUTE)


def dispute_fee(fact: DisputeFact, *, on: date) -> Entry | None:
    """D dispute fees, C gateway clearing; or given back."""
    return _dispute_moved("fee", "Fee of dispute", fact, on, _DISPUTE_FEE)


def dispute_exchange(fact: DisputeFact, *, on: date) -> Entry | None:
    """D currency gains and losses, C gateway clearing: more was taken than came back; or less."""
    return _dispute_moved("exchange", "Exchange in dispute", fact, on, _DISPUTE_EXCHANGE)


def dispute_loss(fact: DisputeFact, *, on: date) -> Entry | None:
    """D dispute losses, C disputes receivable: lost, and borne by us; or won after all."""
    return _dispute_moved("loss", "Lost dispute", fact, on, _DISPUTE_LOSS)


def dispute_reopening(fact: DisputeFact, *, on: date) -> Entry | None:
    """D receivable, C disputes receivable: lost, and owed by the customer again; or won."""
    return _dispute_moved("reopening", "Charged back", fact, on, _OWED_AGAIN)


_IN_DISPUTE = (chart.DISPUTES_RECEIVABLE, chart.GATEWAY_CLEARING)
_DISPUTE_FEE = (chart.DISPUTE_FEES, chart.GATEWAY_CLEARING)
_DISPUTE_EXCHANGE = (chart.FX_DIFFERENCES, chart.GATEWAY_CLEARING)
_DISPUTE_LOSS = (chart.DISPUTE_LOSSES, chart.DISPUTES_RECEIVABLE)
_OWED_AGAIN = (chart.RECEIVABLE, chart.DISPUTES_RECEIVABLE)


def _dispute_moved(
    event: str, words: str, fact: DisputeFact, on: date, accounts: tuple[str, str]
) -> Entry | None:
    """What goes away from us, or, below zero, the other way."""
    who = {"customer": fact.customer, "document": fact.id}
    is_taken_back = fact.amount.amount < 0
    return _entry(
        kind=f"dispute_{event}{'_reversal' if is_taken_back else ''}",
        document=f"dispute_entry:{fact.id}:{event}",
        on=on,
        description=f"{words} {fact.invoice_number}{' taken back' if is_taken_back else ''}",
        postings=[
            debit(accounts[0], fact.amount, **who),
            credit(accounts[1], fact.amount, **who),
        ],
    )


def invoice_written_off(loss: WriteOffFact, *, on: date) -> Entry | None:
    """D bad debt; C receivable. The tax is a loss too, unless the tax office gives it back.

    What is taken back goes the other way: paid after all, credited, or pursued again.
    """
    who = {"customer": loss.customer, "document": loss.invoice_id}
    is_taken_back = (loss.net + loss.tax).amount < 0
    tax_account = chart.VAT_BAD_DEBT_RELIEF if loss.is_tax_relieved else chart.BAD_DEBT
    return _entry(
        kind=f"invoice_written_off{'_reversal' if is_taken_back else ''}",
        document=f"invoice:{loss.invoice_id}:written_off{f':{loss.turn}' if loss.turn else ''}",
        on=on,
        description=f"{'Recovery' if is_taken_back else 'Write-off'} of invoice {loss.number}",
        postings=[
            debit(chart.BAD_DEBT, loss.net, **who),
            debit(tax_account, loss.tax, **who),
            credit(chart.RECEIVABLE, loss.net + loss.tax, **who),
        ],
    )


def revenue_recognized(
    *, schedule: str, customer: str, document: str, amount: Money, month: date, on: date
) -> Entry | None:
    """D contract liability, C subscription revenue: the part of a line earned in a month."""
    who = {"customer": customer, "document": document}
    return _entry(
        kind="revenue_recognized",
        document=f"schedule:{schedule}:{month:%Y-%m}",
        on=on,
        description=f"Revenue of {month:%Y-%m}",
        postings=[
            debit(chart.CONTRACT_LIABILITY, amount, **who),
            credit(chart.SUBSCRIPTION_REVENUE, amount, **who),
        ],
    )


def _entry(
    *, kind: str, document: str, on: date, description: str, postings: Iterable[Posting]
) -> Entry | None:
    moving = tuple(posting for posting in postings if posting.amount_minor)
    if not moving:
        return None
    return Entry(
        kind=kind,
        key=f"{document}:v{RULES_VERSION}",
        effective_on=on,
        postings=moving,
        description=description,
    )


def _check_sum(what: str, number: str, parts: Money, whole: Money) -> None:
    if parts != whole:
        raise DocumentInconsistent(f"{what} {number}: parts are {parts}, the total is {whole}")
