"""Test cards, and the holder's names that make an issuer refuse.

Source: docs.adyen.com/development-resources/testing (card numbers; refusals are asked for by
the holder's name) and docs.adyen.com/development-resources/refusal-reasons (their codes).
"""

from dataclasses import dataclass

GOOD = "4111111111111111"
HOLDER = "A. Holder"
LATER = "THEN "  # ours: what follows is the name from the second payment on
REFUND_FAILS = "REFUND FAILS"  # ours
CAPTURE_FAILS = "CAPTURE FAILS"  # ours


@dataclass(frozen=True)
class Card:
    """What a number stands for."""

    brand: str
    country: str
    funding: str = "credit"
    asks_holder: bool = False


@dataclass(frozen=True)
class Refusal:
    """Why a payment was not authorised."""

    code: str
    reason: str
    result: str = "Refused"


CARDS = {
    GOOD: Card("visa", "NL"),
    "4444333322221111": Card("visa", "GB"),
    "4000620000000007": Card("visa", "US"),
    "5555444433331111": Card("mc", "NL", "debit"),
    "370000000000002": Card("amex", "NL"),
    "4212345678910006": Card("visa", "NL", asks_holder=True),
}
REFUSALS = {
    "DECLINED": Refusal("2", "Refused"),
    "REFERRAL": Refusal("3", "Referral"),
    "ERROR": Refusal("4", "Acquirer Error", "Error"),
    "BLOCK_CARD": Refusal("5", "Blocked Card"),
    "CARD_EXPIRED": Refusal("6", "Expired Card"),
    "ISSUER_UNAVAILABLE": Refusal("9", "Issuer Unavailable"),
    "NOT_SUPPORTED": Refusal("10", "Not supported"),
    "NOT_3D_AUTHENTICATED": Refusal("11", "3D Not Authenticated"),
    "NOT_ENOUGH_BALANCE": Refusal("12", "Not enough balance"),
    "FRAUD": Refusal("20", "FRAUD", "Cancelled"),
    "NOT_SUBMITTED": Refusal("21", "Not Submitted", "Error"),
    "TRANSACTION_NOT_PERMITTED": Refusal("23", "Transaction Not Permitted"),
    "CVC_DECLINED": Refusal("24", "CVC Declined"),
    "RESTRICTED_CARD": Refusal("25", "Restricted Card"),
    "REVOCATION_OF_AUTH": Refusal("26", "Revocation Of Auth"),
    "DECLINED_NON_GENERIC": Refusal("27", "Declined Non Generic"),
    "WITHDRAWAL_AMOUNT_EXCEEDED": Refusal("28", "Withdrawal amount exceeded"),
    "WITHDRAWAL_COUNT_EXCEEDED": Refusal("29", "Withdrawal count exceeded"),
    "ISSUER_SUSPECTED_FRAUD": Refusal("31", "Issuer Suspected Fraud"),
    "NEW_CODE": Refusal("99", "Something new"),  # ours: a code that nobody knows yet
}
AUTHENTICATION_REQUIRED = Refusal("38", "Authentication required")
NOT_AUTHENTICATED = Refusal("11", "3D Not Authenticated")


def card_of(number: str) -> Card | None:
    """What a number stands for; None if Adyen's test system does not know it."""
    return CARDS.get(number)


def refusal_of(holder: str, *, is_first: bool) -> Refusal | None:
    """Why the issuer refuses a holder of this name, if it does."""
    name = holder.strip()
    if name.startswith(LATER):
        return None if is_first else REFUSALS.get(name.removeprefix(LATER).strip())
    return REFUSALS.get(name)
