"""Payment intents: created, confirmed, authenticated, captured, canceled, searched."""

from tiktoktoe.sandbox.stripe import cards
from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.query import predicate
from tiktoktoe.sandbox.stripe.resources.charges import authorize, capture, decline
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
from tiktoktoe.sandbox.stripe.resources.payment_methods import make, usable_method
from tiktoktoe.sandbox.stripe.routes import change, readable, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, random_text
from tiktoktoe.sandbox.stripe.spec import Json
from tiktoktoe.sandbox.stripe.store import Search

PATH = "/v1/payment_intents"
BEFORE_CONFIRMATION = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELABLE = (*BEFORE_CONFIRMATION, "requires_capture")
OWN_FIELDS = (
    *("amount", "currency", "customer", "description", "metadata", "receipt_email"),
    *("setup_future_usage", "shipping", "statement_descriptor", "statement_descriptor_suffix"),
    *("transfer_group", "payment_method_types"),
)
AMOUNT_MAX = 99_999_999
# Source: docs.stripe.com/currencies, "Minimum charge amounts".
AMOUNT_MIN = {"usd": 50, "eur": 50, "gbp": 30, "chf": 50, "cad": 50, "aud": 50, "jpy": 50}
SEARCH_SIZE = 10


@route("POST", PATH)
def create(sandbox: Sandbox, parameters: Json) -> Json:
    """Make an intent, and confirm it when asked."""
    intent = make_intent(sandbox, parameters)
    if parameters.get("payment_method"):
        _take_method(sandbox, intent, parameters["payment_method"])
    if parameters.get("confirm"):
        raise_if(confirm(sandbox, intent, {**parameters, "payment_method": None}))
    elif parameters.get("off_session"):
        message = "off_session is only for a confirmation."
        raise ApiError(400, message, param="off_session")
    return intent


@route("GET", f"{PATH}/search")
def search(sandbox: Sandbox, parameters: Json) -> Json:
    """Intents by metadata and other fields. Unlike the real search it knows what is new."""
    limit, start = parameters.get("limit", SEARCH_SIZE), int(parameters.get("page") or 0)
    fits = predicate(parameters["query"])
    rows = list(sandbox.store.newest_first("payment_intent", Search(fits=fits)))
    has_more = len(rows) > start + limit
    return {
        "object": "search_result",
        "url": f"{PATH}/search",
        "has_more": has_more,
        "next_page": str(start + limit) if has_more else None,
        "data": rows[start : start + limit],
    }


@route("POST", f"{PATH}/<identity>")
def update(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Change an intent that has not been paid; of others, what is only written on it."""
    intent = sandbox.store.get(identity, "payment_intent")
    given: Json = {name: parameters[name] for name in OWN_FIELDS if name in parameters}
    is_money = {"amount", "currency", "customer", "payment_method"} & set(parameters)
    if is_money and intent["status"] not in BEFORE_CONFIRMATION:
        raise unexpected(intent)
    money = {"amount": intent["amount"], "currency": intent["currency"], **given}
    check_amount(money["amount"], money["currency"])
    change(intent, given)
    if parameters.get("payment_method"):
        _take_method(sandbox, intent, parameters["payment_method"])
    return intent


@route("POST", f"{PATH}/<identity>/confirm")
def confirm_intent(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Try to take the money."""
    intent = sandbox.store.get(identity, "payment_intent")
    raise_if(confirm(sandbox, intent, parameters))
    return intent


@route("POST", f"{PATH}/<identity>/capture")
def capture_intent(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Take the money of an authorized intent, or part of it."""
    intent = sandbox.store.get(identity, "payment_intent")
    if intent["status"] != "requires_capture":
        raise unexpected(intent)
    amount = parameters.get("amount_to_capture") or intent["amount_capturable"]
    if amount > intent["amount_capturable"]:
        message = "The amount is above what was authorized."
        raise ApiError(400, message, code="amount_too_large", param="amount_to_capture")
    capture(sandbox, intent, sandbox.store.get(intent["latest_charge"], "charge"), amount)
    return intent


@route("POST", f"{PATH}/<identity>/cancel")
def cancel(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Give an intent up; what was authorized is released."""
    intent = sandbox.store.get(identity, "payment_intent")
    if intent["status"] not in CANCELABLE:
        raise unexpected(intent)
    cancel_intent(sandbox, intent, parameters.get("cancellation_reason"))
    return intent


def cancel_intent(sandbox: Sandbox, intent: Json, reason: str | None) -> None:
    """Give an intent up."""
    if intent["status"] == "requires_capture":
        charge = sandbox.store.get(intent["latest_charge"], "charge")
        charge.update(refunded=True, amount_refunded=charge["amount"])
        sandbox.tell("charge.refunded", charge)
    intent.update(
        status="canceled",
        canceled_at=sandbox.now(),
        cancellation_reason=reason,
        amount_capturable=0,
        next_action=None,
    )
    sandbox.tell("payment_intent.canceled", intent)


def make_intent(sandbox: Sandbox, parameters: Json) -> Json:
    """An intent that waits for a method.

    Raises:
        ApiError: 400, if its amount is too small or too large; 404, without its customer.
    """
    currency = parameters["currency"].lower()
    check_amount(parameters["amount"], currency)
    if parameters.get("customer"):
        living_customer(sandbox, parameters["customer"])
    automatic = parameters.get("automatic_payment_methods")
    intent = sandbox.new(
        "payment_intent",
        amount=parameters["amount"],
        currency=currency,
        capture_method=parameters.get("capture_method", "automatic_async"),
        confirmation_method=parameters.get("confirmation_method", "automatic"),
        payment_method_types=parameters.get("payment_method_types") or default_types(currency),
        automatic_payment_methods=automatic and {"allow_redirects": "always", **automatic},
        status="requires_payment_method",
        amount_received=0,
        amount_capturable=0,
        amount_details={"tip": {}},
    )
    change(intent, {n: parameters[n] for n in OWN_FIELDS[2:-1] if n in parameters})
    intent["client_secret"] = f"{intent['id']}_secret_{random_text(24)}"
    sandbox.tell("payment_intent.created", intent)
    return intent


def check_amount(amount: int, currency: str) -> None:
    """Refuse what cannot be charged.

    Raises:
        ApiError: 400.
    """
    smallest = AMOUNT_MIN.get(currency, 1)
    if amount < smallest:
        message = f"The smallest amount in {currency} is {smallest}."
        raise ApiError(400, message, param="amount", code="amount_too_small")
    if amount > AMOUNT_MAX:
        message = f"The largest amount is {AMOUNT_MAX}."
        raise ApiError(400, message, param="amount", code="amount_too_large")


def confirm(sandbox: Sandbox, intent: Json, parameters: Json) -> ApiError | None:
    """Try to take the money; the intent then says what came of it. Gives a decline.

    Raises:
        ApiError: 400, in a wrong state or without a method.
    """
    if intent["status"] not in BEFORE_CONFIRMATION:
        raise unexpected(intent)
    if parameters.get("payment_method"):
        _take_method(sandbox, intent, parameters["payment_method"])
    if parameters.get("payment_method_data"):
        _take_method(sandbox, intent, make(sandbox, parameters["payment_method_data"])["id"])
    if parameters.get("setup_future_usage"):
        intent["setup_future_usage"] = parameters["setup_future_usage"]
    if intent["payment_method"] is None:
        raise unexpected(intent)
    method = sandbox.store.get(intent["payment_method"], "payment_method")
    check_type(intent, method)
    is_single = not (intent["setup_future_usage"] or method["customer"])
    mandate = mandate_for(sandbox, method, parameters, is_single=is_single)
    sandbox.store.private(intent["id"])["mandate"] = mandate and mandate["id"]
    intent.update(last_payment_error=None, next_action=None)
    if not needs_holder(sandbox, method, parameters):
        return authorize(sandbox, intent, method)
    if parameters.get("off_session") or parameters.get("error_on_requires_action"):
        refusal = cards.Refusal("authentication_required", "authentication_required")
        return decline(sandbox, intent, method, refusal)
    ask_holder(sandbox, intent, parameters.get("return_url"))
    return None


def finish_challenge(sandbox: Sandbox, intent: Json, *, is_passed: bool) -> None:
    """The card's holder has confirmed, or has not; the intent then says what came of it."""
    if intent["status"] != "requires_action":
        raise unexpected(intent)
    intent["next_action"] = None
    method = sandbox.store.get(intent["payment_method"], "payment_method")
    if is_passed:
        authorize(sandbox, intent, method, is_authenticated=True)
        return
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        last_payment_error=not_confirmed(intent, method),
    )
    sandbox.tell("payment_intent.payment_failed", intent)


def raise_if(error: ApiError | None) -> None:
    """Raise a decline, when there is one.

    Raises:
        ApiError: 402.
    """
    if error is not None:
        raise error


def _take_method(sandbox: Sandbox, intent: Json, identity: str) -> None:
    method = usable_method(sandbox, identity, intent["customer"])
    check_type(intent, method)
    intent.update(payment_method=method["id"], status="requires_confirmation", next_action=None)


readable("payment_intent", PATH, ["customer"])
