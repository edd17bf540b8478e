"""Payment links: a page of Adyen's on which one amount is paid, or a card is stored."""

from datetime import datetime

from tiktoktoe.sandbox.adyen import cards
from tiktoktoe.sandbox.adyen.errors import ApiError
from tiktoktoe.sandbox.adyen.merchant import Merchant, action
from tiktoktoe.sandbox.adyen.payments import check_amount, finish, new_payment
from tiktoktoe.sandbox.adyen.routes import route
from tiktoktoe.sandbox.adyen.tokens import number_and_holder, store_card
from tiktoktoe.sandbox.core.account import random_text
from tiktoktoe.sandbox.core.schemas import Json

DAY = 86_400
OPEN_FOR_SECONDS = DAY
OPEN_FOR_MAX_SECONDS = 70 * DAY
OPEN = frozenset({"active", "paymentPending"})


@route("POST", "/paymentLinks")
def create(merchant: Merchant, body: Json) -> Json:
    """Open a link; by itself it is open for a day."""
    check_amount(body["amount"])
    expires = merchant.now() + OPEN_FOR_SECONDS
    if body.get("expiresAt"):
        expires = _moment(body["expiresAt"])
    if not merchant.now() < expires <= merchant.now() + OPEN_FOR_MAX_SECONDS:
        raise ApiError(422, "Invalid expiresAt", code="702")
    link = merchant.new(
        "link",
        f"PL{random_text(16).upper()}",
        **{name: value for name, value in body.items() if name != "expiresAt"},
        expires=expires,
        status="active",
        waits="",
    )
    merchant.plan("link_expires", link, expires)
    return shown(merchant, link)


@route("GET", "/paymentLinks/{linkId}")
def read(merchant: Merchant, _query: Json, identity: str) -> Json:
    """A link as it stands."""
    return shown(merchant, link_of(merchant, identity))


@route("PATCH", "/paymentLinks/{linkId}")
def update(merchant: Merchant, body: Json, identity: str) -> Json:
    """Close a link; nothing else can be changed."""
    link = link_of(merchant, identity)
    if body["status"] != "expired" or link["status"] != "active":
        raise ApiError(422, f"The link is {link['status']}", code="29_1")
    expire(merchant, link)
    return shown(merchant, link)


@action("link_expires")
def expire(_merchant: Merchant, link: Json) -> None:
    """Nobody can pay on it any more."""
    if link["status"] == "active":
        link["status"] = "expired"


def link_of(merchant: Merchant, identity: str) -> Json:
    """A link.

    Raises:
        ApiError: 404, if there is none.
    """
    link = merchant.store.find(identity)
    if link is None or link["object"] != "link":
        raise ApiError(404, "Payment link was not found", code="29_001")
    return link


def submit(merchant: Merchant, link: Json, number: str, holder: str) -> Json:
    """A card was typed in; gives the payment, which says what came of it.

    Raises:
        ApiError: 422, if the link is not open or there is no such card.
    """
    if link["status"] != "active":
        raise ApiError(422, f"This page is {link['status']}")
    known, name = number_and_holder({"number": number, "holderName": holder})
    payment = new_payment(merchant, link, known, name)
    refusal = cards.refusal_of(name, is_first=True)
    if refusal is None and cards.CARDS[known].asks_holder:
        payment["status"] = "waits"
        link["waits"] = payment["id"]
        return payment
    _conclude(merchant, link, payment, refusal)
    return payment


def answer_challenge(merchant: Merchant, payment: Json, *, passes: bool) -> None:
    """The holder has confirmed, or has not."""
    refusal = None if passes else cards.NOT_AUTHENTICATED
    link = merchant.store.find(payment["link"])
    if link is not None:
        _conclude(merchant, link, payment, refusal)
        return
    finish(merchant, payment, refusal)


def shown(merchant: Merchant, link: Json) -> Json:
    """A link, as the API shows it."""
    own = {"object", "id", "created", "expires", "waits"}
    told = {name: value for name, value in link.items() if name not in own}
    return {
        **told,
        "id": link["id"],
        "url": f"{merchant.address}/pay/{link['id']}",
        "expiresAt": merchant.at(link["expires"]),
    }


def _conclude(merchant: Merchant, link: Json, payment: Json, refusal: cards.Refusal | None) -> None:
    """After a refusal the link stays open for another try."""
    finish(merchant, payment, refusal)
    link["waits"] = ""
    if refusal is not None:
        return
    link["status"] = "completed"
    if link.get("storePaymentMethodMode") == "enabled" and link.get("shopperReference"):
        number, holder = payment["number"], payment["holder"]
        store_card(merchant, payment, link["shopperReference"], number, holder)


def _moment(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        raise ApiError(422, "Invalid expiresAt", code="702") from None
