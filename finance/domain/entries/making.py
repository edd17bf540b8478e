"""How every entry is made: its key, and only what moves."""

from collections.abc import Iterable
from datetime import date

from finance.domain.facts import MovementFact, ReturnFact
from finance.domain.journal import Entry, Posting, credit, debit
from finance.errors import DocumentInconsistent
from tiktoktoe.kernel.money import Money

RULES_VERSION = 1


def made(
    *, kind: str, document: str, on: date, description: str, postings: Iterable[Posting]
) -> Entry | None:
    """An entry of the postings that move something; None if none does."""
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


def moved(
    fact: MovementFact | ReturnFact,
    accounts: tuple[str, str],
    *,
    kind: str,
    document: str,
    on: date,
    description: str,
) -> Entry | None:
    """An entry of one amount: the first account is debited, the second credited."""
    debited, credited = accounts
    who = {"customer": fact.customer, "document": fact.id}
    return made(
        kind=kind,
        document=document,
        on=on,
        description=description,
        postings=[debit(debited, fact.amount, **who), credit(credited, fact.amount, **who)],
    )


def check_sum(what: str, number: str, parts: Money, whole: Money) -> None:
    """Raises DocumentInconsistent if parts do not add up to the whole."""
    if parts != whole:
        raise DocumentInconsistent(f"{what} {number}: parts are {parts}, the total is {whole}")
