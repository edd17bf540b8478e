"""What payment intents and setup intents have in common: the card's holder, and wrong states."""

from tiktoktoe.sandbox.stripe import cards
from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.resources.payment_methods import number_of
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, snapshot
from tiktoktoe.sandbox.stripe.spec import Json

DEBIT_OF_CURRENCY = {"usd": "us_bank_account", "eur": "sepa_debit"}


def default_types(currency: str | None) -> list[str]:
    """The kinds of method that this account takes in a currency."""
    debit = DEBIT_OF_CURRENCY.get(currency or "")
    return ["card", cards.LINK, debit] if debit else ["card", cards.LINK]


def check_type(intent: Json, method: Json) -> None:
    """Refuse a method of a kind that the intent does not take.

    Raises:
        ApiError: 400.
    """
    if method["type"] not in intent["payment_method_types"]:
        kinds = ", ".join(intent["payment_method_types"])
        message = f"A {method['type']} was given, and this intent takes: {kinds}."
        raise ApiError(400, message, param="payment_method")


def needs_holder(sandbox: Sandbox, method: Json, parameters: Json) -> bool:
    """Whether the card's holder must confirm this.

    A card on a device comes with a cryptogram, for which its holder was asked there, so that the
    bank asks no more. Source: support.stripe.com, "Liability shift for Google Pay charges".
    """
    if method["type"] != "card" or method["card"].get("wallet"):
        return False
    options = (parameters.get("payment_method_options") or {}).get("card") or {}
    rule = cards.AUTHENTICATION.get(number_of(sandbox, method))
    if rule == cards.FIRST_TIME:
        return not sandbox.store.private(method["id"]).get("is_authenticated")
    return rule is not None or options.get("request_three_d_secure") in {"any", "challenge"}


def ask_holder(sandbox: Sandbox, intent: Json, return_url: str | None) -> None:
    """Send the card's holder to the challenge page."""
    redirect = {"return_url": return_url, "url": f"{sandbox.address}/3ds/{intent['id']}"}
    intent.update(
        status="requires_action",
        next_action={"type": "redirect_to_url", "redirect_to_url": redirect},
    )
    sandbox.tell(f"{intent['object']}.requires_action", intent)


def not_confirmed(intent: Json, method: Json) -> Json:
    """The error on an intent whose card's holder was not confirmed."""
    return {
        "type": "invalid_request_error",
        "code": f"{intent['object']}_authentication_failure",
        "message": "The card's holder was not confirmed.",
        "payment_method": snapshot(method),
    }


def unexpected(intent: Json) -> ApiError:
    """The error of an intent that is in a state for something else."""
    kind = intent["object"]
    error = ApiError(400, f"This {kind} is {intent['status']}.", code=f"{kind}_unexpected_state")
    error.body["error"][kind] = snapshot(intent)
    return error
