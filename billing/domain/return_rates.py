"""How many ACH debits may come back before Nacha asks the bank, and the bank asks us.

Codes are those of returns and, of debits through Stripe, its words for the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

# Source: treasuryprime.com, ACH best practices: those of the previous 60 days; read 2026-11-26.
WITHIN = timedelta(days=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnLimit:
    """The largest share of debits that may come back for some reasons; none: for any."""

    words: str
    codes: frozenset[str]
    most: Fraction
    valid_from: date
    source: str


_SOURCE = (
    "Nacha Operating Rules, return rate levels, as told by community.epcor.org and "
    "help.icheckgateway.com (Return Rates); R11 counts since it was given another meaning; read "
    "2026-11-26"
)
_SINCE = date(2015, 9, 18)
LIMITS: Sequence[ReturnLimit] = (
    ReturnLimit(
        words="not authorised",
        codes=frozenset(
            {*("R05", "R07", "R10", "R11", "R29", "R51"), "debit_not_authorized"},
        ),
        most=Fraction(5, 1000),
        valid_from=_SINCE,
        source=_SOURCE,
    ),
    ReturnLimit(
        words="wrong or closed account",
        codes=frozenset(
            {*("R02", "R03", "R04"), *("account_closed", "bank_account_closed", "no_account")}
            | {"invalid_account", "invalid_account_number"}
        ),
        most=Fraction(3, 100),
        valid_from=_SINCE,
        source=_SOURCE,
    ),
    ReturnLimit(
        words="any reason",
        codes=frozenset(),
        most=Fraction(15, 100),
        valid_from=_SINCE,
        source=_SOURCE,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnRate:
    """How many of some debits came back, against a limit."""

    limit: ReturnLimit
    returns: int
    debits: int

    @property
    def share(self) -> Fraction:
        """Of the debits."""
        return Fraction(self.returns, self.debits)

    @property
    def is_beyond(self) -> bool:
        """Whether it is more than is allowed."""
        return self.share > self.limit.most


def return_rates(*, debits: int, returned: Mapping[str, int], on: date) -> list[ReturnRate]:
    """Each limit that holds on a day and what came of it; none without debits."""
    if not debits:
        return []
    return [
        ReturnRate(
            limit=limit,
            returns=sum(
                n for code, n in returned.items() if code in limit.codes or not limit.codes
            ),
            debits=debits,
        )
        for limit in LIMITS
        if limit.valid_from <= on
    ]
