"""Invoices, credit notes and what is lost of them, and the revenue of invoice lines."""

from collections import defaultdict
from datetime import date

from finance.domain import chart
from finance.domain.entries.making import check_sum, made
from finance.domain.facts import CreditNoteFact, Earned, InvoiceFact, OpeningBillFact, WriteOffFact
from finance.domain.journal import Entry, credit, debit
from tiktoktoe.kernel.money import Money, total, zero

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
    check_sum("invoice", invoice.number, net + invoice.tax, invoice.total)
    by_account: dict[str, Money] = defaultdict(lambda: zero(currency))
    for line in invoice.lines:
        by_account[_REVENUE_ACCOUNT[line.earned]] += line.amount
    who = {"customer": invoice.customer, "document": invoice.id}
    return made(
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
    return made(
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
    check_sum("credit note", note.number, unearned + earned + note.tax, note.total)
    who = {"customer": note.customer, "document": note.id}
    return made(
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


def invoice_written_off(loss: WriteOffFact, *, on: date) -> Entry | None:
    """D bad debt; C receivable. The tax is a loss too, unless the tax office gives it back.

    What is taken back goes the other way: paid after all, credited, or pursued again.
    """
    who = {"customer": loss.customer, "document": loss.invoice_id}
    is_taken_back = (loss.net + loss.tax).amount < 0
    tax_account = chart.VAT_BAD_DEBT_RELIEF if loss.is_tax_relieved else chart.BAD_DEBT
    return made(
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
    return made(
        kind="revenue_recognized",
        document=f"schedule:{schedule}:{month:%Y-%m}",
        on=on,
        description=f"Revenue of {month:%Y-%m}",
        postings=[
            debit(chart.CONTRACT_LIABILITY, amount, **who),
            credit(chart.SUBSCRIPTION_REVENUE, amount, **who),
        ],
    )
