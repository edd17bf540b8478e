"""Refunds: at once, or pending, or failing later."""

from tiktoktoe.sandbox.stripe import cards
from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.resources.balance import book
from tiktoktoe.sandbox.stripe.resources.payment_methods import number_of
from tiktoktoe.sandbox.stripe.routes import change, readable, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox
from tiktoktoe.sandbox.stripe.spec import Json

PATH = "/v1/refunds"
PENDING_SECONDS = 60


@route("POST", PATH)
def create(sandbox: Sandbox, parameters: Json) -> Json:
    """Give back a charge, or part of it."""
    charge = _charge(sandbox, parameters)
    left = charge["amount_captured"] - charge["amount_refunded"]
    amount = parameters.get("amount") or left
    if charge["disputed"]:
        raise ApiError(400, "The charge is disputed.", code="charge_disputed")
    if left <= 0:
        raise ApiError(400, "The charge is refunded already.", code="charge_already_refunded")
    if amount > left:
        raise ApiError(400, f"Only {left} of the charge is left to refund.", param="amount")
    method = sandbox.store.get(charge["payment_method"], "payment_method")
    number = number_of(sandbox, method)
    is_pending = number == cards.REFUND_PENDING
    refund = sandbox.new(
        "refund",
        amount=amount,
        charge=charge["id"],
        currency=charge["currency"],
        payment_intent=charge["payment_intent"],
        reason=parameters.get("reason"),
        status="pending" if is_pending else "succeeded",
        metadata=parameters.get("metadata") or {},
        private={
            "resolves_at": sandbox.now() + PENDING_SECONDS,
            "fails": number == cards.REFUND_FAILS,
        },
    )
    _count(sandbox, charge, amount)
    refund["balance_transaction"] = book(sandbox, "refund", refund, -amount)["id"]
    sandbox.tell("refund.created", refund)
    sandbox.tell("charge.refunded", charge)
    return refund


@route("POST", f"{PATH}/<identity>")
def update(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Change a refund's metadata."""
    refund = sandbox.store.get(identity, "refund")
    change(refund, {"metadata": parameters.get("metadata")})
    sandbox.store.touch(refund)
    return refund


def resolve_due(sandbox: Sandbox) -> None:
    """Let refunds that have waited for long enough succeed or fail."""
    now = sandbox.now()
    for refund in sandbox.store.newest_first("refund"):
        private = sandbox.store.private(refund["id"])
        if private.get("resolves_at", now + 1) > now:
            continue
        private["resolves_at"] = now + 10**10
        sandbox.store.touch(refund)
        if private["fails"]:
            _fail(sandbox, refund)
        elif refund["status"] == "pending":
            refund["status"] = "succeeded"
            sandbox.tell("refund.updated", refund)


def _fail(sandbox: Sandbox, refund: Json) -> None:
    refund.update(status="failed", failure_reason="expired_or_canceled_card")
    back = book(sandbox, "refund_failure", refund, refund["amount"])
    refund["failure_balance_transaction"] = back["id"]
    _count(sandbox, sandbox.store.get(refund["charge"], "charge"), -refund["amount"])
    sandbox.tell("refund.failed", refund)


def _count(sandbox: Sandbox, charge: Json, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    sandbox.store.touch(charge)


def _charge(sandbox: Sandbox, parameters: Json) -> Json:
    identity = parameters.get("charge")
    if identity is None:
        intent = sandbox.store.get(parameters.get("payment_intent", ""), "payment_intent")
        identity = intent["latest_charge"]
    return sandbox.store.get(identity or "", "charge")


readable("refund", PATH, ["charge", "payment_intent"])
