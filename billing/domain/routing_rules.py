"""Hard rules of routing, written by people: the first whose conditions all hold decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from billing.domain.chance import arm_of
from tiktoktoe.kernel.money import Money


class Effect(StrEnum):
    """What a rule does with the candidates that it names."""

    ONLY = "only"  # the others are ruled out
    PREFER = "prefer"  # they come before the others
    SPLIT = "split"  # one gateway comes first, drawn by share


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What rules can ask about a payment."""

    amount: Money
    customer_country: str = ""
    is_on_session: bool = False
    is_business: bool = False
    seed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingRule:
    """Conditions, all of which must hold (empty ones always do), and what follows.

    A split's shares are whole percents of payments, in order; what they leave of a hundred
    is left to the score.
    """

    name: str
    effect: Effect
    currency: str = ""
    minimum: Money | None = None
    maximum: Money | None = None
    customer_country: str = ""
    session: str = ""  # on, off
    buyer: str = ""  # business, person
    gateways: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    shares: tuple[tuple[str, int], ...] = ()

    def holds(self, about: Circumstances) -> bool:
        """Whether every condition is met; a bound in another currency is not."""
        return (
            self.currency in {"", about.amount.currency.code}
            and (self.minimum is None or _is_at_least(about.amount, self.minimum))
            and (self.maximum is None or _is_at_least(self.maximum, about.amount))
            and self.customer_country in {"", about.customer_country}
            and self.session in {"", "on" if about.is_on_session else "off"}
            and self.buyer in {"", "business" if about.is_business else "person"}
        )

    def names(self, gateway: str, kind: str) -> bool:
        """Whether it names such a candidate; naming neither names every one."""
        return (not self.gateways or gateway in self.gateways) and (
            not self.kinds or kind in self.kinds
        )

    def leaves_out(self, gateway: str, kind: str) -> bool:
        """Whether such a candidate may not be charged."""
        return self.effect == Effect.ONLY and not self.names(gateway, kind)

    def puts_first(self, gateway: str, kind: str, seed: str) -> bool:
        """Whether such a candidate comes before the others, for the payment of that seed."""
        if self.effect == Effect.SPLIT:
            return gateway == self._drawn(seed)
        return self.effect == Effect.PREFER and self.names(gateway, kind)

    def _drawn(self, seed: str) -> str:
        """The gateway that a split draws for a payment; empty: none."""
        arm, upper = arm_of(seed, f"split:{self.name}"), 0
        for gateway, percent in self.shares:
            upper += percent
            if arm < upper:
                return gateway
        return ""


def first_match(rules: Sequence[RoutingRule], about: Circumstances) -> RoutingRule | None:
    """The first rule that holds."""
    return next((rule for rule in rules if rule.holds(about)), None)


def _is_at_least(amount: Money, bound: Money) -> bool:
    return amount.currency.code == bound.currency.code and amount.amount >= bound.amount
