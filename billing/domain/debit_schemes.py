"""What the rules of a debit scheme allow: currency, countries, amounts.

By what a stored method's brand says, wherever it is held. Each limit has a day from which it
holds and a source; a debit beyond one is refused and the reason told, not tried.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing.domain.sepa_countries import SEPA_COUNTRIES

SEPA_DEBIT, ACH_DEBIT = "sepa_debit", "ach_debit"


@dataclass(frozen=True, slots=True, kw_only=True)
class DebitScheme:
    """Where and in what a scheme collects."""

    currency: str
    countries: frozenset[str]
    source: str


SCHEMES: Mapping[str, DebitScheme] = {
    SEPA_DEBIT: DebitScheme(
        currency="EUR",
        countries=frozenset(SEPA_COUNTRIES),
        source="EPC016-06, SEPA Direct Debit Core Scheme Rulebook: euro only; EPC409-09, countries",
    ),
    ACH_DEBIT: DebitScheme(
        currency="USD",
        countries=frozenset({"US"}),
        source="docs.stripe.com/payments/ach-direct-debit: customers in the US, US dollars",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountLimit:
    """The most that a gateway takes by one debit of a scheme."""

    gateway: str
    scheme: str
    amount: Decimal
    valid_from: date
    source: str


AMOUNT_LIMITS: Sequence[AmountLimit] = (
    AmountLimit(
        gateway="stripe",
        scheme=SEPA_DEBIT,
        amount=Decimal(10_000),
        valid_from=date(2020, 1, 1),
        source="docs.stripe.com/payments/sepa-debit, 2026: 10,000 EUR each, more on request",
    ),
)


def amount_limit(*, gateway: str, scheme: str, on: date) -> AmountLimit | None:
    """The limit that holds on a day; the newest one counts."""
    held = [
        limit
        for limit in AMOUNT_LIMITS
        if (limit.gateway, limit.scheme) == (gateway, scheme) and limit.valid_from <= on
    ]
    return max(held, key=lambda limit: limit.valid_from, default=None)
