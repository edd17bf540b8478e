"""What processing costs, in minor units, by the payment's currency and the card's country.

The account stands for one in the currency's own region; converting currencies is not priced.

Sources, secondary pages seen in 2026 that quote stripe.com/pricing: cards US 2.9 % + 0.30 and
1.5 % more for foreign ones; EEA 1.5 % + 0.25 and UK 1.5 % + 0.20, foreign ones 3.25 %; US
account debits 0.8 %, at most 5.00; disputes 15 to 20. SEPA debits 0.35: sources disagree.
"""

from dataclasses import dataclass

from tiktoktoe.sandbox.stripe.spec import Json

EUROPE = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"}
    | {"IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "IS", "LI", "NO"}
)
ACCOUNT_DEBIT_BPS = 80
ACCOUNT_DEBIT_MAX = 500
IBAN_DEBIT = 35
DISPUTE = {"usd": 1500, "gbp": 2000}
DISPUTE_ELSEWHERE = 2000


@dataclass(frozen=True, slots=True)
class CardFee:
    """A share and a fixed fee, and the share that cards from elsewhere cost more."""

    share_bps: int
    fixed: int
    foreign_bps: int
    home: frozenset[str]


CARDS = {
    "usd": CardFee(290, 30, 150, frozenset({"US"})),
    "eur": CardFee(150, 25, 175, EUROPE),
    "gbp": CardFee(150, 20, 175, frozenset({"GB"})),
}
CARDS_ELSEWHERE = CardFee(325, 25, 0, frozenset())


def fee_of(details: Json, amount: int, currency: str) -> int:
    """The fee for a payment by a method, as its charge tells of it; wallets cost what cards do.

    Source: docs.stripe.com/payments/checkout/wallets, "the pricing is the same".
    """
    kind = details["type"]
    if kind == "us_bank_account":
        return min(_share(amount, ACCOUNT_DEBIT_BPS), ACCOUNT_DEBIT_MAX)
    if kind == "sepa_debit":
        return IBAN_DEBIT
    fee = CARDS.get(currency, CARDS_ELSEWHERE)
    is_foreign = details[kind]["country"] not in fee.home
    return _share(amount, fee.share_bps + fee.foreign_bps * is_foreign) + fee.fixed


def dispute_fee(currency: str) -> int:
    """What a dispute costs."""
    return DISPUTE.get(currency, DISPUTE_ELSEWHERE)


def _share(amount: int, basis_points: int) -> int:
    """A share, half a minor unit rounded up."""
    return (amount * basis_points + 5_000) // 10_000
