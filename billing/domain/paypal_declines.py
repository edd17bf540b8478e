"""PayPal's refusals, by what they mean here.

Source: developer.paypal.com/api/rest/reference/orders/v2/errors (issues of a 422).
"""

from collections.abc import Mapping

from billing.domain.decline_codes import DeclineClass
from billing.domain.declines import Decline

_ISSUES: Mapping[DeclineClass, tuple[str, ...]] = {
    DeclineClass.SOFT_GENERIC: ("INSTRUMENT_DECLINED", "TRANSACTION_REFUSED", "DECLINED"),
    DeclineClass.SOFT_LIMIT: ("MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED",),
    DeclineClass.AUTH_REQUIRED: ("PAYER_ACTION_REQUIRED", "ORDER_NOT_APPROVED"),
    DeclineClass.HARD_INSTRUMENT: (
        "PAYER_ACCOUNT_RESTRICTED",
        "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
        "PAYER_CANNOT_PAY",
        "CARD_EXPIRED",
    ),
    DeclineClass.HARD_REVOKED: ("TOKEN_ID_NOT_FOUND", "BILLING_AGREEMENT_CANCELLED"),
    DeclineClass.FRAUD: ("COMPLIANCE_VIOLATION", "PAYEE_BLOCKED_TRANSACTION"),
    DeclineClass.REVIEW: ("DUPLICATE_INVOICE_ID",),
}
CLASS_OF_PAYPAL_ISSUE: Mapping[str, DeclineClass] = {
    issue: decline_class for decline_class, issues in _ISSUES.items() for issue in issues
}


def is_paypal_decline(issue: str) -> bool:
    """Whether an issue is a payer's or an instrument's no, rather than a fault of ours."""
    return issue in CLASS_OF_PAYPAL_ISSUE


def paypal_decline(issue: str) -> Decline:
    """What a refusal by PayPal means; one that nobody knows is treated with care."""
    known = CLASS_OF_PAYPAL_ISSUE.get(issue, DeclineClass.UNCLASSIFIED)
    return Decline(code=issue or "unknown", decline_class=known)
