"""Charges: what a payment intent's tries come to."""

from tiktoktoe.sandbox.stripe import cards
from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.fees import fee_of
from tiktoktoe.sandbox.stripe.resources.balance import DAY, book
from tiktoktoe.sandbox.stripe.resources.disputes import open_dispute
from tiktoktoe.sandbox.stripe.resources.mandates import DEBITS, end_mandate
from tiktoktoe.sandbox.stripe.resources.payment_methods import attach, declined, number_of
from tiktoktoe.sandbox.stripe.routes import change, readable, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, action, snapshot
from tiktoktoe.sandbox.stripe.spec import Json

PATH = "/v1/charges"
CLEARING_DAYS = 4
OWN_FIELDS = ("description", "metadata", "receipt_email")
BALANCE_TYPE = {"card": "charge"}  # bank debits are booked as payments
SHOWN_OF_CARD = (*("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4"),)
AUTHORIZED = {
    "advice_code": None,
    "network_advice_code": None,
    "network_decline_code": None,
    "network_status": "approved_by_network",
    "reason": None,
    "risk_level": "normal",
    "risk_score": 12,
    "seller_message": "Payment complete.",
    "type": "authorized",
}


@route("POST", f"{PATH}/<identity>")
def update(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Change what is written on a charge."""
    charge = sandbox.store.get(identity, "charge")
    change(charge, {name: parameters[name] for name in OWN_FIELDS if name in parameters})
    sandbox.tell("charge.updated", charge)
    return charge


def authorize(
    sandbox: Sandbox, intent: Json, method: Json, *, is_authenticated: bool = False
) -> ApiError | None:
    """Ask the issuer; the intent then says what came of it, and a decline is given back."""
    number = number_of(sandbox, method)
    refusal = cards.DECLINED_ON_CHARGE.get(number)
    if refusal is None and is_authenticated:
        refusal = cards.DECLINED_AFTER_AUTHENTICATION.get(number)
    if is_blocked(method):
        refusal = cards.BLOCKED
    if refusal is not None:
        return decline(sandbox, intent, method, refusal)
    charge = _charge(sandbox, intent, method, is_authenticated=is_authenticated)
    _keep_method(sandbox, intent, method, is_authenticated=is_authenticated)
    if method["type"] in DEBITS:
        _start_clearing(sandbox, intent, charge)
    elif intent["capture_method"] == "manual":
        intent.update(status="requires_capture", amount_capturable=intent["amount"])
        sandbox.tell("charge.succeeded", charge)
        sandbox.tell("payment_intent.amount_capturable_updated", intent)
    else:
        capture(sandbox, intent, charge, intent["amount"])
    return None


def capture(sandbox: Sandbox, intent: Json, charge: Json, amount: int) -> None:
    """Take the money of an authorized charge; what is not taken is released."""
    method = sandbox.store.get(charge["payment_method"], "payment_method")
    was_authorized = intent["status"] == "requires_capture"
    fee = fee_of(charge["payment_method_details"], amount, charge["currency"])
    charge.update(captured=True, amount_captured=amount, status="succeeded", paid=True)
    kind = BALANCE_TYPE.get(method["type"], "payment")
    charge["balance_transaction"] = book(sandbox, kind, charge, amount, fee=fee)["id"]
    intent.update(
        status="succeeded",
        amount_received=amount,
        amount_capturable=0,
        next_action=None,
        processing=None,
    )
    sandbox.tell("charge.captured" if was_authorized else "charge.succeeded", charge)
    sandbox.tell("payment_intent.succeeded", intent)
    number = number_of(sandbox, method)
    reason = cards.DISPUTED.get(number) or cards.TAKEN_BACK.get(number)
    if reason is not None:
        open_dispute(sandbox, charge, reason)


def decline(
    sandbox: Sandbox, intent: Json, method: Json, refusal: cards.Refusal, charge: Json | None = None
) -> ApiError:
    """Note that an issuer said no, about a new charge or one on its way; gives the error."""
    failed = charge or _charge(sandbox, intent, method, is_authenticated=False)
    failed.update(
        status="failed",
        paid=False,
        captured=False,
        failure_code=refusal.code,
        failure_message=cards.message(refusal),
    )
    failed["outcome"] |= {
        "advice_code": refusal.advice_code,
        "network_decline_code": refusal.network_code,
        "network_status": "declined_by_network",
        "reason": refusal.decline_code or refusal.code,
        "type": "issuer_declined",
        "seller_message": "The issuer declined.",
    }
    error = declined(refusal, method, charge=failed["id"])
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        processing=None,
        last_payment_error=snapshot(error.body["error"]),
    )
    sandbox.tell("charge.failed", failed)
    sandbox.tell("payment_intent.payment_failed", intent)
    error.body["error"]["payment_intent"] = snapshot(intent)
    return error


@action("clear_debit")
def clear_debit(sandbox: Sandbox, intent: Json) -> None:
    """Let a bank debit that has been on its way for long enough arrive, or bounce."""
    if intent["status"] != "processing":
        return
    charge = sandbox.store.get(intent["latest_charge"], "charge")
    method = sandbox.store.get(charge["payment_method"], "payment_method")
    bounce = cards.BOUNCES.get(number_of(sandbox, method))
    if bounce is not None:
        block(sandbox, method, bounce)
        decline(sandbox, intent, method, bounce, charge)
    else:
        capture(sandbox, intent, charge, intent["amount"])


def fail_late(sandbox: Sandbox, intent: Json, refusal: cards.Refusal) -> None:
    """A debit that had succeeded fails after all: its money goes back, and is booked so.

    Raises:
        ApiError: 400, if it is no debit that has succeeded.
    """
    charge = sandbox.store.get(intent["latest_charge"], "charge")
    method = sandbox.store.get(charge["payment_method"], "payment_method")
    if intent["status"] != "succeeded" or method["type"] not in DEBITS:
        raise ApiError(400, "Only a debit that has succeeded can fail late.", param="intent")
    book(sandbox, "payment_failure_refund", charge, -charge["amount_captured"])
    intent["amount_received"] = 0
    block(sandbox, method, refusal)
    decline(sandbox, intent, method, refusal, charge)


def is_blocked(method: Json) -> bool:
    """Whether an account in the United States may not be debited any more."""
    return bool((method.get("us_bank_account") or {}).get("status_details", {}).get("blocked"))


def block(sandbox: Sandbox, method: Json, refusal: cards.Refusal) -> None:
    """Note on a method why its debit came back, where it must not be debited again for it."""
    reason = cards.BLOCKED_FOR.get(refusal.code)
    if reason is None or method["type"] != "us_bank_account":
        return
    blocked = {"network_code": refusal.network_code, "reason": reason}
    method["us_bank_account"]["status_details"] = {"blocked": blocked}
    sandbox.tell("payment_method.updated", method)
    if reason == "debit_not_authorized":
        end_mandate(sandbox, method)


def _start_clearing(sandbox: Sandbox, intent: Json, charge: Json) -> None:
    charge.update(status="pending", paid=False, captured=True)
    intent["status"] = "processing"
    sandbox.plan("clear_debit", intent, sandbox.now() + CLEARING_DAYS * DAY)
    sandbox.tell("charge.pending", charge)
    sandbox.tell("payment_intent.processing", intent)


def _keep_method(sandbox: Sandbox, intent: Json, method: Json, *, is_authenticated: bool) -> None:
    """Store a method for later where the intent says so; else it is used up by this."""
    private = sandbox.store.private(method["id"])
    if intent.get("setup_future_usage") and intent["customer"]:
        attach(sandbox, method, intent["customer"])
        private["is_authenticated"] = is_authenticated or private.get("is_authenticated", False)
    elif method["customer"] is None:
        private["is_spent"] = True


def _charge(sandbox: Sandbox, intent: Json, method: Json, *, is_authenticated: bool) -> Json:
    kind = method["type"]
    mandate = sandbox.store.private(intent["id"]).get("mandate")
    details = _details(sandbox, method, mandate=mandate, is_authenticated=is_authenticated)
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
        payment_method_details={"type": kind, kind: details},
        metadata=dict(intent["metadata"]),
        description=intent["description"],
        receipt_email=intent["receipt_email"],
        calculated_statement_descriptor="SANDBOX",
        outcome=dict(AUTHORIZED),
    )
    intent["latest_charge"] = charge["id"]
    return charge


def _details(
    sandbox: Sandbox, method: Json, *, mandate: str | None, is_authenticated: bool
) -> Json:
    kind = method["type"]
    skeleton = sandbox.spec.skeleton(f"payment_method_details_{kind}")
    if kind == cards.LINK:
        return {**skeleton, "country": cards.country(number_of(sandbox, method))}
    if kind != "card":
        return {
            **skeleton,
            **{name: method[kind][name] for name in skeleton if name in method[kind]},
            **({"mandate": mandate} if mandate else {}),
        }
    card = method["card"]
    made = {**skeleton, **{name: card[name] for name in SHOWN_OF_CARD}, "network": card["brand"]}
    made["wallet"] = card.get("wallet")
    if is_authenticated:
        made["three_d_secure"] = {
            **sandbox.spec.skeleton("three_d_secure_details_charge"),
            "authentication_flow": "challenge",
            "result": "authenticated",
            "version": "2.2.0",
        }
    return made


readable("charge", PATH, ["customer", "payment_intent"])
