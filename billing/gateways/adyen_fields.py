"""What is put into Adyen's requests: whether the shopper is there, and what their bank is asked."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from billing.domain.attempts import Answer
from billing.domain.declines import Decline, DeclineClass
from billing.gateways.base import ChargeRequest, Outcome

# EMV 3-D Secure's challenge indicator: mandated; none wanted; none, the risk was analysed.
_INDICATORS = {"challenge": "04", "low_value": "02", "low_risk": "05"}


def without_customer(exemption: str) -> dict[str, str]:
    """Why nobody need confirm: the merchant initiates it, in a row of payments or beside one.

    Source: docs.adyen.com/online-payments/tokenization, recurringProcessingModel.
    """
    model = "UnscheduledCardOnFile" if exemption == "merchant_initiated" else "Subscription"
    return {"shopperInteraction": "ContAuth", "recurringProcessingModel": model}


def session_fields(request: ChargeRequest) -> dict[str, Any]:
    """Whether the shopper is there to confirm, and what the bank is told of the browser.

    Source: docs.adyen.com/online-payments/tokenization, "CardOnFile": the shopper pays by what is
    stored; docs.adyen.com/online-payments/3d-secure/redirect-3ds2 for the redirect.
    """
    if not request.return_url:
        return {"returnUrl": settings.BASE_URL, **without_customer(request.authentication)}
    return {
        "shopperInteraction": "ContAuth",
        "recurringProcessingModel": "CardOnFile",
        "channel": "Web",
        "origin": settings.BASE_URL,
        "returnUrl": request.return_url,
        "authenticationData": {"threeDSRequestData": {"nativeThreeDS": "disabled"}},
        **({"browserInfo": dict(request.browser)} if request.browser else {}),
        **({"shopperIP": request.customer_address} if request.customer_address else {}),
        **challenge_fields(request.authentication),
    }


def challenge_fields(authentication: str) -> dict[str, Any]:
    """What the holder's bank is asked for on a payment link."""
    indicator = _INDICATORS.get(authentication)
    if indicator is None:
        return {}
    return {"threeDS2RequestData": {"threeDSRequestorChallengeInd": indicator}}


def metadata(given: Mapping[str, str]) -> dict[str, str]:
    """What fits: Adyen takes 20 pairs, names of 20 characters and values of 80."""
    return {name[:20]: value[:80] for name, value in list(given.items())[:20]}


def amount_refused() -> Outcome:
    """No request was made: Adyen writes this currency in whole units."""
    decline = Decline(code="invalid_amount", decline_class=DeclineClass.CONFIG)
    message = "the gateway cannot take a part of a unit of this currency"
    return Outcome(answer=Answer.NEVER_LEFT, decline=decline, message=message)
