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


@dataclass(frozen=True, slots=True, kw_only=True)
class RepresentmentRule:
    """How often a debit that came back may be presented again, counted from its first return."""

    brand: str
    codes: frozenset[str]  # of returns after which it may be at all
    tries: int
    within: timedelta
    valid_from: date
    source: str

    def words(self) -> str:
        """For staff: why it is not presented again."""
        times, days = self.tries, self.within.days
        return f"{self.brand} may be presented again {times} times within {days} days"


REPRESENTMENTS: tuple[RepresentmentRule, ...] = (
    RepresentmentRule(
        brand="ach_debit",
        # As Stripe calls both.
        codes=frozenset({"R01", "R09", "insufficient_funds"}),
        tries=2,
        within=timedelta(days=180),
        valid_from=date(2015, 9, 18),
        source=(
            "Nacha Operating Rules, 2.12.4 (reinitiation), as told by docs.galileo-ft.com "
            "(Restricted Company Entry Descriptions) and pnc.com (2015 return rate changes), read "
            "2026-11-26"
        ),
    ),
)


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


def spent_representments(
    *, brand: str, returns: Sequence[tuple[str, datetime]], at: datetime
) -> RepresentmentRule | None:
    """The rule by which a debit that came back may not be presented any more; None if it may.

    Args:
        brand: Of the method that is to be charged.
        returns: What came back of the same debt by such methods: the bank's code, and when.
        at: When it would be presented again.
    """
    for rule in REPRESENTMENTS:
        came = sorted(moment for code, moment in returns if code in rule.codes)
        if rule.brand != brand or rule.valid_from > at.date() or not came:
            continue
        if len(came) > rule.tries or at - came[0] > rule.within:
            return rule
    return None
