"""The HTML of the customer's pages."""

from datetime import UTC, datetime
from html import escape

from tiktoktoe.sandbox.core.markup import Choice, choices, closed_page, money, page
from tiktoktoe.sandbox.stripe import cards
from tiktoktoe.sandbox.stripe.spec import Json

__all__ = ["challenge_page", "closed_page", "pay_page"]

CARDS = (
    Choice("Visa", "is paid at once", cards.GOOD),
    Choice("Visa from France", "is paid at once", "4000002500000003"),
    Choice("Mastercard", "is paid at once", "5555555555554444"),
    Choice("Visa that Adyen knows", "is paid at once, here and there", "4111111111111111"),
    Choice("3-D Secure", "asks the holder", "4000002760003184"),
    Choice("Insufficient funds", "is declined", "4000000000009995"),
    Choice("Declined", "is declined", "4000000000000002"),
    Choice("Fails later", "can be stored, not charged", cards.ATTACHES_BUT_DECLINES),
    Choice("Disputed", "is paid, then contested", "4000000000000259"),
)
WALLETS = (
    Choice("Apple Pay", "Visa, is paid at once", "apple_pay"),
    Choice("Google Pay", "Mastercard, is paid at once", "google_pay 5555555555554444"),
    Choice("Apple Pay without funds", "is declined", "apple_pay 4000000000009995"),
    Choice(
        "Apple Pay that fails later", "can be stored, not charged", "apple_pay 4000000000000341"
    ),
)
LINKS = (
    Choice("Link", "is paid at once", "link"),
    Choice("Link without funds", "is declined", "link 4000000000009995"),
)
DEBITS = {
    "us_bank_account": (
        Choice("US bank account", "arrives in 4 days", cards.GOOD_ACCOUNT),
        Choice("US account without funds", "bounces in 4 days", "000222222227"),
        Choice("US account that is closed", "bounces in 4 days", "000111111113"),
        Choice("US account, unwilling", "arrives, is taken back", "000555555559"),
    ),
    "sepa_debit": (
        Choice("IBAN", "arrives in 4 days", cards.GOOD_IBAN),
        Choice("IBAN without funds", "bounces in 4 days", "DE62370400440532013001"),
        Choice("IBAN, unwilling", "arrives, is taken back", "DE35370400440532013002"),
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
        *(
            (
                choices("Test wallets", WALLETS, here),
                choices("Test cards", CARDS, here),
                _card_form(words, here),
            )
            if "card" in session["payment_method_types"]
            else ()
        ),
        choices("Link", LINKS, here) if cards.LINK in session["payment_method_types"] else "",
        *(
            choices("Test bank debits", DEBITS[kind], here) + _agreement(session)
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


def mandate_page(mandate: Json) -> str:
    """A mandate as its giver has signed it."""
    reference = mandate["payment_method_details"]["sepa_debit"]["reference"]
    agreed = datetime.fromtimestamp(mandate["customer_acceptance"]["accepted_at"], UTC)
    return page(
        "Mandate",
        f"<h1>SEPA mandate {escape(reference)}</h1>"
        f'<p class="soft">Agreed to on {agreed:%d %B %Y}; it is {escape(mandate["status"])}.</p>',
    )


def _agreement(session: Json) -> str:
    """What whoever gives a bank account agrees to: the shop's words, or the page's own."""
    text = ((session["custom_text"] or {}).get("submit") or {}).get("message")
    own = "By giving a bank account you let it be debited for what you owe, until you withdraw it."
    return f'<p class="soft">{escape(text or own)}</p>'


def _card_form(words: str, action: str) -> str:
    return (
        f'<form method="post" action="{action}" class="card" autocomplete="off">'
        "<h2>Any test card</h2>"
        '<div class="fields"><label class="wide">Card number'
        '<input name="number" inputmode="numeric" required></label>'
        '<label>Expiry (MM/YY)<input name="expiry" value="03/30"></label>'
        '<label>Security code<input name="cvc" inputmode="numeric" value="123"></label></div>'
        f'<button class="main">{escape(words)}</button></form>'
    )
