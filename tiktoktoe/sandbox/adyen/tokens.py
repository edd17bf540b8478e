"""Stored cards of shoppers."""

from tiktoktoe.sandbox.adyen import cards
from tiktoktoe.sandbox.adyen.errors import ApiError
from tiktoktoe.sandbox.adyen.merchant import Merchant
from tiktoktoe.sandbox.adyen.routes import route
from tiktoktoe.sandbox.core.schemas import Json
from tiktoktoe.sandbox.core.store import Search

EXPIRY = ("03", "2030")
TEST_PREFIX = "test_"


@route("GET", "/storedPaymentMethods")
def list_tokens(merchant: Merchant, query: Json) -> Json:
    """The stored cards of a shopper, the oldest first."""
    shopper = str(query.get("shopperReference") or "")
    search = Search(equal={"shopperReference": shopper}, is_oldest_first=True)
    tokens = [_shown(merchant, token) for token in merchant.store.newest_first("token", search)]
    return {
        "merchantAccount": merchant.terms.merchant,
        "shopperReference": shopper,
        "storedPaymentMethods": tokens,
    }


@route("DELETE", "/storedPaymentMethods/{storedPaymentMethodId}")
def forget_token(merchant: Merchant, query: Json, identity: str) -> Json:
    """Forget a stored card."""
    token_of(merchant, identity, query.get("shopperReference"))
    merchant.store.remove(identity)
    return {}


def token_of(merchant: Merchant, identity: str, shopper: object) -> Json:
    """A stored card of a shopper.

    Raises:
        ApiError: 422, if it is not this shopper's.
    """
    token = merchant.store.find(identity)
    if token is None or token["object"] != "token" or token["shopperReference"] != shopper:
        raise ApiError(422, "PaymentDetail not found", code="803")
    return token


def store_card(merchant: Merchant, payment: Json, shopper: str, number: str, holder: str) -> Json:
    """Store a card of a shopper; the same one twice is one token."""
    search = Search(equal={"shopperReference": shopper})
    for known in merchant.store.newest_first("token", search):
        if (known["number"], known["holder"]) == (number, holder):
            return known
    token = merchant.new(
        "token",
        shopperReference=shopper,
        number=number,
        holder=holder,
        firstPspReference=payment["id"],
    )
    about = {
        "id": token["id"],
        "merchantReference": payment["merchantReference"],
        "amount": {"currency": payment["amount"]["currency"], "value": 0},
    }
    merchant.tell(
        "RECURRING_CONTRACT",
        about=about,
        originalReference=payment["id"],
        originalPsp=payment["id"],
        paymentMethod=cards.CARDS[number].brand,
        additionalData={"shopperReference": shopper},
    )
    return token


def number_and_holder(method: Json) -> tuple[str, str]:
    """What card was typed in, by its number or by Adyen's `test_` in place of encryption.

    Raises:
        ApiError: 422, if the test system does not know it.
    """
    given = str(method.get("number") or method.get("encryptedCardNumber") or "")
    number = given.removeprefix(TEST_PREFIX).replace(" ", "")
    if cards.card_of(number) is None:
        raise ApiError(422, "Invalid card number", code="101")
    return number, str(method.get("holderName") or cards.HOLDER)


def _shown(merchant: Merchant, token: Json) -> Json:
    card = cards.CARDS[token["number"]]
    return {
        "id": token["id"],
        "type": "scheme",
        "brand": card.brand,
        "lastFour": token["number"][-4:],
        "expiryMonth": EXPIRY[0],
        "expiryYear": EXPIRY[1],
        "holderName": token["holder"],
        "createdAt": merchant.at(token["created"]),
        "firstPspReference": token["firstPspReference"],
        "shopperReference": token["shopperReference"],
        "supportedRecurringProcessingModels": ["CardOnFile", "Subscription"],
        **token.get("renewed", {}),
    }
