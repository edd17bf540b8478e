"""The money of disputes; below zero, the other way."""

from datetime import date

from finance.domain import chart
from finance.domain.entries.making import moved
from finance.domain.facts import MovementFact
from finance.domain.journal import Entry


def dispute_funds(fact: MovementFact, *, on: date) -> Entry | None:
    """D disputes receivable, C gateway clearing: withdrawn until the bank decides; or back."""
    return _dispute_moved("funds", "Disputed", fact, on, _IN_DISPUTE)


def dispute_fee(fact: MovementFact, *, on: date) -> Entry | None:
    """D dispute fees, C gateway clearing; or given back."""
    return _dispute_moved("fee", "Fee of dispute", fact, on, _DISPUTE_FEE)


def dispute_exchange(fact: MovementFact, *, on: date) -> Entry | None:
    """D currency gains and losses, C gateway clearing: more was taken than came back; or less."""
    return _dispute_moved("exchange", "Exchange in dispute", fact, on, _DISPUTE_EXCHANGE)


def dispute_loss(fact: MovementFact, *, on: date) -> Entry | None:
    """D dispute losses, C disputes receivable: lost, and borne by us; or won after all."""
    return _dispute_moved("loss", "Lost dispute", fact, on, _DISPUTE_LOSS)


def dispute_reopening(fact: MovementFact, *, on: date) -> Entry | None:
    """D receivable, C disputes receivable: lost, and owed by the customer again; or won."""
    return _dispute_moved("reopening", "Charged back", fact, on, _OWED_AGAIN)


_IN_DISPUTE = (chart.DISPUTES_RECEIVABLE, chart.GATEWAY_CLEARING)
_DISPUTE_FEE = (chart.DISPUTE_FEES, chart.GATEWAY_CLEARING)
_DISPUTE_EXCHANGE = (chart.FX_DIFFERENCES, chart.GATEWAY_CLEARING)
_DISPUTE_LOSS = (chart.DISPUTE_LOSSES, chart.DISPUTES_RECEIVABLE)
_OWED_AGAIN = (chart.RECEIVABLE, chart.DISPUTES_RECEIVABLE)


def _dispute_moved(
    event: str, words: str, fact: MovementFact, on: date, accounts: tuple[str, str]
) -> Entry | None:
    """What goes away from us, or, below zero, the other way."""
    is_taken_back = fact.amount.amount < 0
    return moved(
        fact,
        accounts,
        kind=f"dispute_{event}{'_reversal' if is_taken_back else ''}",
        document=f"dispute_entry:{fact.id}:{event}",
        on=on,
        description=f"{words} {fact.invoice_number}{' taken back' if is_taken_back else ''}",
    )
