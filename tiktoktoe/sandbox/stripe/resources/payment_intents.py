"""Payment intents: created, confirmed, authenticated, captured, canceled."""

import copy
import re

from tiktoktoe.sandbox.stripe import cards
from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.resources.charges import authorize, capture, decline
from tiktoktoe.sandbox.stripe.resources.payment_methods import make, method_of, number_of
from tiktoktoe.sandbox.stripe.routes import change, readable, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, random_text
from tiktoktoe.sandbox.stripe.spec import Json

PATH = "/v1/payment_intents"
CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
OWN_FIELDS = ("description", "metadata", "receipt_email", "setup_future_usage", "amount")
IN_QUERY = re.compile(r"metadata\[['\"]([^'\"]+)['\"]\]\s*:\s*['\"]([^'\"]*)['\"]")


@route("POST", PATH)
def create(sandbox: Sandbox, parameters: Json) -> Json:
    """Make an intent, and confirm it when asked."""
    intent = make_intent(sandbox, parameters)
    if parameters.get("payment_method"):
        _take_method(sandbox, intent, parameters["payment_method"])
    if parameters.get("confirm"):
        confirm(sandbox, intent, parameters, is_raised=True)
    return intent


@route("GET", f"{PATH}/search")
def search(sandbox: Sandbox, parameters: Json) -> Json:
    """Intents whose metadata have given values."""
    wanted = dict(IN_QUERY.findall(parameters["query"]))
    data = [
        intent
        for intent in sandbox.store.newest_first("payment_intent")
        if all(intent["metadata"].get(name) == value for name, value in wanted.items())
    ]
    return {
        "object": "search_result",
        "url": f"{PATH}/search",
        "has_more": False,
        "next_page": None,
        "data": data,
    }


@route("POST", f"{PATH}/<identity>")
def update(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Change an intent that has not been paid."""
    intent = sandbox.store.get(identity, "payment_intent")
    if parameters.get("payment_method"):
        _take_method(sandbox, intent, parameters["payment_method"])
    change(intent, {name: parameters[name] for name in OWN_FIELDS if name in parameters})
    sandbox.store.touch(intent)
    return intent


@route("POST", f"{PATH}/<identity>/confirm")
def confirm_intent(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Try to take the money."""
    intent = sandbox.store.get(identity, "payment_intent")
    confirm(sandbox, intent, parameters, is_raised=True)
    return intent


@route("POST", f"{PATH}/<identity>/capture")
def capture_intent(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Take the money of an authorized intent, or part of it."""
    intent = sandbox.store.get(identity, "payment_intent")
    if intent["status"] != "requires_capture":
        raise unexpected(intent)
    amount = parameters.get("amount_to_capture") or intent["amount"]
    if amount > intent["amount_capturable"]:
        raise ApiError(400, "The amount is above what was authorized.", param="amount_to_capture")
    capture(sandbox, intent, sandbox.store.get(intent["latest_charge"], "charge"), amount)
    return intent


@route("POST", f"{PATH}/<identity>/cancel")
def cancel(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Give an intent up."""
    intent = sandbox.store.get(identity, "payment_intent")
    if intent["status"] in {"succeeded", "canceled", "processing"}:
        raise unexpected(intent)
    intent.update(
        status="canceled",
        canceled_at=sandbox.now(),
        cancellation_reason=parameters.get("cancellation_reason"),
        amount_capturable=0,
        next_action=None,
    )
    sandbox.store.touch(intent)
    sandbox.tell("payment_intent.canceled", intent)
    return intent


def make_intent(sandbox: Sandbox, parameters: Json) -> Json:
    """An intent that waits for a method.

    Raises:
        ApiError: 400, if its amount is nothing.
    """
    if parameters["amount"] < 1:
        raise ApiError(
            400, "The amount must be above zero.", param="amount", code="amount_too_small"
        )
    if parameters.get("customer"):
        sandbox.store.get(parameters["customer"], "customer")
    intent = sandbox.new(
        "payment_intent",
        amount=parameters["amount"],
        currency=parameters["currency"].lower(),
        customer=parameters.get("customer"),
        description=parameters.get("description"),
        metadata=parameters.get("metadata") or {},
        capture_method=parameters.get("capture_method", "automatic_async"),
        confirmation_method="automatic",
        payment_method_types=parameters.get("payment_method_types") or ["card"],
        setup_future_usage=parameters.get("setup_future_usage"),
        receipt_email=parameters.get("receipt_email"),
        status="requires_payment_method",
        amount_received=0,
        amount_capturable=0,
        amount_details={"tip": {}},
    )
    intent["client_secret"] = f"{intent['id']}_secret_{random_text(24)}"
    sandbox.tell("payment_intent.created", intent)
    return intent


def confirm(sandbox: Sandbox, intent: Json, parameters: Json, *, is_raised: bool) -> None:
    """Try to take the money; the intent then says what came of it.

    Raises:
        ApiError: 400 in a wrong state; 402 when declined and `is_raised`.
    """
    if intent["status"] not in CONFIRMABLE:
        raise unexpected(intent)
    if parameters.get("payment_method") and intent["payment_method"] is None:
        _take_method(sandbox, intent, parameters["payment_method"])
    if parameters.get("payment_method_data"):
        method = make(sandbox, parameters["payment_method_data"])
        intent["payment_method"] = method["id"]
    if intent["payment_method"] is None:
        raise unexpected(intent)
    method = sandbox.store.get(intent["payment_method"], "payment_method")
    if _needs_holder(sandbox, method, parameters):
        if parameters.get("off_session"):
            refusal = cards.Refusal("authentication_required", "authentication_required")
            decline(sandbox, intent, method, refusal, is_raised=is_raised)
            return
        ask_holder(sandbox, intent, parameters.get("return_url"))
        return
    authorize(sandbox, intent, method, is_raised=is_raised)


def ask_holder(sandbox: Sandbox, intent: Json, return_url: str | None) -> None:
    """Send the card's holder to the challenge page."""
    intent.update(
        status="requires_action",
        next_action={
            "type": "redirect_to_url",
            "redirect_to_url": {
                "return_url": return_url,
                "url": f"{sandbox.address}/3ds/{intent['id']}",
            },
        },
    )
    sandbox.store.touch(intent)
    sandbox.tell(f"{intent['object']}.requires_action", intent)


def finish_challenge(sandbox: Sandbox, intent: Json, *, is_passed: bool) -> None:
    """The card's holder has confirmed, or has not."""
    if intent["status"] != "requires_action":
        raise unexpected(intent)
    intent["next_action"] = None
    method = sandbox.store.get(intent["payment_method"], "payment_method")
    if is_passed:
        authorize(sandbox, intent, method, is_raised=False)
        return
    code = "payment_intent_authentication_failure"
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        last_payment_error={
            "type": "invalid_request_error",
            "code": code,
            "message": "The card's holder was not confirmed.",
            "payment_method": copy.deepcopy(method),
        },
    )
    sandbox.store.touch(intent)
    sandbox.tell("payment_intent.payment_failed", intent)


def unexpected(intent: Json) -> ApiError:
    """The error of an intent that is in a state for something else."""
    kind = str(intent["object"])
    error = ApiError(400, f"This {kind} is {intent['status']}.", code=f"{kind}_unexpected_state")
    error.body["error"][kind] = copy.deepcopy(intent)
    return error


def _take_method(sandbox: Sandbox, intent: Json, identity: str) -> None:
    method = method_of(sandbox, identity)
    owner = method["customer"]
    if owner is not None and owner != intent["customer"]:
        raise ApiError(
            400, "The payment method belongs to another customer.", param="payment_method"
        )
    intent.update(payment_method=method["id"], status="requires_confirmation")
    sandbox.store.touch(intent)


def _needs_holder(sandbox: Sandbox, method: Json, parameters: Json) -> bool:
    if method["type"] != "card":
        return False
    asked = (parameters.get("payment_method_options") or {}).get("card") or {}
    rule = cards.AUTHENTICATION.get(number_of(sandbox, method))
    if rule == cards.FIRST_TIME and method["customer"]:
        return False
    return rule is not None or asked.get("request_three_d_secure") in {"any", "challenge"}


readable("payment_intent", PATH, ["customer"])
