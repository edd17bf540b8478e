"""Test cards: which number, or which ready-made method, behaves how.

Source: docs.stripe.com/testing (numbers and outcomes).
"""

import hashlib
from dataclasses import dataclass

GOOD = "4242424242424242"
# Device wallets are cards of another form; Link is a kind of method of its own.
# Source: Stripe's document, payment_method_card_wallet and payment_method_link.
DEVICE_WALLETS = frozenset({"apple_pay", "google_pay"})
LINK = "link"


@dataclass(frozen=True)
class Refusal:
    """Why an issuer, or the gateway, says no."""

    code: str
    decline_code: str | None = None
    advice_code: str | None = None
    network_code: str | None = None  # the bank's own reason


DECLINED_ON_CHARGE = {
    "4000000000000002": Refusal("card_declined", "generic_decline", "try_again_later"),
    "4000000000009995": Refusal("card_declined", "insufficient_funds", "try_again_later"),
    "4000000000009987": Refusal("card_declined", "lost_card", "do_not_try_again"),
    "4000000000009979": Refusal("card_declined", "stolen_card", "do_not_try_again"),
    "4000000000000069": Refusal("expired_card", "expired_card", "do_not_try_again"),
    "4000000000000127": Refusal("incorrect_cvc", "incorrect_cvc", "confirm_card_data"),
    "4000000000000119": Refusal("processing_error", "processing_error", "try_again_later"),
    "4000000000006975": Refusal("card_declined", "card_velocity_exceeded"),
    "4000000000000341": Refusal("card_declined", "generic_decline", "try_again_later"),
    "4100000000000019": Refusal("card_declined", "fraudulent", "do_not_try_again"),
}
ATTACHES_BUT_DECLINES = "4000000000000341"
# How a card asks for its holder: always, only when it is first stored, or to decline after it.
ALWAYS, FIRST_TIME, THEN_DECLINE = "always", "first_time", "then_decline"
AUTHENTICATION = {
    "4000002500003155": FIRST_TIME,
    "4000002760003184": ALWAYS,
    "4000000000003220": ALWAYS,
    "4000008400001629": THEN_DECLINE,
    "4000008260003178": THEN_DECLINE,
}
DECLINED_AFTER_AUTHENTICATION = {
    "4000008400001629": Refusal("card_declined", "generic_decline", "try_again_later"),
    "4000008260003178": Refusal("card_declined", "insufficient_funds", "try_again_later"),
}
# Contested at once, and the reason that the holder gives.
DISPUTED = {
    "4000000000000259": "fraudulent",
    "4000000000002685": "product_not_received",
}
REFUND_PENDING = "4000000000007726"
REFUND_FAILS = "4000000000005126"
COUNTRY = {
    "4000008260000000": "GB",
    "4000002760000016": "DE",
    "4000002500000003": "FR",
    # Ours: Adyen's test cards are as foreign here as there, so that one card can be at both.
    "4111111111111111": "NL",
    "4444333322221111": "GB",
    "5555444433331111": "NL",
}
READY_MADE = {
    "pm_card_visa": GOOD,
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_de": "4000002760000016",
    "pm_card_fr": "4000002500000003",
    "pm_card_gb": "4000008260000000",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeDeclinedLostCard": "4000000000009987",
    "pm_card_chargeDeclinedExpiredCard": "4000000000000069",
    "pm_card_chargeDeclinedProcessingError": "4000000000000119",
    "pm_card_chargeDeclinedFraudulent": "4100000000000019",
    "pm_card_chargeCustomerFail": ATTACHES_BUT_DECLINES,
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
    "pm_card_createDispute": "4000000000000259",
    "pm_card_createDisputeProductNotReceived": "4000000000002685",
    "pm_card_pendingRefund": REFUND_PENDING,
    "pm_card_refundFail": REFUND_FAILS,
}
GOOD_ACCOUNT = "000123456789"
GOOD_IBAN = "DE89370400440532013000"
# Bank debits that come back after days, and why.
BOUNCES = {
    "000111111113": Refusal("account_closed", "account_closed", network_code="R02"),
    "000111111116": Refusal("no_account", "no_account", network_code="R03"),
    "000222222227": Refusal("insufficient_funds", "insufficient_funds", network_code="R01"),
    "000333333335": Refusal("debit_not_authorized", "debit_not_authorized", network_code="R10"),
    "DE62370400440532013001": Refusal(
        "insufficient_funds", "insufficient_funds", network_code="AM04"
    ),
}
BANK_CODES = {refusal.code: refusal.network_code for refusal in BOUNCES.values()}
# Paid, and taken back at once: the reason that the bank gives.
TAKEN_BACK = {
    "000555555559": "debit_not_authorized",
    "DE35370400440532013002": "debit_not_authorized",
}
# An account whose debit came back for more than want of funds is not debited again.
# Source: docs.stripe.com/payments/ach-direct-debit/blocked-bank-accounts.
BLOCKED_FOR = {
    "account_closed": "bank_account_closed",
    "no_account": "bank_account_invalid_details",
    "debit_not_authorized": "debit_not_authorized",
}
BLOCKED = Refusal("payment_method_bank_account_blocked")
READY_MADE_ACCOUNTS = {
    "pm_usBankAccount": GOOD_ACCOUNT,
    "pm_usBankAccount_success": GOOD_ACCOUNT,
    "pm_usBankAccount_accountClosed": "000111111113",
    "pm_usBankAccount_noAccount": "000111111116",
    "pm_usBankAccount_insufficientFunds": "000222222227",
    "pm_usBankAccount_debitNotAuthorized": "000333333335",
    "pm_usBankAccount_disputed": "000555555559",
}
MESSAGES = {
    "account_closed": "The bank account is closed.",
    "no_account": "The bank knows no such account.",
    "payment_method_bank_account_blocked": "This bank account is blocked after a return.",
    "debit_not_authorized": "The account's holder says that this debit was not authorized.",
    "insufficient_funds": "There are insufficient funds.",
    "expired_card": "The card has expired.",
    "incorrect_cvc": "The card's security code is incorrect.",
    "processing_error": "The card could not be processed; try again in a little while.",
    "authentication_required": "The card's holder must confirm this payment.",
}


def brand(number: str) -> str:
    """The network that a number belongs to."""
    if number[:2] in {"34", "37"}:
        return "amex"
    return "mastercard" if number.startswith("5") else "visa"


def fingerprint(number: str) -> str:
    """The same for the same number."""
    return hashlib.sha256(number.encode()).hexdigest()[:16]


def country(number: str) -> str:
    """Where a card was issued."""
    return COUNTRY.get(number, "US")


def device_last4(wallet: str, number: str) -> str:
    """The end of the number that a device has in a card's stead."""
    return f"{int(fingerprint(wallet + number), 16) % 10_000:04d}"


def message(refusal: Refusal) -> str:
    """What the customer is told."""
    return MESSAGES.get(
        refusal.decline_code or "", MESSAGES.get(refusal.code, "The card was declined.")
    )


def is_number(text: str) -> bool:
    """Whether a text could be a card number: 12 to 19 digits whose Luhn sum is right."""
    if not (text.isdecimal() and 12 <= len(text) <= 19):
        return False
    total = 0
    for place, digit in enumerate(reversed(text)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
