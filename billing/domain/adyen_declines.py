"""Adyen's refusals, by what they mean here.

Source: docs.adyen.com/development-resources/refusal-reasons (refusalReasonCode).
"""

from collections.abc import Mapping

from billing.domain.decline_codes import DeclineClass
from billing.domain.declines import Decline

CODES: Mapping[DeclineClass, tuple[int, ...]] = {
    DeclineClass.TECHNICAL: (4, 9, 39, 42),
    DeclineClass.SOFT_FUNDS: (12,),
    DeclineClass.SOFT_LIMIT: (28, 29),
    DeclineClass.SOFT_GENERIC: (2, 3, 15, 16, 27),
    DeclineClass.AUTH_REQUIRED: (11, 33, 36, 38, 43),
    DeclineClass.DATA_FIX: (8, 17, 19, 24, 32),
    # 46: Adyen itself blocks a card that was tried too often, so as not to pay for retries.
    DeclineClass.HARD_INSTRUMENT: (5, 6, 10, 18, 23, 25, 34, 35, 40, 46),
    DeclineClass.HARD_REVOKED: (26,),
    DeclineClass.FRAUD: (14, 20, 22, 31),
    DeclineClass.CONFIG: (7, 21, 37, 41, 44, 45),
}
CLASS_OF_ADYEN_CODE: Mapping[str, DeclineClass] = {
    str(code): decline_class for decline_class, codes in CODES.items() for code in codes
}


def adyen_decline(*, code: str = "", reason: str = "") -> Decline:
    """What a refusal by Adyen means; one that nobody knows is treated with care.

    Args:
        code: The refusalReasonCode.
        reason: The refusalReason, which stands for the code where none is told.
    """
    known = CLASS_OF_ADYEN_CODE.get(code, DeclineClass.UNCLASSIFIED)
    return Decline(code=code or reason or "unknown", decline_class=known)
