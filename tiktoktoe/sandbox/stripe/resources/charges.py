"""Charges: what a payment intent's tries come to."""

import copy

from tiktoktoe.sandbox.stripe import cards
from tiktoktoe.sandbox.stripe.resources.balance import book, fee_of
from tiktoktoe.sandbox.stripe.resources.disputes import open_dispute
from tiktoktoe.sandbox.stripe.resources.payment_methods import declined, number_of
from tiktoktoe.sandbox.stripe.routes import readable
from tiktoktoe.sandbox.stripe.sandbox import Sandbox
from tiktoktoe.sandbox.stripe.spec import Json

DAY = 86_400
CLEARING_DAYS = 4


def authorize(sandbox: Sandbox, intent: Json, method: Json, *, is_raised: bool) -> None:
    """Ask the issuer; the intent then says what came of it.

    Raises:
        ApiError: 402, if it is declined and `is_raised`.
    """
    number = number_of(sandbox, method)
    refusal = cards.DECLINED_ON_CHARGE.get(number)
    if refusal is None and cards.AUTHENTICATION.get(number) == cards.THEN_DECLINE:
        refusal = cards.Refusal("card_declined", "generic_decline", "try_again_later")
    if refusal is not None:
        decline(sandbox, intent, method, refusal, is_raised=is_raised)
    elif method["type"] == "card":
        charge = _charge(sandbox, intent, method)
        if intent["capture_method"] == "manual":
            intent.update(status="requires_capture", amount_capturable=intent["amount"])
            sandbox.tell("payment_intent.amount_capturable_updated", intent)
        else:
            capture(sandbox, intent, charge, intent["amount"])
    else:
        charge = _charge(sandbox, intent, method)
        charge.update(status="pending", paid=False)
        intent["status"] = "processing"
        sandbox.store.private(intent["id"])["clears_at"] = sandbox.now() + CLEARING_DAYS * DAY
        sandbox.tell("payment_intent.processing", intent)


def capture(sandbox: Sandbox, intent: Json, charge: Json, amount: int) -> None:
    """Take the money of an authorized charge."""
    method = sandbox.store.get(charge["payment_method"], "payment_method")
    fee = fee_of(method, amount, charge["currency"])
    charge.update(captured=True, amount_captured=amount, status="succeeded", paid=True)
    charge["balance_transaction"] = book(sandbox, "charge", charge, amount, fee)["id"]
    intent.update(status="succeeded", amount_received=amount, amount_capturable=0)
    sandbox.store.touch(intent, charge)
    if intent.get("setup_future_usage") and intent["customer"] and not method["customer"]:
        method["customer"] = intent["customer"]
        sandbox.store.touch(method)
        sandbox.tell("payment_method.attached", method)
    sandbox.tell("charge.succeeded", charge)
    sandbox.tell("payment_intent.succeeded", intent)
    if number_of(sandbox, method) == cards.DISPUTED:
        open_dispute(sandbox, charge)


def decline(
    sandbox: Sandbox, intent: Json, method: Json, refusal: cards.Refusal, *, is_raised: bool
) -> None:
    """Note that an issuer said no.

    Raises:
        ApiError: 402, if `is_raised`.
    """
    charge = _charge(sandbox, intent, method)
    charge.update(
        status="failed",
        paid=False,
        failure_code=refusal.code,
        failure_message=cards.message(refusal),
    )
    charge["outcome"] |= {
        "advice_code": refusal.advice_code,
        "network_status": "declined_by_network",
        "reason": refusal.decline_code or refusal.code,
        "type": "issuer_declined",
        "seller_message": "The issuer declined.",
    }
    error = declined(refusal, method, charge=charge["id"])
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_payment_error=copy.deepcopy(error.body["error"]),
    )
    sandbox.store.touch(intent, charge)
    sandbox.tell("charge.failed", charge)
    sandbox.tell("payment_intent.payment_failed", intent)
    if is_raised:
        error.body["error"]["payment_intent"] = copy.deepcopy(intent)
        raise error


def clear_due(sandbox: Sandbox) -> None:
    """Let bank debits that have been on their way for long enough arrive, or bounce."""
    now = sandbox.now()
    for intent in sandbox.store.newest_first(
        "payment_intent", lambda body: body["status"] == "processing"
    ):
        if sandbox.store.private(intent["id"]).get("clears_at", now + 1) > now:
            continue
        method = sandbox.store.get(intent["payment_method"], "payment_method")
        charge = sandbox.store.get(intent["latest_charge"], "charge")
        if number_of(sandbox, method) in {cards.FAILING_ACCOUNT, cards.FAILING_IBAN}:
            refusal = cards.Refusal("insufficient_funds")
            decline(sandbox, intent, method, refusal, is_raised=False)
        else:
            capture(sandbox, intent, charge, intent["amount"])


def _charge(sandbox: Sandbox, intent: Json, method: Json) -> Json:
    kind = method["type"]
    charge = sandbox.new(
        "charge",
        amount=intent["amount"],
        amount_captured=0,
        amount_refunded=0,
        currency=intent["currency"],
        customer=intent["customer"],
        payment_intent=intent["id"],
        payment_method=method["id"],
        paid=True,
        captured=False,
        refunded=False,
        disputed=False,
        status="succeeded",
        billing_details=method["billing_details"],
        payment_method_details={"type": kind, kind: _details(sandbox, method)},
        metadata=dict(intent["metadata"]),
        description=intent["description"],
        calculated_statement_descriptor="SANDBOX",
        outcome={
            "advice_code": None,
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "approved_by_network",
            "reason": None,
            "risk_level": "normal",
            "seller_message": "Payment complete.",
            "type": "authorized",
        },
    )
    intent["latest_charge"] = charge["id"]
    sandbox.store.touch(intent)
    return charge


def _details(sandbox: Sandbox, method: Json) -> Json:
    if method["type"] != "card":
        return {}
    shown = ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
    card = method["card"]
    return {
        **sandbox.spec.skeleton("payment_method_details_card"),
        **{name: card[name] for name in shown},
        "network": card["brand"],
    }


readable("charge", "/v1/charges", ["customer", "payment_intent"])
