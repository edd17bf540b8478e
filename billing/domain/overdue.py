"""Campaigns over a customer's whole debt: requests above a threshold, and overdue states.

Requests follow Lago's rule (app/services/dunning_campaigns, read in 2026): each currency counts
its own, against its own threshold; the time between two passes is the customer's. Overdue states
follow Kill Bill's (overdue configuration): the strictest state whose conditions all hold counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from billing.errors import CampaignInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTerms:
    """When an overdue balance is asked for: `thresholds` by currency, so often, so far apart."""

    thresholds: Mapping[str, Decimal]
    requests_max: int
    days_between: int


def currencies_due(
    *,
    terms: RequestTerms,
    overdue: Mapping[str, Decimal],
    requests_made: Mapping[str, int],
    last_at: datetime | None,
    at: datetime,
) -> list[str]:
    """In which currencies a customer is asked for its overdue balance now.

    None before the days since the customer's last request, in whatever currency, are over:
    exactly so many days later is not yet.

    Args:
        terms: The campaign.
        overdue: What is overdue, by currency.
        requests_made: How many requests there were, by currency, since it was settled last.
        last_at: When the last request was.
        at: Now.
    """
    if last_at is not None and at <= last_at + timedelta(days=terms.days_between):
        return []
    return [
        currency
        for currency in sorted(overdue)
        if currency in terms.thresholds
        and overdue[currency] >= terms.thresholds[currency]
        and requests_made.get(currency, 0) < terms.requests_max
    ]


def is_exhausted(requests_made: Mapping[str, int], requests_max: int) -> bool:
    """Whether every currency that was asked for has had all its requests."""
    made = [count for count in requests_made.values() if count]
    return bool(made) and all(count >= requests_max for count in made)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueTerms:
    """A state that a customer is in while all its conditions hold, and what it blocks."""

    name: str
    days_since_earliest_unpaid: int | None = None
    unpaid_invoices: int | None = None
    unpaid_amount: Decimal | None = None
    blocks_changes: bool = False
    blocks_service: bool = False

    def holds(self, debt: "Debt", today: date) -> bool:
        """Whether a debt meets every condition; a condition of none is met."""
        days = self.days_since_earliest_unpaid
        return (
            (days is None or today >= debt.earliest_on + timedelta(days=days))
            and (self.unpaid_invoices is None or debt.invoices >= self.unpaid_invoices)
            and (self.unpaid_amount is None or debt.amount >= self.unpaid_amount)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """What a customer owes: since which invoice's day, how many invoices, and how much."""

    earliest_on: date
    invoices: int
    amount: Decimal


def overdue_state(
    states: Sequence[OverdueTerms], debt: Debt | None, today: date
) -> OverdueTerms | None:
    """The strictest state, which stands last, whose conditions hold; None: clear."""
    if debt is None:
        return None
    return next((state for state in reversed(states) if state.holds(debt, today)), None)


def days_to_look(states: Sequence[OverdueTerms], earliest_on: date) -> list[date]:
    """The days on which a state may begin by the age of the earliest unpaid invoice alone."""
    ages = {s.days_since_earliest_unpaid for s in states}
    return sorted(earliest_on + timedelta(days=age) for age in ages if age is not None)


def ensure_overdue(states: Sequence[OverdueTerms]) -> None:
    """Refuse states that say nothing.

    Raises:
        CampaignInvalid: Naming the state.
    """
    names = [state.name for state in states]
    if not states or len(set(names)) < len(names) or not all(names):
        raise CampaignInvalid("each state has a name of its own", field="states")
    for state in states:
        conditions = (state.days_since_earliest_unpaid, state.unpaid_invoices, state.unpaid_amount)
        if conditions == (None, None, None):
            raise CampaignInvalid(f"{state.name} has no condition", field="states")


def ensure_requests(terms: RequestTerms) -> None:
    """Refuse a campaign of requests that asks for nothing.

    Raises:
        CampaignInvalid: Naming the field.
    """
    if not terms.thresholds or min(terms.thresholds.values()) < 0:
        raise CampaignInvalid("say from which amount in which currency", field="thresholds")
    if terms.requests_max < 1 or terms.days_between < 1:
        raise CampaignInvalid("at least one request, at least a day apart", field="requests_max")
