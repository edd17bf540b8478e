"""Credit balances and prepaid credits."""

from datetime import date

from finance.domain import chart
from finance.domain.entries.making import moved
from finance.domain.facts import MovementFact
from finance.domain.journal import Entry


def credit_granted(fact: MovementFact, *, on: date) -> Entry | None:
    """D contra revenue, C customer credit: what we give for nothing lowers what was earned."""
    return _balance_moved("credit_granted", "Credit granted", fact, on, _GIVEN)


def credit_withdrawn(fact: MovementFact, *, on: date) -> Entry | None:
    """D customer credit, C contra revenue: unused credit is taken back."""
    return _balance_moved("credit_withdrawn", "Credit withdrawn", fact, on, _GIVEN[::-1])


def credit_applied(fact: MovementFact, *, on: date) -> Entry | None:
    """D customer credit, C receivable: the balance pays an invoice."""
    return _balance_moved("credit_applied", "Credit for invoice", fact, on, _PAID_FROM_BALANCE)


def credit_returned(fact: MovementFact, *, on: date) -> Entry | None:
    """D receivable, C customer credit: an invoice that is void gives back what it took."""
    return _balance_moved(
        "credit_returned", "Credit back from invoice", fact, on, _PAID_FROM_BALANCE[::-1]
    )


def credit_overpaid(fact: MovementFact, *, on: date) -> Entry | None:
    """D receivable, C customer credit: what was paid too much is owed to the customer."""
    return _balance_moved(
        "credit_overpaid", "Overpayment to credit of", fact, on, _PAID_FROM_BALANCE[::-1]
    )


_GIVEN = (chart.REVENUE_REFUNDS, chart.CUSTOMER_CREDIT)
_PAID_FROM_BALANCE = (chart.CUSTOMER_CREDIT, chart.RECEIVABLE)


def prepaid_applied(fact: MovementFact, *, on: date, is_paid: bool) -> Entry | None:
    """D prepaid credits, or contra revenue if they were granted; C receivable."""
    accounts = (_source_of_prepaid(is_paid=is_paid), chart.RECEIVABLE)
    return _balance_moved("prepaid_applied", "Prepaid credits for invoice", fact, on, accounts)


def prepaid_returned(fact: MovementFact, *, on: date, is_paid: bool) -> Entry | None:
    """The other way: an invoice that is void gives back what it used."""
    accounts = (chart.RECEIVABLE, _source_of_prepaid(is_paid=is_paid))
    return _balance_moved("prepaid_returned", "Prepaid credits back from", fact, on, accounts)


def prepaid_expired(fact: MovementFact, *, on: date, is_paid: bool) -> Entry | None:
    """D prepaid credits, C breakage; of granted ones nothing was ever owed."""
    if not is_paid:
        return None
    accounts = (chart.PREPAID_CREDIT, chart.BREAKAGE_REVENUE)
    return _balance_moved("prepaid_expired", "Expired prepaid credits", fact, on, accounts)


def prepaid_voided(fact: MovementFact, *, on: date, is_paid: bool) -> Entry | None:
    """As what expires: what was paid for is kept; of granted ones nothing was ever owed."""
    if not is_paid:
        return None
    accounts = (chart.PREPAID_CREDIT, chart.BREAKAGE_REVENUE)
    return _balance_moved("prepaid_voided", "Voided prepaid credits", fact, on, accounts)


def _source_of_prepaid(*, is_paid: bool) -> str:
    return chart.PREPAID_CREDIT if is_paid else chart.REVENUE_REFUNDS


def _balance_moved(
    kind: str, words: str, fact: MovementFact, on: date, accounts: tuple[str, str]
) -> Entry | None:
    balance, _, event = kind.partition("_")
    return moved(
        fact,
        accounts,
        kind=kind,
        document=f"{balance}_entry:{fact.id}:{event}",
        on=on,
        description=f"{words} {fact.invoice_number}".strip(),
    )
