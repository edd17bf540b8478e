"""The pages that the sandbox serves to a customer: the hosted page and the bank's question.

Card numbers are typed here, and so never reach the shop.
"""

from typing import Any
from urllib.parse import parse_qs

from tiktoktoe.sandbox.core.pages import STYLE, Page
from tiktoktoe.sandbox.stripe import cards, markup
from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.resources.checkout import next_address, session_of, submit
from tiktoktoe.sandbox.stripe.resources.payment_intents import finish_challenge
from tiktoktoe.sandbox.stripe.resources.setup_intents import finish_setup
from tiktoktoe.sandbox.stripe.sandbox import Sandbox
from tiktoktoe.sandbox.stripe.spec import Json

ACCOUNT_NUMBER_LENGTH = 12


def answer_page(sandbox: Sandbox, method: str, path: str, content: bytes) -> Page:
    """A page of the customer's; whoever asks holds the sandbox's lock.

    Raises:
        ApiError: 404, if there is none.
    """
    form = {name: values[0].strip() for name, values in parse_qs(content.decode()).items()}
    match (method, *path.strip("/").split("/")):
        case ("GET", "style.css"):
            return Page(html=STYLE, kind="text/css")
        case ("GET", "c", "pay", identity):
            return _pay_page(sandbox, identity)
        case ("POST", "c", "pay", identity):
            return _submit(sandbox, identity, form)
        case ("GET", "mandates", reference):
            return _mandate_page(sandbox, reference)
        case ("GET", "3ds", identity):
            return _challenge(sandbox, identity)
        case ("POST", "3ds", identity):
            return _answer_challenge(sandbox, identity, is_passed=form.get("answer") == "yes")
    raise ApiError(404, "There is no such page.")


def methods_by_number(number: str, expiry: str = "03/30") -> Json:
    """The parameters of the payment method that a test number stands for.

    A wallet's name stands for a good card in it, or for the one whose number follows.
    """
    wallet, _, behind = number.partition(" ")
    if wallet == cards.LINK:
        return {"type": cards.LINK, cards.LINK: {"number": behind.replace(" ", "")}}
    if wallet in cards.DEVICE_WALLETS:
        made = methods_by_number(behind or cards.GOOD, expiry)
        made["card"]["wallet"] = wallet
        return made
    plain = number.replace(" ", "")
    if plain[:2].isalpha():
        return {"type": "sepa_debit", "sepa_debit": {"iban": plain}}
    if plain.startswith("000") and len(plain) == ACCOUNT_NUMBER_LENGTH:
        account = {"account_number": plain, "routing_number": "110000000"}
        return {"type": "us_bank_account", "us_bank_account": account}
    month, _, year = (part.strip() for part in expiry.partition("/"))
    card = {"number": plain, "exp_month": _number(month), "exp_year": 2000 + _number(year[-2:])}
    return {"type": "card", "card": card}


def _pay_page(sandbox: Sandbox, identity: str, *, problem: str = "") -> Page:
    session = sandbox.store.get(identity, "checkout.session")
    onward = next_address(sandbox, session)
    if session["status"] == "complete":
        return Page(status=303, location=onward)
    if session["status"] != "open":
        return Page(status=410, html=markup.closed_page(f"This page is {session['status']}"))
    lines = sandbox.store.private(identity)["lines"]
    name = ", ".join(line["description"] for line in lines)
    html = markup.pay_page(session, name, problem=problem)
    status = 402 if problem else 200
    return Page(status=status, html=html, leads_to=session["success_url"] or "")


def _submit(sandbox: Sandbox, identity: str, form: dict[str, str]) -> Page:
    """A method was chosen, or a card entered."""
    session = sandbox.store.get(identity, "checkout.session")
    method = methods_by_number(form.get("number", ""), form.get("expiry", "03/30"))
    try:
        submit(sandbox, session, method)
    except ApiError as error:
        return _pay_page(sandbox, identity, problem=str(error))
    return Page(status=303, location=next_address(sandbox, session))


def _mandate_page(sandbox: Sandbox, reference: str) -> Page:
    """A mandate as its giver has signed it."""
    for mandate in sandbox.store.newest_first("mandate"):
        details = mandate["payment_method_details"].get("sepa_debit") or {}
        if details.get("reference") == reference:
            return Page(html=markup.mandate_page(mandate))
    raise ApiError(404, "There is no such mandate.")


def _challenge(sandbox: Sandbox, identity: str) -> Page:
    intent = sandbox.store.get(identity)
    if intent.get("status") != "requires_action":
        return Page(status=410, html=markup.closed_page("There is nothing to confirm"))
    session = session_of(sandbox, intent)
    shop = session["success_url"] if session else _return_url(intent)
    return Page(html=markup.challenge_page(intent), leads_to=shop or "")


def _answer_challenge(sandbox: Sandbox, identity: str, *, is_passed: bool) -> Page:
    intent = sandbox.store.get(identity)
    back = _return_url(intent)
    session = session_of(sandbox, intent)
    finish: Any = finish_setup if intent["object"] == "setup_intent" else finish_challenge
    try:
        finish(sandbox, intent, is_passed=is_passed)
    except ApiError:
        return Page(status=410, html=markup.closed_page("There is nothing to confirm"))
    if session is None:
        return _after_own_challenge(intent, back)
    if session["status"] == "complete":
        return Page(status=303, location=next_address(sandbox, session))
    error = intent.get("last_payment_error") or intent.get("last_setup_error") or {}
    problem = str(error.get("message") or "The card was not confirmed.")
    return _pay_page(sandbox, session["id"], problem=problem)


def _after_own_challenge(intent: Json, back: str) -> Page:
    """Back to the shop that confirmed the intent itself, as Stripe does."""
    if not back:
        return Page(html=markup.closed_page(f"It is {intent['status']}"))
    joint = "&" if "?" in back else "?"
    name = intent["object"]
    return Page(
        status=303,
        location=f"{back}{joint}{name}={intent['id']}"
        f"&{name}_client_secret={intent['client_secret']}&redirect_status={_result(intent)}",
    )


def _result(intent: Json) -> str:
    return "failed" if intent["status"] == "requires_payment_method" else "succeeded"


def _return_url(intent: Json) -> str:
    redirect = (intent.get("next_action") or {}).get("redirect_to_url") or {}
    return str(redirect.get("return_url") or "")


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
