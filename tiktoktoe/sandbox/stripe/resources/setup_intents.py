"""Setup intents: a method is stored without a payment."""

from tiktoktoe.sandbox.stripe import cards
from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.resources.payment_intents import ask_holder, unexpected
from tiktoktoe.sandbox.stripe.resources.payment_methods import attach, method_of, number_of
from tiktoktoe.sandbox.stripe.routes import readable, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, random_text
from tiktoktoe.sandbox.stripe.spec import Json

PATH = "/v1/setup_intents"


@route("POST", PATH)
def create(sandbox: Sandbox, parameters: Json) -> Json:
    """Make a setup intent, and confirm it when asked."""
    intent = make_setup(sandbox, parameters)
    if parameters.get("payment_method"):
        intent["payment_method"] = method_of(sandbox, parameters["payment_method"])["id"]
        intent["status"] = "requires_confirmation"
    if parameters.get("confirm"):
        confirm_setup(sandbox, intent, parameters.get("return_url"))
    return intent


@route("POST", f"{PATH}/<identity>/confirm")
def confirm(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Store the method."""
    intent = sandbox.store.get(identity, "setup_intent")
    if parameters.get("payment_method"):
        intent["payment_method"] = method_of(sandbox, parameters["payment_method"])["id"]
    confirm_setup(sandbox, intent, parameters.get("return_url"))
    return intent


def make_setup(sandbox: Sandbox, parameters: Json) -> Json:
    """A setup intent that waits for a method."""
    intent = sandbox.new(
        "setup_intent",
        customer=parameters.get("customer"),
        description=parameters.get("description"),
        usage=parameters.get("usage", "off_session"),
        payment_method_types=parameters.get("payment_method_types") or ["card"],
        status="requires_payment_method",
        metadata=parameters.get("metadata") or {},
    )
    intent["client_secret"] = f"{intent['id']}_secret_{random_text(24)}"
    sandbox.tell("setup_intent.created", intent)
    return intent


def confirm_setup(sandbox: Sandbox, intent: Json, return_url: str | None) -> None:
    """Store the method, after asking its holder where the card wants that.

    Raises:
        ApiError: 402, if the card is declined.
    """
    if intent["status"] in {"succeeded", "canceled"} or intent["payment_method"] is None:
        raise unexpected(intent)
    method = sandbox.store.get(intent["payment_method"], "payment_method")
    if cards.AUTHENTICATION.get(number_of(sandbox, method)):
        ask_holder(sandbox, intent, return_url)
        return
    finish_setup(sandbox, intent, is_passed=True)


def finish_setup(sandbox: Sandbox, intent: Json, *, is_passed: bool) -> None:
    """Store the method, unless its holder was not confirmed.

    Raises:
        ApiError: 402, if the card is declined.
    """
    intent["next_action"] = None
    method = sandbox.store.get(intent["payment_method"], "payment_method")
    sandbox.store.touch(intent)
    if not is_passed:
        intent.update(status="requires_payment_method", payment_method=None)
        sandbox.tell("setup_intent.setup_failed", intent)
        return
    try:
        if intent["customer"]:
            attach(sandbox, method, intent["customer"])
    except ApiError:
        intent.update(status="requires_payment_method", payment_method=None)
        sandbox.tell("setup_intent.setup_failed", intent)
        raise
    intent["status"] = "succeeded"
    sandbox.tell("setup_intent.succeeded", intent)


readable("setup_intent", PATH, ["customer"])
