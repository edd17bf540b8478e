"""What Adyen's objects say, in our words, and amounts as Adyen writes them."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from billing.domain.adyen_declines import adyen_decline
from billing.domain.attempts import Answer
from billing.gateways.amounts import told_amount
from billing.gateways.base import MethodDetails, Outcome, Page
from tiktoktoe.kernel.money import Money, minor_unit, to_minor, zero

Json = Mapping[str, Any]
# Source: docs.adyen.com/development-resources/currency-codes: these differ from ISO 4217.
_DECIMALS = {"CLP": 2, "CVE": 0, "IDR": 0, "ISK": 2}
# Networks as Stripe calls them, so that a network's rules are found and a card is known again.
# Source: docs.adyen.com/development-resources/paymentmethodvariant, `paymentMethod` of cards.
_NETWORKS = {"mc": "mastercard", "cup": "unionpay", "cartebancaire": "cartes_bancaires"}
_WAITS = frozenset({"Pending", "Received", "PresentToShopper", "AuthenticationFinished"})
_ASKS = frozenset({"RedirectShopper", "ChallengeShopper", "IdentifyShopper"})
_REFUSED = frozenset({"Refused", "Cancelled", "Error"})


def to_adyen(money: Money) -> dict[str, Any]:
    """An amount as Adyen wants it.

    Raises:
        InvariantViolation: If the amount is not payable.
    """
    code = money.currency.code
    shift = _DECIMALS.get(code, minor_unit(code)) - minor_unit(code)
    value = Decimal(to_minor(money)).scaleb(shift)
    return {"currency": code, "value": int(value)}


def is_chargeable(money: Money) -> bool:
    """Whether Adyen can take it: of currencies it writes without decimals, whole units only."""
    shift = _DECIMALS.get(money.currency.code, minor_unit(money.currency)) - minor_unit(
        money.currency
    )
    return shift >= 0 or to_minor(money) % 10**-shift == 0


def from_adyen(amount: Json) -> Money:
    """The amount that Adyen means.

    Raises:
        ValueError: If nobody can pay it.
    """
    code = str(amount["currency"])
    places = _DECIMALS.get(code, minor_unit(code))
    return told_amount(Decimal(int(amount["value"])).scaleb(-places), code)


def outcome_of_payment(body: Json, *, is_hold: bool = False) -> Outcome:
    """What /payments says. "Authorised" is money taken, unless it was only to be held."""
    result = str(body.get("resultCode") or "")
    reference = str(body.get("pspReference") or "")
    if result == "Authorised" and isinstance(body.get("amount"), Mapping):
        amount = from_adyen(body["amount"])
        if is_hold:
            held = zero(amount.currency)
            return Outcome(answer=Answer.AUTHORIZED, reference=reference, amount=held)
        return Outcome(answer=Answer.SUCCEEDED, reference=reference, amount=amount)
    if result in _REFUSED:
        code, reason = (
            str(body.get("refusalReasonCode") or ""),
            str(body.get("refusalReason") or ""),
        )
        decline = adyen_decline(code=code, reason=reason)
        return Outcome(
            answer=Answer.DECLINED, reference=reference, decline=decline, message=reason[:300]
        )
    if result in _ASKS:
        action = body.get("action") or {}
        is_plain = str(action.get("method") or "GET") == "GET"  # a form of theirs we cannot send on
        url = str(action.get("url") or "") if is_plain else ""
        return Outcome(answer=Answer.REQUIRES_ACTION, reference=reference, action_url=url)
    if result in _WAITS:
        return Outcome(answer=Answer.PENDING, reference=reference)
    return Outcome(answer=Answer.INCONCLUSIVE, reference=reference, message=result[:300])


def outcome_of_return(body: Json, our_reference: str) -> Outcome:
    """What /payments/details says of our payment; of another one it decides nothing."""
    if str(body.get("merchantReference") or "") != our_reference:
        return Outcome(answer=Answer.INCONCLUSIVE, message="what came back is of another payment")
    return outcome_of_payment(body)


def outcome_of_modification(body: Json) -> Outcome:
    """A capture, cancel or refund was received; what came of it is notified."""
    reference = str(body.get("pspReference") or "")
    answer = Answer.PENDING if body.get("status") == "received" else Answer.INCONCLUSIVE
    return Outcome(answer=answer, reference=reference)


def outcome_of_link(link: Json) -> Outcome:
    """What a payment link says about its one payment.

    The payment's own reference is not told; a notification brings it.
    """
    session, status = str(link["id"]), link.get("status")
    if status in {"completed", "paid"}:
        amount = from_adyen(link["amount"])
        return Outcome(answer=Answer.SUCCEEDED, session=session, amount=amount)
    if status == "expired":
        return Outcome(answer=Answer.ABANDONED, session=session)
    if status == "paymentPending":
        return Outcome(answer=Answer.PENDING, session=session)
    if status == "active":
        url = str(link.get("url") or "")
        return Outcome(answer=Answer.REQUIRES_ACTION, session=session, action_url=url)
    return Outcome(answer=Answer.INCONCLUSIVE, session=session)


def page_of_link(link: Json, method: MethodDetails | None) -> Page:
    """A payment link, whatever it was made for."""
    return Page(
        reference=str(link["id"]),
        customer_reference=str(link.get("shopperReference") or ""),
        is_complete=link.get("status") in {"completed", "paid"},
        url=str(link.get("url") or ""),
        method=method,
        metadata=dict(link.get("metadata") or {}),
    )


def methods_of(listing: Json) -> list[MethodDetails]:
    """The stored methods of a shopper, the oldest first."""
    shopper = str(listing.get("shopperReference") or "")
    stored = list(listing.get("storedPaymentMethods") or [])
    stored.sort(key=lambda method: str(method.get("createdAt") or ""))
    return [_method(method, shopper) for method in stored]


def _method(method: Json, shopper: str) -> MethodDetails:
    kind, brand = str(method.get("type") or ""), str(method.get("brand") or "")
    return MethodDetails(
        reference=str(method["id"]),
        customer_reference=str(method.get("shopperReference") or shopper),
        kind="card" if kind in {"scheme", "card", "bcmc"} else _kind(kind),
        brand=_NETWORKS.get(brand, brand),
        last4=str(method.get("lastFour") or method.get("iban") or "")[-4:],
        expires_on=_last_day(method.get("expiryYear"), method.get("expiryMonth")),
    )


def _kind(kind: str) -> str:
    return "bank_debit" if "debit" in kind or kind in {"ach", "sepadirectdebit"} else "wallet"


def _last_day(year: object, month: object) -> date | None:
    if not str(year or "").isdecimal() or not str(month or "").isdecimal():
        return None
    whole, part = int(str(year)), int(str(month))
    return date(whole, part, monthrange(whole, part)[1]) if 1 <= part <= 12 else None
