"""Checkout sessions: a hosted page for one payment, or for storing a method."""

from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.resources.customers import living_customer
from tiktoktoe.sandbox.stripe.resources.intents import default_types
from tiktoktoe.sandbox.stripe.resources.lines import lines_of, shown_lines
from tiktoktoe.sandbox.stripe.resources.mandates import AGREED_ON_PAGE, DEBITS
from tiktoktoe.sandbox.stripe.resources.payment_intents import (
    CANCELABLE,
    cancel_intent,
    check_amount,
    confirm,
    make_intent,
    raise_if,
)
from tiktoktoe.sandbox.stripe.resources.payment_methods import make
from tiktoktoe.sandbox.stripe.resources.setup_intents import confirm_setup, make_setup
from tiktoktoe.sandbox.stripe.routes import change, list_of, readable, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, action, listens
from tiktoktoe.sandbox.stripe.spec import Json

PATH = "/v1/checkout/sessions"
HOUR = 3600
SHORTEST_HOURS, LONGEST_HOURS = 0.5, 24
GRACE_SECONDS = 60  # for clocks that differ a little, and for the way here


@route("POST", PATH)
def create(sandbox: Sandbox, parameters: Json) -> Json:
    """Open a page."""
    mode = parameters.get("mode", "payment")
    if mode not in {"payment", "setup"}:
        raise ApiError(400, f"The sandbox has no {mode} mode.", param="mode")
    lines = lines_of(sandbox, parameters) if mode == "payment" else []
    currency = lines[0]["currency"] if lines else parameters.get("currency")
    intent_data = parameters.get(f"{mode}_intent_data") or {}
    session = sandbox.new(
        "checkout.session",
        mode=mode,
        status="open",
        ui_mode="hosted_page",
        currency=currency,
        client_reference_id=parameters.get("client_reference_id"),
        metadata=parameters.get("metadata") or {},
        success_url=parameters.get("success_url"),
        cancel_url=parameters.get("cancel_url"),
        expires_at=_expiry(sandbox, parameters.get("expires_at")),
        payment_status="unpaid" if mode == "payment" else "no_payment_required",
        payment_method_types=parameters.get("payment_method_types") or default_types(currency),
        payment_method_collection="always",
        custom_text=_custom_text(parameters),
        private={"intent": intent_data, "lines": lines},
    )
    session["url"] = f"{sandbox.address}/c/pay/{session['id']}"
    _set_customer(sandbox, session, parameters)
    if mode == "payment":
        _set_amount(session, sum(line["amount_total"] for line in lines))
    else:
        intent = make_setup(sandbox, {**intent_data, **_shared(session)})
        _tie(sandbox, session, intent)
    sandbox.plan("session_expires", session, session["expires_at"])
    return session


@route("POST", f"{PATH}/<identity>")
def update(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Change a session's metadata."""
    session = sandbox.store.get(identity, "checkout.session")
    change(session, {"metadata": parameters.get("metadata")})
    return session


@route("GET", f"{PATH}/<identity>/line_items")
def line_items(sandbox: Sandbox, _parameters: Json, identity: str) -> Json:
    """What is paid for."""
    session = sandbox.store.get(identity, "checkout.session")
    return list_of(shown_lines(sandbox, session), f"{PATH}/{identity}/line_items")


@route("POST", f"{PATH}/<identity>/expire")
def expire(sandbox: Sandbox, _parameters: Json, identity: str) -> Json:
    """Close an open page."""
    session = sandbox.store.get(identity, "checkout.session")
    if session["status"] != "open":
        raise ApiError(400, f"The session is {session['status']}; only an open one can expire.")
    close_page(sandbox, session)
    return session


@action("session_expires")
def close_page(sandbox: Sandbox, session: Json) -> None:
    """Close a page on which nothing was finished; its intent is given up."""
    if session["status"] != "open":
        return
    session.update(status="expired", url=None)
    intent = sandbox.store.find(session["payment_intent"])
    if intent is not None and intent["status"] in CANCELABLE:
        cancel_intent(sandbox, intent, "abandoned")
    sandbox.tell("checkout.session.expired", session)


def submit(sandbox: Sandbox, session: Json, method: Json) -> None:
    """Try a method on a page; the session then says what came of it.

    Args:
        method: Parameters of a payment method.

    Raises:
        ApiError: If the method is declined, or the page is not open.
    """
    if session["status"] != "open":
        raise ApiError(400, f"This page is {session['status']}.")
    made = make(sandbox, method)
    intent = intent_of(sandbox, session)
    parameters = {"payment_method": made["id"], "return_url": session["url"]}
    if made["type"] in DEBITS:
        parameters |= {"mandate_data": AGREED_ON_PAGE}
    confirm_it = confirm_setup if session["mode"] == "setup" else confirm
    raise_if(confirm_it(sandbox, intent, parameters))


def next_address(sandbox: Sandbox, session: Json) -> str:
    """Where the customer goes now: the challenge, back to the shop, or "" to try again."""
    if session["status"] == "complete":
        address = str(session["success_url"] or "")
        return address.replace("{CHECKOUT_SESSION_ID}", session["id"])
    intent = intent_of(sandbox, session) if session["status"] == "open" else None
    if intent is not None and intent["status"] == "requires_action":
        return str(intent["next_action"]["redirect_to_url"]["url"])
    return ""


def intent_of(sandbox: Sandbox, session: Json) -> Json:
    """The page's intent; that of a payment is made when a method is first tried."""
    known = sandbox.store.find(session["setup_intent"] or session["payment_intent"])
    if known is not None:
        return known
    given = sandbox.store.private(session["id"])["intent"]
    money = {"amount": session["amount_total"], "currency": session["currency"]}
    intent = make_intent(sandbox, {**given, **money, **_shared(session)})
    _tie(sandbox, session, intent)
    return intent


def session_of(sandbox: Sandbox, intent: Json) -> Json | None:
    """The page that an intent was made on."""
    return sandbox.store.find(sandbox.store.private(intent["id"]).get("session"))


@listens(
    "payment_intent.succeeded",
    "payment_intent.processing",
    "payment_intent.amount_capturable_updated",
    "setup_intent.succeeded",
)
def complete(sandbox: Sandbox, intent: Json) -> None:
    """Finish the page when its intent is through; say so when a bank debit has arrived."""
    session = session_of(sandbox, intent)
    if session is None:
        return
    is_paid = session["mode"] == "payment" and intent["status"] != "processing"
    was_open = session["status"] == "open"
    session.update(status="complete", url=None)
    if is_paid:
        session["payment_status"] = "paid"
    if was_open:
        sandbox.tell("checkout.session.completed", session)
    elif is_paid:
        sandbox.tell("checkout.session.async_payment_succeeded", session)


@listens("payment_intent.payment_failed")
def report_bounce(sandbox: Sandbox, intent: Json) -> None:
    """Say that a bank debit has bounced after the page was finished."""
    session = session_of(sandbox, intent)
    if session is not None and session["status"] == "complete":
        sandbox.tell("checkout.session.async_payment_failed", session)


def _set_customer(sandbox: Sandbox, session: Json, parameters: Json) -> None:
    email = parameters.get("customer_email")
    session.update(customer_email=email, customer=parameters.get("customer"))
    if session["customer"]:
        email = living_customer(sandbox, session["customer"])["email"]
    if email:
        details = sandbox.spec.skeleton("payment_pages_checkout_session_customer_details")
        session["customer_details"] = {**details, "email": email, "tax_exempt": "none"}


def _set_amount(session: Json, amount: int) -> None:
    check_amount(amount, session["currency"])
    totals = {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0}
    session.update(amount_subtotal=amount, amount_total=amount, total_details=totals)


def _expiry(sandbox: Sandbox, asked: int | None) -> int:
    now = sandbox.now()
    expires_at = asked or now + LONGEST_HOURS * HOUR
    earliest = now + int(SHORTEST_HOURS * HOUR) - GRACE_SECONDS
    if not earliest <= expires_at <= now + LONGEST_HOURS * HOUR + GRACE_SECONDS:
        message = "A page is open for 30 minutes to 24 hours, by the sandbox's clock."
        raise ApiError(400, message, param="expires_at")
    return expires_at


def _custom_text(parameters: Json) -> Json:
    """What the shop lets the page say beside the button and elsewhere."""
    given = parameters.get("custom_text") or {}
    names = ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
    return {name: given.get(name) or None for name in names}


def _shared(session: Json) -> Json:
    """What a page's intent has from the page."""
    kinds = {"payment_method_types": session["payment_method_types"]}
    return {**kinds, "customer": session["customer"]} if session["customer"] else kinds


def _tie(sandbox: Sandbox, session: Json, intent: Json) -> None:
    session[intent["object"]] = intent["id"]
    sandbox.store.private(intent["id"])["session"] = session["id"]


readable("checkout.session", PATH, ["customer", "payment_intent", "status"])
