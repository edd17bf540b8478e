"""Payment methods: cards by test number, also in a wallet, Link, bank accounts, IBANs."""

from tiktoktoe.sandbox.stripe import cards
from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.routes import change, listing, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, snapshot
from tiktoktoe.sandbox.stripe.spec import Json

PATH = "/v1/payment_methods"


@route("POST", PATH)
def create(sandbox: Sandbox, parameters: Json) -> Json:
    """Make a method of a card number, an account number or an IBAN."""
    return make(sandbox, parameters)


@route("GET", PATH)
def listed(sandbox: Sandbox, parameters: Json) -> Json:
    """Methods that are stored with a customer."""
    equal = {name: parameters[name] for name in ("customer", "type") if parameters.get(name)}
    return listing(
        sandbox,
        "payment_method",
        PATH,
        parameters,
        equal=equal,
        fits=lambda method: method["customer"] is not None,
    )


@route("GET", f"{PATH}/<identity>")
def read(sandbox: Sandbox, _parameters: Json, identity: str) -> Json:
    """A method; a ready-made test method is made when it is asked for."""
    return method_of(sandbox, identity)


@route("POST", f"{PATH}/<identity>")
def update(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Change a method's billing details, expiry or metadata."""
    method = sandbox.store.get(identity, "payment_method")
    if method["customer"] is None:
        raise ApiError(400, "Only a method that is stored with a customer can be changed.")
    method["billing_details"] |= parameters.get("billing_details") or {}
    expiry = {"exp_month", "exp_year"} & set(parameters.get("card") or {})
    for name in expiry:
        method["card"][name] = int(parameters["card"][name])
    change(method, {"metadata": parameters.get("metadata")})
    sandbox.tell("payment_method.updated", method)
    return method


@route("POST", f"{PATH}/<identity>/attach")
def attach_method(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Store a method with a customer; a card that is declined is not stored."""
    return attach(sandbox, method_of(sandbox, identity), parameters["customer"])


@route("POST", f"{PATH}/<identity>/detach")
def detach_method(sandbox: Sandbox, _parameters: Json, identity: str) -> Json:
    """Take a method from its customer."""
    method = sandbox.store.get(identity, "payment_method")
    if method["customer"] is None:
        raise ApiError(400, "This payment method is not attached to a customer.")
    detach(sandbox, method)
    return method


def method_of(sandbox: Sandbox, identity: str) -> Json:
    """A stored method, or a new one for the name of a ready-made one."""
    if identity in cards.READY_MADE:
        return make(sandbox, {"type": "card", "card": {"number": cards.READY_MADE[identity]}})
    if identity in cards.READY_MADE_ACCOUNTS:
        number = cards.READY_MADE_ACCOUNTS[identity]
        account = {"account_number": number, "routing_number": "110000000"}
        return make(sandbox, {"type": "us_bank_account", "us_bank_account": account})
    return sandbox.store.get(identity, "payment_method", param="payment_method")


def usable_method(sandbox: Sandbox, identity: str, customer: str | None) -> Json:
    """A method that a customer, or somebody unknown, may pay with.

    Raises:
        ApiError: 400, if it is another customer's, was detached, or was used up.
    """
    method = method_of(sandbox, identity)
    if method["customer"] not in {None, customer}:
        message = "The payment method belongs to another customer."
        raise ApiError(400, message, param="payment_method")
    if sandbox.store.private(method["id"]).get("is_spent"):
        message = "This payment method was detached, or used without a customer, and is used up."
        raise ApiError(400, message, param="payment_method")
    return method


def number_of(sandbox: Sandbox, method: Json) -> str:
    """The number that decides how a method behaves; never shown."""
    return str(sandbox.store.private(method["id"]).get("number", ""))


def attach(sandbox: Sandbox, method: Json, customer_id: str) -> Json:
    """Store a method with a customer; one that is stored already stays as it is.

    Raises:
        ApiError: 402, if its issuer declines; 400, if it cannot be this customer's.
    """
    customer = sandbox.store.get(customer_id, "customer", param="customer")
    usable_method(sandbox, method["id"], customer["id"])
    number = number_of(sandbox, method)
    refusal = cards.DECLINED_ON_CHARGE.get(number)
    if refusal is not None and number != cards.ATTACHES_BUT_DECLINES:
        raise declined(refusal, method)
    if method["customer"] is None:
        method["customer"] = customer["id"]
        sandbox.tell("payment_method.attached", method)
    return method


def detach(sandbox: Sandbox, method: Json) -> None:
    """Take a method from its customer; it cannot be used again."""
    method["customer"] = None
    sandbox.store.private(method["id"])["is_spent"] = True
    sandbox.tell("payment_method.detached", method)


def declined(refusal: cards.Refusal, method: Json, **details: object) -> ApiError:
    """The error of a method that is declined."""
    return ApiError(
        402,
        cards.message(refusal),
        kind="card_error",
        code=refusal.code,
        decline_code=refusal.decline_code,
        advice_code=refusal.advice_code,
        **({"network_decline_code": refusal.network_code} if refusal.network_code else {}),
        payment_method=snapshot(method),
        **details,
    )


def make(sandbox: Sandbox, parameters: Json) -> Json:
    """Make a method.

    Raises:
        ApiError: 402, if a card number cannot be one; 400, if the kind is not known here.
    """
    kind = parameters.get("type")
    if kind not in _DETAILS:
        raise ApiError(400, f"The sandbox has no methods of type {kind}.", param="type")
    details, number = _DETAILS[kind](sandbox, parameters.get(kind) or {})
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
    number = str(given.get("number") or cards.READY_MADE.get(given.get("token", ""), cards.GOOD))
    number = number.replace(" ", "")
    if not cards.is_number(number):
        message = "The card number is incorrect."
        raise ApiError(402, message, kind="card_error", code="incorrect_number", param="number")
    brand = cards.brand(number)
    details = {
        **sandbox.spec.skeleton("payment_method_card"),
        "brand": brand,
        "display_brand": brand,
        "country": cards.country(number),
        "exp_month": int(given.get("exp_month", 12)),
        "exp_year": int(given.get("exp_year", 2034)),
        "last4": number[-4:],
        "fingerprint": cards.fingerprint(number + given.get("copy", "")),
        "funding": "credit",
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "pass",
        },
        "networks": {"available": [brand], "preferred": None},
        "three_d_secure_usage": {"supported": True},
    }
    if given.get("wallet"):
        details |= _in_wallet(sandbox, given["wallet"], number, given.get("copy", ""))
    _check_expiry(sandbox, details)
    return details, number


def _in_wallet(sandbox: Sandbox, wallet: str, number: str, copy: str) -> Json:
    """What is told otherwise of a card on a device: by a number of the device's own.

    Source: Stripe's document, `fingerprint` and `wallet.dynamic_last4`.
    """
    about = {**sandbox.spec.skeleton("payment_method_card_wallet"), "type": wallet, wallet: {}}
    about["dynamic_last4"] = cards.device_last4(wallet, number)
    names = ("address_line1_check", "address_postal_code_check", "cvc_check")
    return {
        "wallet": about,
        "fingerprint": cards.fingerprint(wallet + number + copy),
        "checks": dict.fromkeys(names),
    }


def _link(sandbox: Sandbox, given: Json) -> tuple[Json, str]:
    """A Link account; the card behind it is not told. Only the page gives its number."""
    details = sandbox.spec.skeleton("payment_method_link")
    return {**details, "email": "holder@example.com"}, str(given.get("number") or cards.GOOD)


def _check_expiry(sandbox: Sandbox, card: Json) -> None:
    from_now = sandbox.today()
    if not 1 <= card["exp_month"] <= 12:
        code, name = "invalid_expiry_month", "exp_month"
    elif (card["exp_year"], card["exp_month"]) < (from_now.year, from_now.month):
        code, name = "invalid_expiry_year", "exp_year"
    else:
        return
    message = "The card's expiry is not possible."
    raise ApiError(402, message, kind="card_error", code=code, param=name)


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


_DETAILS = {
    "card": _card,
    cards.LINK: _link,
    "us_bank_account": _us_bank_account,
    "sepa_debit": _sepa_debit,
}
