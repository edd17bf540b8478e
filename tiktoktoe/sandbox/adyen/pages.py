"""The pages that the sandbox serves to a customer: the payment link and the bank's question."""

from html import escape
from urllib.parse import parse_qs

from tiktoktoe.sandbox.adyen import cards
from tiktoktoe.sandbox.adyen.errors import ApiError
from tiktoktoe.sandbox.adyen.links import answer_challenge, link_of, submit
from tiktoktoe.sandbox.adyen.merchant import Merchant
from tiktoktoe.sandbox.adyen.settlement import report_path
from tiktoktoe.sandbox.core.markup import Choice, choices, closed_page, money, page
from tiktoktoe.sandbox.core.pages import STYLE, Page
from tiktoktoe.sandbox.core.schemas import Json

CARDS = (
    Choice("Visa", "is paid at once", cards.GOOD),
    Choice("Visa from the US", "is paid at once", "4000620000000007"),
    Choice("Mastercard debit", "is paid at once", "5555444433331111"),
    Choice("3-D Secure", "asks the holder", "4212345678910006"),
)


def answer_page(merchant: Merchant, method: str, path: str, content: bytes) -> Page:
    """A page of the customer's, or a report of the shop's; whoever asks holds the lock.

    Raises:
        ApiError: 404, if there is none.
    """
    form = {name: values[0].strip() for name, values in parse_qs(content.decode()).items()}
    match (method, *path.strip("/").split("/")):
        case ("GET", "style.css"):
            return Page(html=STYLE, kind="text/css")
        case ("GET", "pay", identity):
            return _pay_page(merchant, link_of(merchant, identity))
        case ("POST", "pay", identity):
            return _submit(merchant, link_of(merchant, identity), form)
        case ("GET", "3ds", identity):
            return _challenge(merchant, identity)
        case ("POST", "3ds", identity):
            return _answer_challenge(merchant, identity, passes=form.get("answer") == "yes")
        case ("GET", "reports", *_, name) if path == report_path(merchant, name):
            report = merchant.store.find(name)
            if report is not None:
                return Page(html=report["text"], kind="text/csv")
    raise ApiError(404, "There is no such page.")


def next_address(merchant: Merchant, link: Json) -> str:
    """Where the customer is sent on to."""
    if link["waits"]:
        return f"{merchant.address}/3ds/{link['waits']}"
    return str(link.get("returnUrl") or f"{merchant.address}/pay/{link['id']}")


def _pay_page(merchant: Merchant, link: Json, *, problem: str = "") -> Page:
    if link["status"] == "completed" and link.get("returnUrl"):
        return Page(status=303, location=next_address(merchant, link))
    if link["status"] != "active":
        return Page(status=410, html=closed_page(f"This page is {link['status']}"))
    amount = link["amount"]
    here = f"/pay/{link['id']}"
    words = f"Pay {money(amount['value'], amount['currency'].lower())}"
    words = words if amount["value"] else "Store"
    parts = [
        f"<h1>{escape(str(link.get('description') or link['reference']))}</h1>",
        f'<p class="amount">{escape(words.removeprefix("Pay "))}</p>'
        if amount["value"]
        else '<p class="soft">Nothing is charged now.</p>',
        f'<p class="bad" role="alert">{escape(problem)}</p>' if problem else "",
        choices("Test cards", CARDS, here),
        _card_form(words, here),
    ]
    html = page("Pay", "".join(parts))
    return Page(status=402 if problem else 200, html=html, leads_to=link.get("returnUrl") or "")


def _submit(merchant: Merchant, link: Json, form: dict[str, str]) -> Page:
    try:
        payment = submit(merchant, link, form.get("number", ""), form.get("holder", ""))
    except ApiError as error:
        return _pay_page(merchant, link, problem=str(error))
    if payment["status"] == "refused":
        return _pay_page(merchant, link, problem=payment["refusal"]["reason"])
    return Page(status=303, location=next_address(merchant, link))


def _challenge(merchant: Merchant, identity: str) -> Page:
    payment = merchant.store.find(identity)
    if payment is None or payment.get("status") != "waits":
        return Page(status=410, html=closed_page("There is nothing to confirm"))
    amount = payment["amount"]
    words = f"A payment of {money(amount['value'], amount['currency'].lower())}"
    html = page(
        "Confirm with your bank",
        f'<h1>Your bank asks: is this you?</h1><p class="soft">{words}</p>'
        '<form method="post" class="card">'
        '<button class="main" name="answer" value="yes">Yes, confirm it</button>'
        '<button name="answer" value="no">No, refuse it</button></form>',
    )
    return Page(html=html, leads_to=_back(merchant, payment))


def _answer_challenge(merchant: Merchant, identity: str, *, passes: bool) -> Page:
    payment = merchant.store.find(identity)
    if payment is None or payment.get("status") != "waits":
        return Page(status=410, html=closed_page("There is nothing to confirm"))
    answer_challenge(merchant, payment, passes=passes)
    link = merchant.store.find(payment["link"])
    if link is not None and link["status"] == "active":
        return _pay_page(merchant, link, problem="The card was not confirmed.")
    return Page(status=303, location=_back(merchant, payment))


def _back(merchant: Merchant, payment: Json) -> str:
    """The shop; one that charged by itself is told what to ask the API with."""
    link = merchant.store.find(payment["link"])
    if link is not None:
        return str(link.get("returnUrl") or f"{merchant.address}/pay/{link['id']}")
    address = str(payment.get("returnUrl") or merchant.address)
    joint = "&" if "?" in address else "?"
    return f"{address}{joint}redirectResult={payment['id']}.{payment['secret']}"


def _card_form(words: str, here: str) -> str:
    return (
        f'<form method="post" action="{here}" class="card" autocomplete="off">'
        "<h2>Any test card</h2>"
        '<div class="fields"><label class="wide">Card number'
        '<input name="number" inputmode="numeric" required></label>'
        '<label class="wide">Holder: a refusal\'s name, such as NOT_ENOUGH_BALANCE'
        f'<input name="holder" value="{escape(cards.HOLDER)}"></label></div>'
        f'<button class="main">{escape(words)}</button></form>'
    )
