"""Transparent risk points: which rules a payment hits, and what follows from their sum.

Every rule that hits is told with its points, so that staff and, where it matters, customers
can be answered. Thresholds and points are this house's own choice, not a network's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from tiktoktoe.kernel.money import Money

LARGE = Decimal(10_000)
DISPOSABLE = frozenset(
    {
        "mailinator.com",
        "guerrillamail.com",
        "10minutemail.com",
        "temp-mail.org",
        "yopmail.com",
        "trashmail.com",
        "sharklasers.com",
    }
)


class RiskAction(StrEnum):
    """What may happen to the payment."""

    ALLOW = "allow"
    CONFIRM = "confirm"  # the customer confirms it with the issuer: 3-D Secure
    REVIEW = "review"  # a person looks first
    BLOCK = "block"


_ACTIONS = ((100, RiskAction.BLOCK), (70, RiskAction.REVIEW), (40, RiskAction.CONFIRM))


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskFacts:
    """What is known when a payment is to be sent."""

    amount: Money
    email: str
    customer_country: str
    method_country: str = ""
    is_first_payment: bool = False
    suspicious_declines: int = 0  # in a day: wrong data, dead cards, fraud
    methods_added: int = 0  # in a day
    fraud_declines: int = 0  # in ninety days
    is_above_limit: bool = False
    is_above_daily_limit: bool = False
    was_refused: bool = False  # by a person, an earlier payment of the same debt


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskVerdict:
    """The rules that hit, with their points, and what follows."""

    hits: Mapping[str, int]

    @property
    def points(self) -> int:
        """Their sum."""
        return sum(self.hits.values())

    @property
    def action(self) -> RiskAction:
        """By the highest threshold that is reached."""
        reached = (action for bound, action in _ACTIONS if self.points >= bound)
        return next(reached, RiskAction.ALLOW)


def judge(facts: RiskFacts) -> RiskVerdict:
    """Every rule, in the order in which it is told."""
    is_foreign = bool(facts.method_country) and facts.method_country != facts.customer_country
    domain = facts.email.rpartition("@")[2].lower()
    rules = (
        ("above the limit of one payment", 70, facts.is_above_limit),
        ("above the customer's limit of a day", 70, facts.is_above_daily_limit),
        ("the card's issuer called a payment fraudulent", 70, facts.fraud_declines > 0),
        ("a person refused an earlier payment of this invoice", 70, facts.was_refused),
        ("three or more suspicious declines in a day", 40, facts.suspicious_declines >= 3),
        ("three or more methods stored in a day", 30, facts.methods_added >= 3),
        ("a disposable e-mail address", 40, domain in DISPOSABLE),
        (
            "a first payment of 10,000 or more",
            30,
            facts.is_first_payment and facts.amount.amount >= LARGE,
        ),
        ("the method is of another country than the customer", 10, is_foreign),
    )
    return RiskVerdict(hits={name: points for name, points, hits in rules if hits})
