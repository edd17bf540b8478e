"""Setup intents: a method is stored without a payment."""

from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.resources.customers import living_customer
from tiktoktoe.sandbox.stripe.resources.intents import (
    ask_holder,
    check_type,
    default_types,
    needs_holder,
    not_confirmed,
    unexpected,
)
from tiktoktoe.sandbox.stripe.resources.mandates import mandate_for
from tiktoktoe.sandbox.stripe.resources.payment_intents import BEFORE_CONFIRMATION, raise_if
from tiktoktoe.sandbox.stripe.resources.payment_methods import attach, make, usable_method
from tiktoktoe.sandbox.stripe.routes import change, readable, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, random_text, snapshot
from tiktoktoe.sandbox.stripe.spec import Json

PATH = "/v1/setup_intents"
OWN_FIELDS = ("customer", "description", "metadata", "payment_method_types")


@route("POST", PATH)
def create(sandbox: Sandbox, parameters: Json) -> Json:
    """Make a setup intent, and confirm it when asked."""
    intent = make_setup(sandbox, parameters)
    if parameters.get("payment_method"):
        _take_method(sandbox, intent, parameters["payment_method"])
    if parameters.get("confirm"):
        raise_if(confirm_setup(sandbox, intent, {**parameters, "payment_method": None}))
    return intent


@route("POST", f"{PATH}/<identity>")
def update(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Change a setup intent that is not done."""
    intent = sandbox.store.get(identity, "setup_intent")
    if intent["status"] not in BEFORE_CONFIRMATION:
        raise unexpected(intent)
    change(intent, {name: parameters[name] for name in OWN_FIELDS if name in parameters})
    if parameters.get("payment_method"):
        _take_method(sandbox, intent, parameters["payment_method"])
    return intent


@route("POST", f"{PATH}/<identity>/confirm")
def confirm(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Store the method."""
    intent = sandbox.store.get(identity, "setup_intent")
    raise_if(confirm_setup(sandbox, intent, parameters))
    return intent


@route("POST", f"{PATH}/<identity>/cancel")
def cancel(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Give a setup intent up."""
    intent = sandbox.store.get(identity, "setup_intent")
    if intent["status"] not in BEFORE_CONFIRMATION:
        raise unexpected(intent)
    reason = parameters.get("cancellation_reason")
    intent.update(status="canceled", cancellation_reason=reason, next_action=None)
    sandbox.tell("setup_intent.canceled", intent)
    return intent


def make_setup(sandbox: Sandbox, parameters: Json) -> Json:
    """A setup intent that waits for a method."""
    if parameters.get("customer"):
        living_customer(sandbox, parameters["customer"])
    intent = sandbox.new(
        "setup_intent",
        customer=parameters.get("customer"),
        description=parameters.get("description"),
        usage=parameters.get("usage", "off_session"),
        payment_method_types=parameters.get("payment_method_types") or default_types(None),
        status="requires_payment_method",
        metadata=parameters.get("metadata") or {},
    )
    intent["client_secret"] = f"{intent['id']}_secret_{random_text(24)}"
    sandbox.tell("setup_intent.created", intent)
    return intent


def confirm_setup(sandbox: Sandbox, intent: Json, parameters: Json) -> ApiError | None:
    """Store the method, after asking its holder where the card wants that. Gives a decline.

    Raises:
        ApiError: 400, in a wrong state or without a method.
    """
    if intent["status"] not in BEFORE_CONFIRMATION:
        raise unexpected(intent)
    if parameters.get("payment_method"):
        _take_method(sandbox, intent, parameters["payment_method"])
    if parameters.get("payment_method_data"):
        _take_method(sandbox, intent, make(sandbox, parameters["payment_method_data"])["id"])
    if intent["payment_method"] is None:
        raise unexpected(intent)
    intent.update(last_setup_error=None, next_action=None)
    method = sandbox.store.get(intent["payment_method"], "payment_method")
    mandate = mandate_for(sandbox, method, parameters, is_single=False)
    intent["mandate"] = mandate and mandate["id"]
    if needs_holder(sandbox, method, parameters):
        ask_holder(sandbox, intent, parameters.get("return_url"))
        return None
    return _store(sandbox, intent, method)


def finish_setup(sandbox: Sandbox, intent: Json, *, is_passed: bool) -> None:
    """The card's holder has confirmed, or has not; the intent then says what came of it."""
    if intent["status"] != "requires_action":
        raise unexpected(intent)
    intent["next_action"] = None
    method = sandbox.store.get(intent["payment_method"], "payment_method")
    if is_passed:
        sandbox.store.private(method["id"])["is_authenticated"] = True
        _store(sandbox, intent, method)
    else:
        _fail(sandbox, intent, not_confirmed(intent, method))


def _store(sandbox: Sandbox, intent: Json, method: Json) -> ApiError | None:
    try:
        if intent["customer"]:
            attach(sandbox, method, intent["customer"])
    except ApiError as error:
        _fail(sandbox, intent, snapshot(error.body["error"]))
        error.body["error"]["setup_intent"] = snapshot(intent)
        return error
    intent["status"] = "succeeded"
    sandbox.tell("setup_intent.succeeded", intent)
    return None


def _fail(sandbox: Sandbox, intent: Json, error: Json) -> None:
    intent.update(status="requires_payment_method", payment_method=None, last_setup_error=error)
    sandbox.tell("setup_intent.setup_failed", intent)


def _take_method(sandbox: Sandbox, intent: Json, identity: str) -> None:
    method = usable_method(sandbox, identity, intent["customer"])
    check_type(intent, method)
    intent.update(payment_method=method["id"], status="requires_confirmation")


readable("setup_intent", PATH, ["customer", "payment_method"])
