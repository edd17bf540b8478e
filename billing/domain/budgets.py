"""How often card networks let a card be tried again after a no; more costs fees, or standing.

Each budget has a date from which it holds and a source; networks change them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryBudget:
    """At most so many declined tries of one card within a time."""

    network: str
    declines: int
    within: timedelta
    valid_from: date
    source: str

    def words(self) -> str:
        """For staff: what is used up."""
        days = self.within.days
        time = f"{days} days" if days > 1 else "24 hours"
        return f"{self.network} allows {self.declines} declined tries within {time}"


BUDGETS: tuple[RetryBudget, ...] = (
    RetryBudget(
        network="visa",
        declines=15,
        within=timedelta(days=30),
        valid_from=date(2020, 1, 1),
        source="PayPal and Payway pages; newer ones say 20 (Visa Core Rules of 18 April 2026)",
    ),
    RetryBudget(
        network="mastercard",
        declines=10,
        within=timedelta(days=1),
        valid_from=date(2020, 1, 1),
        source="TabaPay's page on excessive authorisations, 2026",
    ),
    RetryBudget(
        network="mastercard",
        declines=35,
        within=timedelta(days=30),
        valid_from=date(2020, 1, 1),
        source="TabaPay's page on excessive authorisations, 2026",
    ),
)
LONGEST = max(budget.within for budget in BUDGETS)


def spent_budget(
    *, network: str, declined_at: Sequence[datetime], at: datetime
) -> RetryBudget | None:
    """The first budget of a network that a card's declines have used up; None if none."""
    for budget in BUDGETS:
        if budget.network == network and budget.valid_from <= at.date():
            recent = sum(at - budget.within < moment <= at for moment in declined_at)
            if recent >= budget.declines:
                return budget
    return None
