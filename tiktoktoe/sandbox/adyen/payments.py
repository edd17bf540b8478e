"""Payments and what is done to them later: capture, cancel, refund, reversal."""

from dataclasses import asdict
from typing import Any

from tiktoktoe.sandbox.adyen import cards
from tiktoktoe.sandbox.adyen.errors import ApiError
from tiktoktoe.sandbox.adyen.fees import fee_of
from tiktoktoe.sandbox.adyen.merchant import Merchant, action
from tiktoktoe.sandbox.adyen.routes import route
from tiktoktoe.sandbox.adyen.tokens import number_and_holder, store_card, token_of
from tiktoktoe.sandbox.core.account import random_text
from tiktoktoe.sandbox.core.schemas import Json

REFUND_FAILS_AFTER_SECONDS = 3600
CAPTURE_FAILS_AFTER_SECONDS = 3600
AUTHORISATION_LASTS_DAYS = 28
MANDATED = "04"  # of EMV 3-D Secure's challenge indicators
MODIFICATIONS = {"captures": "capture", "refunds": "refund", "cancels": "cancel"}
EVENTS = {"capture": "CAPTURE", "refund": "REFUND", "cancel": "CANCELLATION"}


@route("POST", "/payments")
def pay(merchant: Merchant, body: Json) -> Json:
    """Try to take money by a card, stored or typed in."""
    check_amount(body["amount"])
    number, holder, token = _card(merchant, body)
    payment = new_payment(merchant, body, number, holder)
    is_again = body.get("shopperInteraction") == "ContAuth"
    is_alone = is_again and body.get("recurringProcessingModel") != "CardOnFile"
    card = cards.CARDS[number]
    refusal = cards.refusal_of(holder, is_first=not is_again)
    if refusal is None and card.asks_holder and is_alone:
        refusal = cards.AUTHENTICATION_REQUIRED
    wish = body.get("threeDS2RequestData", {}).get("threeDSRequestorChallengeInd")
    if refusal is None and not is_alone and (card.asks_holder or wish == MANDATED):
        payment.update(status="waits", returnUrl=body["returnUrl"])
        return shown(merchant, payment)
    finish(merchant, payment, refusal)
    if refusal is None and _stores(body) and token is None:
        store_card(merchant, payment, body["shopperReference"], number, holder)
    return shown(merchant, payment)


@route("POST", "/payments/details")
def tell_details(merchant: Merchant, body: Json) -> Json:
    """What came of the holder's question, by what the browser brings back."""
    result = str(body["details"].get("redirectResult") or "")
    identity, _, secret = result.partition(".")
    payment = merchant.store.find(identity)
    if payment is None or payment["object"] != "payment" or payment["secret"] != secret:
        raise ApiError(422, "Invalid redirectResult", code="702")
    return shown(merchant, payment)


@route("POST", "/payments/{paymentPspReference}/captures")
def capture(merchant: Merchant, body: Json, reference: str) -> Json:
    """Take authorised money, or part of it."""
    return _modify(merchant, body, reference, "capture")


@route("POST", "/payments/{paymentPspReference}/refunds")
def refund(merchant: Merchant, body: Json, reference: str) -> Json:
    """Give money back."""
    return _modify(merchant, body, reference, "refund")


@route("POST", "/payments/{paymentPspReference}/cancels")
def cancel(merchant: Merchant, body: Json, reference: str) -> Json:
    """Let authorised money go."""
    return _modify(merchant, body, reference, "cancel")


@route("POST", "/payments/{paymentPspReference}/reversals")
def reverse(merchant: Merchant, body: Json, reference: str) -> Json:
    """Cancel, or give back everything, whichever can be done."""
    return _modify(merchant, body, reference, "reversal")


@route("POST", "/cancels")
def cancel_by_reference(merchant: Merchant, body: Json) -> Json:
    """Let go of whatever was authorised under the shop's own reference."""
    made = merchant.new(
        "modification",
        what="technical_cancel",
        merchantReference=body.get("reference", ""),
        wanted=body["paymentReference"],
    )
    merchant.carry_out("technical_cancel", made)
    return {
        "merchantAccount": body["merchantAccount"],
        "paymentReference": body["paymentReference"],
        "pspReference": made["id"],
        "status": "received",
        **({"reference": body["reference"]} if body.get("reference") else {}),
    }


@action("capture")
def carry_out_capture(merchant: Merchant, made: Json) -> None:
    """Capture what is still authorised."""
    payment = merchant.store.get(made["payment"])
    amount = made["amount"]["value"]
    is_possible = (
        payment["status"] == "authorised"
        and 0
        < amount
        <= payment["amount"]["value"] - payment["captured"] - payment.get("released", 0)
        and made["amount"]["currency"] == payment["amount"]["currency"]
    )
    if is_possible:
        payment["captured"] += amount
    made["done"] = is_possible
    _tell(merchant, "CAPTURE", made, is_success=is_possible, reason="Insufficient balance")
    if is_possible and payment["holder"] == cards.CAPTURE_FAILS:
        merchant.plan("capture_fails", made, merchant.now() + CAPTURE_FAILS_AFTER_SECONDS)


@action("capture_fails")
def carry_out_failed_capture(merchant: Merchant, made: Json) -> None:
    """The money of a capture does not come."""
    merchant.store.get(made["payment"])["captured"] -= made["amount"]["value"]
    made["done"] = False
    _tell(merchant, "CAPTURE_FAILED", made, is_success=True)


@action("authorisation_lapses")
def lapse(merchant: Merchant, payment: Json) -> None:
    """What was not captured of an authorisation is let go."""
    if payment["status"] == "authorised" and not payment["captured"]:
        payment["status"] = "expired"
        merchant.tell("EXPIRE", about=payment, paymentMethod=cards.CARDS[payment["number"]].brand)


@action("refund")
def carry_out_refund(merchant: Merchant, made: Json) -> None:
    """Give back what was captured and is not given back yet."""
    payment = merchant.store.get(made["payment"])
    amount = made["amount"]["value"]
    is_possible = (
        0 < amount <= payment["captured"] - payment["refunded"]
        and made["amount"]["currency"] == payment["amount"]["currency"]
    )
    if is_possible:
        payment["refunded"] += amount
    made["done"] = is_possible
    _tell(merchant, "REFUND", made, is_success=is_possible, reason="Insufficient balance")
    if is_possible and payment["holder"] == cards.REFUND_FAILS:
        merchant.plan("refund_fails", made, merchant.now() + REFUND_FAILS_AFTER_SECONDS)


@action("refund_fails")
def carry_out_failure(merchant: Merchant, made: Json) -> None:
    """The scheme has sent a refund back."""
    merchant.store.get(made["payment"])["refunded"] -= made["amount"]["value"]
    made["done"] = False
    _tell(merchant, "REFUND_FAILED", made, is_success=True)


@action("cancel")
def carry_out_cancel(merchant: Merchant, made: Json) -> None:
    """Let go of what was not captured, or has not been confirmed by its holder yet."""
    payment = merchant.store.get(made["payment"])
    left = payment["amount"]["value"] - payment["captured"] - payment.get("released", 0)
    is_possible = payment["status"] in {"authorised", "waits"} and left > 0
    if is_possible and payment["captured"]:
        payment["released"] = left  # what was captured stays so
    elif is_possible:
        payment["status"] = "cancelled"
    _tell(merchant, "CANCELLATION", made, is_success=is_possible, reason="Not authorised")


@action("reversal")
def carry_out_reversal(merchant: Merchant, made: Json) -> None:
    """Cancel what was not captured, else give everything back."""
    payment = merchant.store.get(made["payment"])
    is_cancel = payment["captured"] == 0
    left = payment["captured"] - payment["refunded"]
    is_possible = payment["status"] == "authorised" and (is_cancel or left > 0)
    if is_possible and is_cancel:
        payment["status"] = "cancelled"
    if is_possible:
        payment["refunded"] += left
    made.update(done=is_possible, amount={**made["amount"], "value": left})
    kind = {"modification.action": "cancel" if is_cancel else "refund"}
    _tell(merchant, "CANCEL_OR_REFUND", made, is_success=is_possible, additionalData=kind)


@action("technical_cancel")
def carry_out_technical_cancel(merchant: Merchant, made: Json) -> None:
    """Cancel what was authorised under a reference, or has not been confirmed by its holder yet."""
    for payment in list(merchant.store.newest_first("payment")):
        if payment["merchantReference"] != made["wanted"] or payment["captured"]:
            continue
        if payment["status"] in {"authorised", "waits"}:
            payment["status"] = "cancelled"
            made.update(amount=payment["amount"], payment=payment["id"])
            _tell(merchant, "TECHNICAL_CANCEL", made, is_success=True)


def new_payment(merchant: Merchant, body: Json, number: str, holder: str) -> Json:
    """A payment that nothing has been decided about."""
    manual = body.get("additionalData", {}).get("manualCapture") == "true"
    return merchant.new(
        "payment",
        merchantReference=body["reference"],
        amount=body["amount"],
        number=number,
        holder=holder,
        secret=random_text(24),
        status="new",
        captured=0,
        refunded=0,
        isManual=manual or bool(body.get("manualCapture")),
        link=body["id"] if body.get("object") == "link" else "",
    )


def finish(merchant: Merchant, payment: Json, refusal: cards.Refusal | None) -> None:
    """Authorise a payment, or refuse it, and tell so."""
    card = cards.CARDS[payment["number"]]
    value, currency = payment["amount"]["value"], payment["amount"]["currency"]
    if refusal is None:
        payment["status"] = "authorised"
        if payment["isManual"]:
            lapses_at = merchant.now() + AUTHORISATION_LASTS_DAYS * 86_400
            merchant.plan("authorisation_lapses", payment, lapses_at)
        else:
            payment["captured"] = value
            _may_fail(merchant, payment)
        if value:
            payment["fee"] = asdict(fee_of(card, value, currency))
    else:
        payment.update(status="refused", refusal=asdict(refusal))
    reason = refusal.reason if refusal else f"084171:{payment['number'][-4:]}:03/2030"
    details = {"paymentLinkId": payment["link"]} if payment["link"] else {}
    merchant.tell(
        "AUTHORISATION",
        about=payment,
        is_success=refusal is None,
        paymentMethod=card.brand,
        reason=reason,
        additionalData=details,
    )


def _may_fail(merchant: Merchant, payment: Json) -> None:
    """Let the capture of a charge fail later, if the card is one of those."""
    if payment["holder"].removeprefix("THEN ") != cards.CAPTURE_FAILS:
        return
    made = merchant.new(
        "modification",
        what="capture",
        payment=payment["id"],
        amount=payment["amount"],
        merchantReference=payment["merchantReference"],
    )
    merchant.plan("capture_fails", made, merchant.now() + CAPTURE_FAILS_AFTER_SECONDS)


def check_amount(amount: Any) -> None:
    """Refuse what cannot be charged.

    Raises:
        ApiError: 422.
    """
    if not isinstance(amount, dict) or not isinstance(amount.get("value"), int):
        raise ApiError(422, "Invalid amount specified", code="100")
    if amount["value"] < 0 or not str(amount.get("currency", "")).isalpha():
        raise ApiError(422, "Invalid amount specified", code="100")


def shown(merchant: Merchant, payment: Json) -> Json:
    """A payment, as /payments answers."""
    card = cards.CARDS[payment["number"]]
    common: Json = {
        "pspReference": payment["id"],
        "merchantReference": payment["merchantReference"],
    }
    if payment["status"] == "waits":
        action_url = f"{merchant.address}/3ds/{payment['id']}"
        redirect = {"type": "redirect", "method": "GET", "url": action_url}
        redirect["paymentMethodType"] = "scheme"
        return {**common, "resultCode": "RedirectShopper", "action": redirect}
    if payment["status"] == "refused":
        refusal = payment["refusal"]
        return {
            **common,
            "resultCode": refusal["result"],
            "refusalReason": refusal["reason"],
            "refusalReasonCode": refusal["code"],
        }
    if payment["status"] == "cancelled":
        return {**common, "resultCode": "Cancelled", "refusalReason": "Cancelled by the shop"}
    return {
        **common,
        "resultCode": "Authorised",
        "amount": payment["amount"],
        "paymentMethod": {"brand": card.brand, "type": "scheme"},
    }


def _card(merchant: Merchant, body: Json) -> tuple[str, str, Json | None]:
    """The number, the holder, and the token when it is a stored card.

    Raises:
        ApiError: 422, if there is no such card.
    """
    method = body["paymentMethod"]
    if method.get("storedPaymentMethodId"):
        token = token_of(merchant, method["storedPaymentMethodId"], body.get("shopperReference"))
        return token["number"], token["holder"], token
    number, holder = number_and_holder(method)
    return number, holder, None


def _modify(merchant: Merchant, body: Json, reference: str, kind: str) -> Json:
    payment = merchant.store.get(reference, "payment")
    if body["merchantAccount"] != merchant.terms.merchant:
        raise ApiError(403, "Invalid Merchant Account", code="901", kind="security")
    if "amount" in body:
        check_amount(body["amount"])
    made = merchant.new(
        "modification",
        what=kind,
        payment=payment["id"],
        amount=body.get("amount", payment["amount"]),
        merchantReference=body.get("reference", payment["merchantReference"]),
    )
    merchant.carry_out(kind, made)
    answer: dict[str, Any] = {
        "merchantAccount": body["merchantAccount"],
        "paymentPspReference": payment["id"],
        "pspReference": made["id"],
        "status": "received",
    }
    for name in ("reference", "amount"):
        if name in body:
            answer[name] = body[name]
    return answer


def _tell(
    merchant: Merchant, code: str, made: Json, *, is_success: bool, reason: str = "", **fields: Any
) -> None:
    payment = merchant.store.get(made["payment"])
    merchant.tell(
        code,
        about=made,
        is_success=is_success,
        originalReference=payment["id"],
        paymentMethod=cards.CARDS[payment["number"]].brand,
        reason=reason if not is_success else "",
        **fields,
    )


def _stores(body: Json) -> bool:
    return bool(body.get("storePaymentMethod") and body.get("shopperReference"))
