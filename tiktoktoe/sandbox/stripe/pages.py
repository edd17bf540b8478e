"""The pages that the sandbox serves to a customer: the hosted payment page and the challenge."""

from dataclasses import dataclass
from decimal import Decimal
from html import escape
from urllib.parse import parse_qs

from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.resources.checkout import (
    after_intent,
    session_of_intent,
    submit,
)
from tiktoktoe.sandbox.stripe.resources.payment_intents import finish_challenge
from tiktoktoe.sandbox.stripe.resources.setup_intents import finish_setup
from tiktoktoe.sandbox.stripe.sandbox import Sandbox
from tiktoktoe.sandbox.stripe.spec import Json

NO_DECIMALS = {"jpy", "krw", "clp", "vnd"}
THREE_DECIMALS = {"kwd", "bhd", "jod", "omr", "tnd"}
TEST_CARDS = (
    ("4242424242424242", "Pay with Visa", "is paid at once"),
    ("4000002500000003", "Pay with a French Visa", "is paid at once"),
    ("4000002760003184", "Ask the holder", "3-D Secure every time"),
    ("4000000000009995", "No funds", "is declined"),
    ("4000000000000002", "Declined", "is declined, for no reason given"),
)
STYLE = """
:root{color-scheme:light dark;--bg:light-dark(#f6f7f9,#0f1216);--card:light-dark(#fff,#171b21);
--ink:light-dark(#17202b,#e9edf2);--soft:light-dark(#4d5a69,#a9b4c1);
--line:light-dark(#7f8a98,#76828f);--accent:light-dark(#2352d8,#8eaaff);
--on:light-dark(#fff,#0d1633);--bad:light-dark(#b3261e,#ff9d95)}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);
font:16px/1.5 system-ui,sans-serif}main{max-width:26rem;margin:0 auto;padding:2rem 1rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1.25rem;
margin-top:1rem}h1{font-size:1rem;margin:0;font-weight:500}h2{font-size:1rem;margin:0 0 .5rem}
.amount{font-size:2rem;font-weight:650;margin:0;font-variant-numeric:tabular-nums}
.soft{color:var(--soft);font-size:.875rem;margin:0}.bad{color:var(--bad);font-weight:600}
button,input{font:inherit;width:100%;min-height:44px;border-radius:8px;
border:1px solid var(--line);padding:.5rem .75rem;background:var(--card);color:var(--ink)}
button{cursor:pointer;text-align:left;margin-top:.5rem}
button.main{background:var(--accent);color:var(--on);border-color:var(--accent);
text-align:center;font-weight:600}label{display:block;margin-top:.5rem;font-size:.875rem}
.two{display:grid;grid-template-columns:1fr 1fr;gap:.5rem}
.banner{background:light-dark(#fdf1d8,#352708);color:light-dark(#855300,#f2bf63);
text-align:center;padding:.375rem;font-size:.875rem;font-weight:600}a{color:var(--accent)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
"""


@dataclass(frozen=True)
class PageAnswer:
    """A page, or the address that the browser is sent on to."""

    status: int
    html: str = ""
    location: str = ""


def pay_page(sandbox: Sandbox, session_id: str, *, message: str = "") -> PageAnswer:
    """The hosted payment page of a session."""
    session = sandbox.store.get(session_id, "checkout.session")
    if session["status"] != "open":
        return _page("This page is closed", f"<p>It is {escape(session['status'])}.</p>", 410)
    name = str(sandbox.store.private(session_id).get("name") or "Store a card")
    problem = f'<p class="bad" role="alert">{escape(message)}</p>' if message else ""
    cancel = session["cancel_url"]
    back = f'<p class="soft"><a href="{escape(cancel)}">Back</a></p>' if cancel else ""
    buttons = "".join(
        f'<form method="post"><input type="hidden" name="number" value="{number}">'
        f'<button>{words} <span class="soft">{number[-4:]} {effect}</span></button></form>'
        for number, words, effect in TEST_CARDS
    )
    return _page(
        "Pay" if session["mode"] == "payment" else "Store a card",
        f"<h1>{escape(name)}</h1>{_amount(session)}{problem}"
        f'<section class="card"><h2>Test cards</h2>{buttons}</section>'
        f'<section class="card"><h2>Any test card number</h2>{_card_form(session)}</section>{back}',
    )


def submit_card(sandbox: Sandbox, session_id: str, content: bytes) -> PageAnswer:
    """A card was entered on the hosted page."""
    session = sandbox.store.get(session_id, "checkout.session")
    given = {name: values[0].strip() for name, values in parse_qs(content.decode()).items()}
    month, _, year = given.get("expiry", "12/34").partition("/")
    card: Json = {
        "number": given.get("number", ""),
        "exp_month": month.strip() if month.strip().isdecimal() else 12,
        "exp_year": f"20{year.strip()[-2:]}" if year.strip().isdecimal() else 2034,
    }
    try:
        target = submit(sandbox, session, card)
    except ApiError as error:
        return pay_page(sandbox, session_id, message=str(error))
    return PageAnswer(303, location=target) if target else pay_page(sandbox, session_id)


def challenge_page(sandbox: Sandbox, intent_id: str) -> PageAnswer:
    """The bank's page on which the card's holder confirms a payment."""
    intent = sandbox.store.get(intent_id)
    if intent["status"] != "requires_action":
        return _page("Nothing to confirm", f"<p>It is {escape(intent['status'])}.</p>", 410)
    amount = _money(intent["amount"], intent["currency"]) if "amount" in intent else "No amount"
    return _page(
        "Confirm with your bank",
        f'<h1>Your bank asks: is this you?</h1><p class="amount">{amount}</p>'
        '<form method="post" class="card"><button class="main" name="answer" value="yes">'
        'Yes, confirm</button><button name="answer" value="no">No, refuse</button></form>',
    )


def submit_challenge(sandbox: Sandbox, intent_id: str, content: bytes) -> PageAnswer:
    """The card's holder answered."""
    intent = sandbox.store.get(intent_id)
    return_url = ((intent["next_action"] or {}).get("redirect_to_url") or {}).get("return_url")
    is_passed = parse_qs(content.decode()).get("answer") == ["yes"]
    message = ""
    try:
        finish = finish_setup if intent["object"] == "setup_intent" else finish_challenge
        finish(sandbox, intent, is_passed=is_passed)
    except ApiError as error:
        message = str(error)
    session = session_of_intent(sandbox, intent_id)
    if session is None:
        return PageAnswer(303, location=return_url or "/")
    target = after_intent(sandbox, session)
    if target:
        return PageAnswer(303, location=target)
    last = (intent.get("last_payment_error") or {}).get("message") or message
    return pay_page(sandbox, session["id"], message=last or "The card was not confirmed.")


def _card_form(session: Json) -> str:
    words = "Store this card"
    if session["mode"] == "payment":
        words = f"Pay {_money(session['amount_total'], session['currency'])}"
    return (
        '<form method="post"><label for="number">Card number</label>'
        '<input id="number" name="number" inputmode="numeric" autocomplete="off" required>'
        '<div class="two"><div><label for="expiry">Expiry, MM/YY</label>'
        '<input id="expiry" name="expiry" autocomplete="off" value="12/34"></div>'
        '<div><label for="cvc">Security code</label>'
        '<input id="cvc" name="cvc" inputmode="numeric" autocomplete="off" value="123"></div></div>'
        f'<button class="main">{words}</button></form>'
    )


def _amount(session: Json) -> str:
    if session["mode"] != "payment":
        return '<p class="soft">Nothing is charged now.</p>'
    return f'<p class="amount">{_money(session["amount_total"], session["currency"])}</p>'


def _money(amount: int, currency: str) -> str:
    places = 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
    return f"{Decimal(amount).scaleb(-places):,.{places}f} {currency.upper()}"


def _page(title: str, body: str, status: int = 200) -> PageAnswer:
    return PageAnswer(
        status,
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<title>{escape(title)} · Sandbox</title><link rel="stylesheet" href="/style.css"></head>'
        '<body><div class="banner">Sandbox: no real money moves</div>'
        f"<main>{body}</main></body></html>",
    )
