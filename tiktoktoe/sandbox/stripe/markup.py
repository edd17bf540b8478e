"""The HTML of the customer's pages."""

from dataclasses import dataclass
from decimal import Decimal
from html import escape

from tiktoktoe.sandbox.stripe import cards
from tiktoktoe.sandbox.stripe.spec import Json

NO_DECIMALS = frozenset({"clp", "jpy", "krw", "vnd", "xaf", "xof"})
THREE_DECIMALS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})


@dataclass(frozen=True)
class Choice:
    """A button of the page: what it is called, what happens, and the number that it sends."""

    name: str
    effect: str
    number: str


CARDS = (
    Choice("Visa", "is paid at once", cards.GOOD),
    Choice("Visa from France", "is paid at once", "4000002500000003"),
    Choice("Mastercard", "is paid at once", "5555555555554444"),
    Choice("3-D Secure", "asks the holder", "4000002760003184"),
    Choice("Insufficient funds", "is declined", "4000000000009995"),
    Choice("Declined", "is declined", "4000000000000002"),
    Choice("Fails later", "can be stored, not charged", cards.ATTACHES_BUT_DECLINES),
    Choice("Disputed", "is paid, then contested", "4000000000000259"),
)
DEBITS = {
    "us_bank_account": (
        Choice("US bank account", "arrives in 4 days", cards.GOOD_ACCOUNT),
        Choice("US account without funds", "bounces in 4 days", "000222222227"),
    ),
    "sepa_debit": (
        Choice("IBAN", "arrives in 4 days", cards.GOOD_IBAN),
        Choice("IBAN without funds", "bounces in 4 days", "DE62370400440532013001"),
    ),
}


def pay_page(session: Json, name: str, *, problem: str) -> str:
    """The hosted page of a session."""
    is_payment = session["mode"] == "payment"
    title = "Pay" if is_payment else "Store a payment method"
    words = f"Pay {money(session['amount_total'], session['currency'])}" if is_payment else "Store"
    cancel = session["cancel_url"]
    # The page is also shown in answer to the bank's question, at another address.
    here = f"/c/pay/{session['id']}"
    parts = [
        f"<h1>{escape(name or title)}</h1>",
        f'<p class="amount">{words.removeprefix("Pay ")}</p>'
        if is_payment
        else '<p class="soft">Nothing is charged now.</p>',
        f'<p class="bad" role="alert">{escape(problem)}</p>' if problem else "",
        _choices("Test cards", CARDS, here),
        _card_form(words, here),
        *(
            _choices("Test bank debits", DEBITS[kind], here)
            for kind in session["payment_method_types"]
            if kind in DEBITS
        ),
        f'<p class="back"><a href="{escape(cancel)}">Cancel and go back</a></p>' if cancel else "",
    ]
    return page(title, "".join(parts))


def challenge_page(intent: Json) -> str:
    """The bank's question to the card's holder."""
    amount = "No amount: the card is to be stored"
    if "amount" in intent:
        amount = f"A payment of {money(intent['amount'], intent['currency'])}"
    return page(
        "Confirm with your bank",
        f'<h1>Your bank asks: is this you?</h1><p class="soft">{amount}</p>'
        '<form method="post" class="card">'
        '<button class="main" name="answer" value="yes">Yes, confirm it</button>'
        '<button name="answer" value="no">No, refuse it</button></form>',
    )


def closed_page(words: str) -> str:
    """A page on which nothing can be done any more."""
    return page(words, f'<h1>{escape(words)}</h1><p class="soft">You can close this page.</p>')


def page(title: str, body: str) -> str:
    """The frame of every page."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)} · Sandbox</title><link rel="icon" href="data:,">'
        '<link rel="stylesheet" href="/style.css"></head>'
        '<body><header class="notice">Sandbox: no real money moves</header>'
        f"<main>{body}</main></body></html>"
    )


def money(amount: int, currency: str) -> str:
    """An amount of minor units, for people."""
    places = 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
    return f"{Decimal(amount).scaleb(-places):,.{places}f} {currency.upper()}"


def _choices(title: str, choices: tuple[Choice, ...], action: str) -> str:
    buttons = "".join(
        f'<button name="number" value="{choice.number}"><span>{choice.name}</span>'
        f'<span class="soft">{choice.number[-4:]}, {choice.effect}</span></button>'
        for choice in choices
    )
    return f'<form method="post" action="{action}" class="card"><h2>{title}</h2>{buttons}</form>'


def _card_form(words: str, action: str) -> str:
    return (
        f'<form method="post" action="{action}" class="card" autocomplete="off">'
        "<h2>Any test card</h2>"
        '<div class="fields"><label class="wide">Card number'
        '<input name="number" inputmode="numeric" required></label>'
        '<label>Expiry (MM/YY)<input name="expiry" value="12/34"></label>'
        '<label>Security code<input name="cvc" inputmode="numeric" value="123"></label></div>'
        f'<button class="main">{escape(words)}</button></form>'
    )
