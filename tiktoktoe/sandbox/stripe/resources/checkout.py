"""Checkout sessions: a hosted page for one payment, or for storing a method."""

from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.resources.payment_intents import confirm, make_intent
from tiktoktoe.sandbox.stripe.resources.payment_methods import make
from tiktoktoe.sandbox.stripe.resources.setup_intents import confirm_setup, make_setup
from tiktoktoe.sandbox.stripe.routes import readable, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox
from tiktoktoe.sandbox.stripe.spec import Json

PATH = "/v1/checkout/sessions"
HOUR = 3600
LIFETIME_HOURS = 24


@route("POST", PATH)
def create(sandbox: Sandbox, parameters: Json) -> Json:
    """Open a page."""
    mode = parameters.get("mode", "payment")
    if mode not in {"payment", "setup"}:
        raise ApiError(400, f"The sandbox has no {mode} mode.", param="mode")
    if parameters.get("customer"):
        sandbox.store.get(parameters["customer"], "customer")
    amount, currency = _price(parameters) if mode == "payment" else (None, None)
    intent_data = parameters.get(f"{mode}_intent_data") or {}
    session = sandbox.new(
        "checkout.session",
        mode=mode,
        status="open",
        amount_total=amount,
        amount_subtotal=amount,
        currency=currency or parameters.get("currency"),
        customer=parameters.get("customer"),
        client_reference_id=parameters.get("client_reference_id"),
        metadata=parameters.get("metadata") or {},
        success_url=parameters.get("success_url"),
        cancel_url=parameters.get("cancel_url"),
        expires_at=parameters.get("expires_at") or sandbox.now() + LIFETIME_HOURS * HOUR,
        payment_status="unpaid" if mode == "payment" else "no_payment_required",
        payment_method_types=parameters.get("payment_method_types") or ["card"],
        private={"intent": intent_data, "name": _name(parameters)},
    )
    session["url"] = f"{sandbox.address}/c/pay/{session['id']}"
    if mode == "setup":
        session["setup_intent"] = make_setup(
            sandbox, {**intent_data, "customer": session["customer"]}
        )["id"]
    return session


@route("POST", f"{PATH}/<identity>/expire")
def expire(sandbox: Sandbox, _parameters: Json, identity: str) -> Json:
    """Close an open page."""
    session = sandbox.store.get(identity, "checkout.session")
    if session["status"] != "open":
        raise ApiError(400, f"The session is {session['status']}; only an open one can expire.")
    _expire(sandbox, session)
    return session


def submit(sandbox: Sandbox, session: Json, card: Json) -> str:
    """Try a card on a page; gives where to send the customer next, or "" to try again.

    Raises:
        ApiError: If the card is declined, or the page is not open.
    """
    if session["status"] != "open":
        raise ApiError(400, f"This page is {session['status']}.")
    method = make(sandbox, {"type": "card", "card": card})
    intent = _intent(sandbox, session)
    if session["mode"] == "setup":
        intent["payment_method"] = method["id"]
        confirm_setup(sandbox, intent, None)
    else:
        intent.update(payment_method=method["id"], status="requires_confirmation")
        confirm(sandbox, intent, {}, is_raised=True)
    return after_intent(sandbox, session)


def after_intent(sandbox: Sandbox, session: Json) -> str:
    """Where the customer goes after a try: the challenge, the shop, or "" to try again."""
    intent = _intent(sandbox, session)
    if intent["status"] == "requires_action":
        return str(intent["next_action"]["redirect_to_url"]["url"])
    if intent["status"] not in {"succeeded", "requires_capture", "processing"}:
        return ""
    session.update(status="complete", url=None)
    if session["mode"] == "payment" and intent["status"] != "processing":
        session["payment_status"] = "paid"
    sandbox.store.touch(session)
    sandbox.tell("checkout.session.completed", session)
    return str(session["success_url"] or "").replace("{CHECKOUT_SESSION_ID}", session["id"])


def session_of_intent(sandbox: Sandbox, intent_id: str) -> Json | None:
    """The page that an intent was made on."""

    def fits(body: Json) -> bool:
        return intent_id in {body["payment_intent"], body["setup_intent"]}

    return next(sandbox.store.newest_first("checkout.session", fits), None)


def expire_due(sandbox: Sandbox) -> None:
    """Close pages whose time is up."""
    now = sandbox.now()
    for session in sandbox.store.newest_first(
        "checkout.session", lambda body: body["status"] == "open"
    ):
        if session["expires_at"] <= now:
            _expire(sandbox, session)


def _expire(sandbox: Sandbox, session: Json) -> None:
    session.update(status="expired", url=None)
    sandbox.store.touch(session)
    sandbox.tell("checkout.session.expired", session)


def _intent(sandbox: Sandbox, session: Json) -> Json:
    """The page's intent; that of a payment is made when a card is first tried."""
    if session["mode"] == "setup":
        return sandbox.store.get(session["setup_intent"], "setup_intent")
    if session["payment_intent"] is None:
        given = sandbox.store.private(session["id"])["intent"]
        intent = make_intent(
            sandbox,
            {
                **given,
                "amount": session["amount_total"],
                "currency": session["currency"],
                "customer": session["customer"],
            },
        )
        session["payment_intent"] = intent["id"]
        sandbox.store.touch(session)
    return sandbox.store.get(session["payment_intent"], "payment_intent")


def _price(parameters: Json) -> tuple[int, str]:
    items = parameters.get("line_items") or []
    prices = [item.get("price_data") or {} for item in items]
    if not items or not all(price.get("unit_amount") for price in prices):
        raise ApiError(400, "Each line needs price_data with an amount.", param="line_items")
    amount = sum(
        price["unit_amount"] * item.get("quantity", 1)
        for price, item in zip(prices, items, strict=True)
    )
    return amount, prices[0]["currency"].lower()


def _name(parameters: Json) -> str:
    for item in parameters.get("line_items") or []:
        product = (item.get("price_data") or {}).get("product_data") or {}
        if product.get("name"):
            return str(product["name"])
    return ""


readable("checkout.session", PATH, ["customer", "payment_intent", "status"])
