"""What Adyen charges: interchange, the scheme's fee, a markup, and a fee per payment.

Sources, secondary pages seen in 2026: processing 0.13 USD (0.11 EUR) and an acquirer's markup
of 0.60 % (help.adyen.com, quoted); EU interchange at most 0.2 % debit and 0.3 % credit (EU
2015/751); elsewhere 1.50 %, near; the scheme's fee 0.10 %, near: contracts and schemes differ.
"""

from dataclasses import dataclass

from tiktoktoe.sandbox.adyen.cards import Card

EUROPE = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"}
    | {"IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "IS", "LI", "NO"}
)
PER_PAYMENT = {"USD": 13, "EUR": 11, "GBP": 11}
PER_PAYMENT_ELSEWHERE = 13
MARKUP_BPS = 60
SCHEME_BPS = 10
INTERCHANGE_BPS = {"credit": 30, "debit": 20}
INTERCHANGE_ELSEWHERE_BPS = 150


@dataclass(frozen=True, slots=True)
class Fee:
    """The parts of a fee, in minor units."""

    interchange: int
    scheme: int
    markup: int
    commission: int

    @property
    def total(self) -> int:
        """All parts."""
        return self.interchange + self.scheme + self.markup + self.commission


def fee_of(card: Card, amount: int, currency: str) -> Fee:
    """The fee for a payment by a card."""
    bps = INTERCHANGE_ELSEWHERE_BPS
    if card.country in EUROPE:
        bps = INTERCHANGE_BPS[card.funding]
    return Fee(
        interchange=_share(amount, bps),
        scheme=_share(amount, SCHEME_BPS),
        markup=_share(amount, MARKUP_BPS),
        commission=PER_PAYMENT.get(currency, PER_PAYMENT_ELSEWHERE),
    )


def _share(amount: int, basis_points: int) -> int:
    """A share, half a minor unit rounded up."""
    return (amount * basis_points + 5_000) // 10_000
