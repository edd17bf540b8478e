"""Stripe's words for a decline, by what they mean here.

Source: docs.stripe.com/declines/codes and docs.stripe.com/error-codes; of bank debits
docs.stripe.com/payments/ach-direct-debit/blocked-bank-accounts, and the reasons that Stripe's
OpenAPI document has for disputes, mandates and blocked accounts.
"""

from collections.abc import Mapping
from enum import StrEnum


class DeclineClass(StrEnum):
    """What kind of no it was."""

    TECHNICAL = "technical"
    SOFT_FUNDS = "soft_funds"
    SOFT_LIMIT = "soft_limit"
    SOFT_GENERIC = "soft_generic"
    AUTH_REQUIRED = "auth_required"
    DATA_FIX = "data_fix"
    HARD_INSTRUMENT = "hard_instrument"
    HARD_REVOKED = "hard_revoked"
    FRAUD = "fraud"
    REVIEW = "review"  # may have been paid already: a person looks before anybody tries again
    CONFIG = "config"
    UNCLASSIFIED = "unclassified"  # a word that is not in this table


_CODES: Mapping[DeclineClass, tuple[str, ...]] = {
    DeclineClass.TECHNICAL: (
        "processing_error",
        "issuer_not_available",
        "reenter_transaction",
        "approve_with_id",
        "lock_timeout",
        "rate_limit",
    ),
    DeclineClass.SOFT_FUNDS: ("insufficient_funds",),
    DeclineClass.SOFT_LIMIT: (
        "charge_exceeds_source_limit",
        "card_velocity_exceeded",
        "withdrawal_count_limit_exceeded",
        "do_not_try_again_today",
    ),
    DeclineClass.SOFT_GENERIC: (
        "card_declined",
        "generic_decline",
        "do_not_honor",
        "try_again_later",
        "call_issuer",
        "no_action_taken",
        "refer_to_customer",
        # A bank that cannot, and does not say why.
        "bank_cannot_process",
        "could_not_process",
        "generic_could_not_process",
    ),
    DeclineClass.AUTH_REQUIRED: (
        "authentication_required",
        "authentication_not_handled",
        "payment_intent_authentication_failure",
        "setup_intent_authentication_failure",
        "mobile_device_authentication_required",
    ),
    DeclineClass.DATA_FIX: (
        "incorrect_cvc",
        "invalid_cvc",
        "incorrect_number",
        "invalid_number",
        "invalid_expiry_month",
        "invalid_expiry_year",
        "incorrect_zip",
        "incorrect_address",
        "incorrect_pin",
        "invalid_pin",
        "offline_pin_required",
        "online_or_offline_pin_required",
        "invalid_account",
        "no_account",
        "incorrect_account_details",
        "bank_account_invalid_details",
        "invalid_bank_account_iban",
    ),
    DeclineClass.HARD_INSTRUMENT: (
        "expired_card",
        "lost_card",
        "stolen_card",
        "pickup_card",
        "restricted_card",
        "pin_try_exceeded",
        "card_not_supported",
        "transaction_not_allowed",
        "service_not_allowed",
        "not_permitted",
        "security_violation",
        "new_account_information_available",
        "account_closed",
        "payment_method_unactivated",
        "bank_account_closed",
        "bank_account_frozen",
        "bank_account_restricted",
        "bank_account_unusable",
        "payment_method_bank_account_blocked",
        "tokenized_account_number_deactivated",
    ),
    DeclineClass.HARD_REVOKED: (
        "revocation_of_authorization",
        "revocation_of_all_authorizations",
        "stop_payment_order",
        "bank_ownership_changed",
        "debit_not_authorized",
        "payment_intent_mandate_invalid",
    ),
    DeclineClass.FRAUD: (
        "fraudulent",
        "merchant_blacklist",
        "highest_risk_level",
        "elevated_risk_level",
    ),
    DeclineClass.REVIEW: ("duplicate_transaction",),
    DeclineClass.CONFIG: (
        "currency_not_supported",
        "invalid_amount",
        "testmode_decline",
        "parameter_missing",
        "parameter_unknown",
        "parameter_invalid_empty",
        "parameter_invalid_integer",
        "parameter_invalid_string_empty",
        "amount_too_large",
        "amount_too_small",
        "charge_exceeds_transaction_limit",
        "api_key_expired",
        "resource_missing",
    ),
}
CLASS_OF_STRIPE_CODE: Mapping[str, DeclineClass] = {
    code: decline_class for decline_class, codes in _CODES.items() for code in codes
}
