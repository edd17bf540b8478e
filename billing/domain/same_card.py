"""Whether what two gateways tell of a stored card is about one card.

No gateway tells a number, and none knows the other's names: Stripe's `fingerprint` is the same
only within one Stripe account, Adyen's `alias` within one Adyen company, and the networks' own
answer, the payment account reference (EMVCo), is told with Adyen's payments, not with Stripe's
stored cards. So what both tell is compared. Two different cards of one customer would agree in
network, last four digits and expiry once in some 600,000 pairs (10,000 endings, 60 months of
validity); and the customer has typed in both, for us to charge.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """What of a stored method two gateways tell alike.

    Attributes:
        country: Of the bank that issued it; empty where a gateway does not say.
    """

    kind: str
    network: str
    last4: str
    expires_on: date | None
    country: str = ""


def is_same_card(one: CardFacts, other: CardFacts) -> bool:
    """Whether all that both gateways tell agrees, and is enough to go by."""
    return (
        one.kind == other.kind == "card"
        and _network(one) == _network(other) != ""
        and len(one.last4) == 4
        and one.last4 == other.last4
        and one.expires_on is not None
        and one.expires_on == other.expires_on
        and (not one.country or not other.country or one.country == other.country)
    )


def the_same_among(facts: CardFacts, known: Iterable[tuple[int, CardFacts]]) -> int | None:
    """Which of a customer's cards it is; None if none, or if two of them look like it."""
    found = [name for name, other in known if is_same_card(facts, other)]
    return found[0] if len(found) == 1 else None


def _network(facts: CardFacts) -> str:
    name = facts.network.lower()
    return "" if name == "unknown" else name
