"""Payment methods: cards by test number, bank accounts, IBANs."""

import copy

from tiktoktoe.sandbox.stripe import cards
from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.routes import change, readable, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox
from tiktoktoe.sandbox.stripe.spec import Json

PATH = "/v1/payment_methods"


@route("POST", PATH)
def create(sandbox: Sandbox, parameters: Json) -> Json:
    """Make a method of a card number, an account number or an IBAN."""
    return make(sandbox, parameters)


@route("GET", f"{PATH}/<identity>")
def read(sandbox: Sandbox, _parameters: Json, identity: str) -> Json:
    """A method; a ready-made test method is made when it is first asked for."""
    return method_of(sandbox, identity)


@route("POST", f"{PATH}/<identity>")
def update(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Change a method's billing details or metadata."""
    method = sandbox.store.get(identity, "payment_method")
    method["billing_details"] |= parameters.pop("billing_details", {})
    change(method, {"metadata": parameters.get("metadata")})
    sandbox.store.touch(method)
    sandbox.tell("payment_method.updated", method)
    return method


@route("POST", f"{PATH}/<identity>/attach")
def attach_method(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Store a method with a customer; a card that is declined is not stored."""
    return attach(sandbox, method_of(sandbox, identity), parameters["customer"])


@route("POST", f"{PATH}/<identity>/detach")
def detach(sandbox: Sandbox, _parameters: Json, identity: str) -> Json:
    """Take a method from its customer."""
    method = sandbox.store.get(identity, "payment_method")
    if method["customer"] is None:
        raise ApiError(400, "This payment method is not attached to a customer.")
    method["customer"] = None
    sandbox.store.touch(method)
    sandbox.tell("payment_method.detached", method)
    return method


def method_of(sandbox: Sandbox, identity: str) -> Json:
    """A stored method, or a new one for the name of a ready-made one."""
    if identity in cards.READY_MADE:
        return make(sandbox, {"type": "card", "card": {"number": cards.READY_MADE[identity]}})
    return sandbox.store.get(identity, "payment_method")


def number_of(sandbox: Sandbox, method: Json) -> str:
    """The number that decides how a method behaves; never shown."""
    return str(sandbox.store.private(method["id"]).get("number", ""))


def attach(sandbox: Sandbox, method: Json, customer_id: str) -> Json:
    """Store a method with a customer.

    Raises:
        ApiError: 402, if its issuer declines.
    """
    number = number_of(sandbox, method)
    refusal = cards.DECLINED_ON_CHARGE.get(number)
    if refusal is not None and number != cards.ATTACHES_BUT_DECLINES:
        raise declined(refusal, method)
    method["customer"] = sandbox.store.get(customer_id, "customer")["id"]
    sandbox.store.touch(method)
    sandbox.tell("payment_method.attached", method)
    return method


def declined(refusal: cards.Refusal, method: Json, **details: object) -> ApiError:
    """The error of a card that is declined."""
    return ApiError(
        402,
        cards.message(refusal),
        kind="card_error",
        code=refusal.code,
        decline_code=refusal.decline_code,
        advice_code=refusal.advice_code,
        payment_method=copy.deepcopy(method),
        **details,
    )


def make(sandbox: Sandbox, parameters: Json) -> Json:
    """Make a method.

    Raises:
        ApiError: 402, if a card number cannot be one.
    """
    kind = parameters["type"]
    details, number = _DETAILS.get(kind, _nothing)(sandbox, parameters.get(kind) or {})
    billing = {
        **sandbox.spec.skeleton("billing_details"),
        **(parameters.get("billing_details") or {}),
    }
    return sandbox.new(
        "payment_method",
        type=kind,
        billing_details=billing,
        allow_redisplay=parameters.get("allow_redisplay", "unspecified"),
        metadata=parameters.get("metadata") or {},
        private={"number": number},
        **{kind: details},
    )


def _card(sandbox: Sandbox, given: Json) -> tuple[Json, str]:
    number = str(given.get("number") or cards.GOOD).replace(" ", "")
    if not cards.is_number(number):
        raise ApiError(
            402, "Your card number is incorrect.", kind="card_error", code="incorrect_number"
        )
    brand = cards.brand(number)
    details = {
        **sandbox.spec.skeleton("payment_method_card"),
        "brand": brand,
        "display_brand": brand,
        "country": cards.COUNTRY.get(number, "US"),
        "exp_month": int(given.get("exp_month", 12)),
        "exp_year": int(given.get("exp_year", 2034)),
        "last4": number[-4:],
        "fingerprint": cards.fingerprint(number),
        "funding": "credit",
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "pass",
        },
        "networks": {"available": [brand], "preferred": None},
        "three_d_secure_usage": {"supported": True},
    }
    return details, number


def _us_bank_account(sandbox: Sandbox, given: Json) -> tuple[Json, str]:
    number = str(given.get("account_number", ""))
    details = {
        **sandbox.spec.skeleton("payment_method_us_bank_account"),
        "account_holder_type": given.get("account_holder_type", "company"),
        "account_type": given.get("account_type", "checking"),
        "bank_name": "SANDBOX BANK",
        "last4": number[-4:],
        "routing_number": given.get("routing_number"),
        "fingerprint": cards.fingerprint(number),
        "networks": {"preferred": "ach", "supported": ["ach"]},
        "status_details": {},
    }
    return details, number


def _sepa_debit(sandbox: Sandbox, given: Json) -> tuple[Json, str]:
    iban = str(given.get("iban", "")).replace(" ", "")
    details = {
        **sandbox.spec.skeleton("payment_method_sepa_debit"),
        "bank_code": iban[4:12],
        "country": iban[:2],
        "last4": iban[-4:],
        "fingerprint": cards.fingerprint(iban),
    }
    return details, iban


def _nothing(_sandbox: Sandbox, _given: Json) -> tuple[Json, str]:
    return {}, ""


_DETAILS = {"card": _card, "us_bank_account": _us_bank_account, "sepa_debit": _sepa_debit}
readable("payment_method", PATH, ["customer", "type"])
