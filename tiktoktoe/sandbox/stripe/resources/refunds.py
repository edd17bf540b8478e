"""Refunds: at once, or pending, or failing later."""

from tiktoktoe.sandbox.stripe import cards
from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.resources.balance import DAY, book
from tiktoktoe.sandbox.stripe.resources.payment_methods import number_of
from tiktoktoe.sandbox.stripe.routes import change, readable, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, action
from tiktoktoe.sandbox.stripe.spec import Json

PATH = "/v1/refunds"
PENDING_SECONDS = 3600
DEBIT_PENDING_SECONDS = 4 * DAY
DETAILS_OF_CARD = {"reference_status": "pending", "reference_type": "acquirer_reference_number"}


@route("POST", PATH)
def create(sandbox: Sandbox, parameters: Json) -> Json:
    """Give back a charge, or part of it."""
    charge = _charge(sandbox, parameters)
    amount = _amount(charge, parameters.get("amount"))
    method = sandbox.store.get(charge["payment_method"], "payment_method")
    number, is_card = number_of(sandbox, method), method["type"] == "card"
    is_pending = number == cards.REFUND_PENDING or not is_card
    refund = sandbox.new(
        "refund",
        amount=amount,
        charge=charge["id"],
        currency=charge["currency"],
        payment_intent=charge["payment_intent"],
        reason=parameters.get("reason"),
        status="pending" if is_pending else "succeeded",
        metadata=parameters.get("metadata") or {},
        destination_details=_destination(method["type"]),
    )
    _count(charge, amount)
    kind = "refund" if is_card else "payment_refund"
    refund["balance_transaction"] = book(sandbox, kind, refund, -amount)["id"]
    if is_pending or number == cards.REFUND_FAILS:
        name = "refund_fails" if number == cards.REFUND_FAILS else "refund_succeeds"
        delay = PENDING_SECONDS if is_card else DEBIT_PENDING_SECONDS
        sandbox.plan(name, refund, sandbox.now() + delay)
    sandbox.tell("refund.created", refund)
    sandbox.tell("charge.refunded", charge)
    return refund


@route("POST", f"{PATH}/<identity>")
def update(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Change a refund's metadata."""
    refund = sandbox.store.get(identity, "refund")
    change(refund, {"metadata": parameters.get("metadata")})
    sandbox.tell("refund.updated", refund)
    return refund


@action("refund_succeeds")
def succeed(sandbox: Sandbox, refund: Json) -> None:
    """The money has arrived."""
    refund["status"] = "succeeded"
    sandbox.tell("refund.updated", refund)


@action("refund_fails")
def fail(sandbox: Sandbox, refund: Json) -> None:
    """The money has come back, and is ours again."""
    refund.update(status="failed", failure_reason="expired_or_canceled_card")
    back = book(sandbox, "refund_failure", refund, refund["amount"])
    refund["failure_balance_transaction"] = back["id"]
    _count(sandbox.store.get(refund["charge"], "charge"), -refund["amount"])
    sandbox.tell("refund.updated", refund)
    sandbox.tell("refund.failed", refund)


def _charge(sandbox: Sandbox, parameters: Json) -> Json:
    """The charge that is meant, by its id or by that of its intent."""
    if parameters.get("charge"):
        return sandbox.store.get(parameters["charge"], "charge", param="charge")
    if not parameters.get("payment_intent"):
        message = "A charge or a payment_intent must be given."
        raise ApiError(400, message, code="parameter_missing", param="payment_intent")
    intent = sandbox.store.get(
        parameters["payment_intent"], "payment_intent", param="payment_intent"
    )
    if intent["latest_charge"] is None or intent["status"] != "succeeded":
        message = "This payment intent has no charge to refund."
        raise ApiError(400, message, param="payment_intent")
    return sandbox.store.get(intent["latest_charge"], "charge")


def _amount(charge: Json, asked: int | None) -> int:
    """How much is given back: all that is left, unless less is asked for."""
    left: int = charge["amount_captured"] - charge["amount_refunded"]
    if charge["disputed"]:
        raise ApiError(400, "The charge is disputed.", code="charge_disputed")
    if charge["status"] != "succeeded":
        raise ApiError(400, f"The charge is {charge['status']}.", param="charge")
    if left <= 0:
        raise ApiError(400, "The charge is refunded already.", code="charge_already_refunded")
    if asked is not None and not 0 < asked <= left:
        message = f"{left} of the charge is left to refund, not {asked}."
        raise ApiError(400, message, param="amount")
    return left if asked is None else asked


def _count(charge: Json, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]


def _destination(kind: str) -> Json:
    details = {**DETAILS_OF_CARD, "type": "refund"} if kind == "card" else {}
    return {"type": kind, kind: details}


readable("refund", PATH, ["charge", "payment_intent"])
