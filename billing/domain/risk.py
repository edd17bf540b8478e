"""Transparent risk points: which rules a payment hits, and what follows from their sum.

Every rule that hits is told with its points, so that staff and, where it matters, customers
can be answered. Thresholds and points are this house's own choice, not a network's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from tiktoktoe.kernel.money import Money, quantize

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
    fraud_disputed_on: date | None = None  # last, within a year; not what we have won
    paid_of_invoice: Money | None = None  # in parts before, within thirty days
    paid_in_a_day: Money | None = None  # by the customer's other payments
    paid_in_thirty_days: Money | None = None
    limit: Decimal | None = None  # of one payment
    daily_limit: Decimal | None = None
    monthly_limit: Decimal | None = None
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
        *_limits(facts),
        ("the card's issuer called a payment fraudulent", 70, facts.fraud_declines > 0),
        _fraud_dispute(facts.fraud_disputed_on),
        ("a person refused an earlier payment of this invoice", 70, facts.was_refused),
        ("three or more suspicious declines in a day", 40, facts.suspicious_declines >= 3),
        ("three or more methods stored in a day", 30, facts.methods_added >= 3),
        ("a disposable e-mail address", 40, domain in DISPOSABLE),
        _large_first_payment(facts),
        ("the method is of another country than the customer", 10, is_foreign),
    )
    return RiskVerdict(hits={name: points for name, points, hits in rules if hits})


_Rule = tuple[str, int, bool]


def _limits(facts: RiskFacts) -> tuple[_Rule, ...]:
    """By itself, with the parts of its invoice, and with what was paid in a day and in thirty.

    What was paid in parts is told with its sum, so that the record says why.
    """
    amount, limit = facts.amount, facts.limit
    is_above = limit is not None and amount.amount > limit
    parts, month = facts.paid_of_invoice, facts.paid_in_thirty_days
    together = f"above the limit of one payment, with {_shown(parts)} paid of the invoice before"
    in_a_month = f"above the customer's limit of thirty days, with {_shown(month)} paid in them"
    return (
        ("above the limit of one payment", 70, is_above),
        (together, 70, not is_above and _is_beyond(amount, parts, limit)),
        (
            "above the customer's limit of a day",
            70,
            _is_beyond(amount, facts.paid_in_a_day, facts.daily_limit, alone=True),
        ),
        (in_a_month, 70, _is_beyond(amount, month, facts.monthly_limit, alone=True)),
    )


def _fraud_dispute(disputed_on: date | None) -> _Rule:
    """Told with its day; too little to hold back every payment of a year by itself."""
    return f"a payment was disputed as fraud on {disputed_on}", 30, disputed_on is not None


def _large_first_payment(facts: RiskFacts) -> _Rule:
    parts = facts.paid_of_invoice
    if facts.amount.amount >= LARGE or parts is None or not parts.amount:
        is_large = facts.amount.amount >= LARGE
        return "a first payment of 10,000 or more", 30, facts.is_first_payment and is_large
    is_large = (facts.amount + parts).amount >= LARGE
    words = f"a first invoice of 10,000 or more, of which {_shown(parts)} was paid in parts"
    return words, 30, facts.is_first_payment and is_large


def _is_beyond(
    amount: Money, before: Money | None, limit: Decimal | None, *, alone: bool = False
) -> bool:
    """Whether an amount is above a limit with what was before; `alone`: also if nothing was."""
    if limit is None or (before is None and not alone):
        return False
    total = amount if before is None else amount + before
    has_before = before is not None and before.amount > 0
    return total.amount > limit and (alone or has_before)


def _shown(money: Money | None) -> str:
    return f"{quantize(money).amount:,} {money.currency.code}" if money is not None else "nothing"
