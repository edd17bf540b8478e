"""Orders, approved and captured; and stored wallets.

A wallet is that of a buyer: one who can pay, or one whose funding is declined, at once or from
the second payment on.
"""

from decimal import Decimal
from typing import Any

from tiktoktoe.sandbox.core.schemas import Json
from tiktoktoe.sandbox.core.store import Search
from tiktoktoe.sandbox.paypal.business import Business
from tiktoktoe.sandbox.paypal.errors import ApiError
from tiktoktoe.sandbox.paypal.payments import new_capture, new_hold, shown_part
from tiktoktoe.sandbox.paypal.routes import route

ORDERS = "/v2/checkout/orders"
OPEN_FOR_SECONDS = 3 * 3600
GOOD = "good"
# The buyer's name, and the issue that comes of it; with "later" only from a stored wallet.
BUYERS = {
    "declined": "INSTRUMENT_DECLINED",
    "restricted": "PAYER_ACCOUNT_RESTRICTED",
    "refused": "TRANSACTION_REFUSED",
    "blocked": "COMPLIANCE_VIOLATION",
    "new": "SOMETHING_NEW",
}
LATER = "later-"


@route("POST", ORDERS)
def create(business: Business, body: Json) -> tuple[int, Json]:
    """Make an order; one by a stored wallet is done at once."""
    unit = body["purchase_units"][0]
    if Decimal(unit["amount"]["value"]) <= 0:
        raise ApiError(422, "The amount has to be positive.", issue="CANNOT_BE_ZERO_OR_NEGATIVE")
    wallet = (body.get("payment_source") or {}).get("paypal") or {}
    order = business.new(
        "order",
        intent=body["intent"],
        unit=unit,
        wallet=wallet,
        buyer="",
        vault={},
        status="PAYER_ACTION_REQUIRED" if wallet else "CREATED",
        payments={},
    )
    if wallet.get("vault_id"):
        token = business.store.find(wallet["vault_id"])
        if token is None or token["object"] != "token":
            raise ApiError(422, "There is no such wallet.", issue="TOKEN_ID_NOT_FOUND")
        order["buyer"] = token["buyer"].removeprefix(LATER)
        take(business, order)
        return 201, shown(business, order)
    return 200 if wallet else 201, shown(business, order)


@route("GET", f"{ORDERS}/<id>")
def read(business: Business, _query: Json, identity: str) -> tuple[int, Json]:
    """An order; one that nobody approved in time is gone."""
    return 200, shown(business, _open_order(business, identity))


@route("POST", f"{ORDERS}/<id>/capture")
def capture_order(business: Business, _body: Json, identity: str) -> tuple[int, Json]:
    """Take the money of an order that was approved."""
    order = _open_order(business, identity)
    if order["status"] == "COMPLETED":
        raise ApiError(422, "Order already captured.", issue="ORDER_ALREADY_CAPTURED")
    if order["status"] != "APPROVED":
        raise ApiError(422, "The payer has not approved it.", issue="ORDER_NOT_APPROVED")
    take(business, order)
    _store_wallet(business, order)
    return 201, shown(business, order)


@route("GET", "/v3/vault/payment-tokens")
def list_tokens(business: Business, query: Json) -> tuple[int, Json]:
    """The stored wallets of a customer."""
    search = Search(equal={"customer": query.get("customer_id", "")}, is_oldest_first=True)
    tokens = [
        {"id": token["id"], "payment_source": {"paypal": {"address": {"country_code": "US"}}}}
        for token in business.store.newest_first("token", search)
    ]
    return 200, {"payment_tokens": tokens}


@route("DELETE", "/v3/vault/payment-tokens/<id>")
def forget_token(business: Business, _query: Json, identity: str) -> tuple[int, Json]:
    """Forget a stored wallet."""
    business.store.get(identity, "token")
    business.store.remove(identity)
    return 204, {}


def approve(business: Business, order: Json, buyer: str) -> None:
    """The buyer agrees; the money moves only when the order is captured.

    Raises:
        ApiError: 422, if the order does not wait for anybody.
    """
    if order["status"] not in {"PAYER_ACTION_REQUIRED", "CREATED", "APPROVED"}:
        raise ApiError(422, f"The order is {order['status']}.", issue="ORDER_NOT_OPEN")
    order.update(status="APPROVED", buyer=buyer)
    business.tell("CHECKOUT.ORDER.APPROVED", "checkout-order", shown(business, order))


def take(business: Business, order: Json) -> None:
    """Capture, or authorise, an order.

    Raises:
        ApiError: 422, if the buyer's funding says no.
    """
    issue = BUYERS.get(order["buyer"])
    if issue:
        raise ApiError(422, "The funding was declined.", issue=issue)
    unit = order["unit"]
    amount, ours = _plain(unit["amount"]), unit.get("custom_id", "")
    if order["intent"] == "AUTHORIZE":
        hold = new_hold(business, order, amount, ours)
        order["payments"] = {"authorizations": [hold["id"]]}
    else:
        made = new_capture(business, amount, custom_id=ours, buyer=order["buyer"])
        order["payments"] = {"captures": [made["id"]]}
    order["status"] = "COMPLETED"


def shown(business: Business, order: Json) -> Json:
    """An order, as the API shows it."""
    payments = {
        kind: [shown_part(business, business.store.get(identity)) for identity in identities]
        for kind, identities in order["payments"].items()
    }
    unit = {"reference_id": "default", **order["unit"]}
    answer: dict[str, Any] = {
        "id": order["id"],
        "intent": order["intent"],
        "status": order["status"],
        "create_time": business.at(),
        "purchase_units": [{**unit, **({"payments": payments} if payments else {})}],
        "links": _links(business, order),
    }
    if order["buyer"]:
        wallet: dict[str, Any] = {"account_status": "VERIFIED", "address": {"country_code": "US"}}
        if order["vault"]:
            wallet["attributes"] = {"vault": order["vault"]}
        answer["payment_source"] = {"paypal": wallet}
    return answer


def _store_wallet(business: Business, order: Json) -> None:
    attributes = order["wallet"].get("attributes") or {}
    customer = (attributes.get("customer") or {}).get("id")
    if (attributes.get("vault") or {}).get("store_in_vault") != "ON_SUCCESS" or not customer:
        return
    token = business.new("token", customer=customer, buyer=order["buyer"])
    order["vault"] = {"id": token["id"], "status": "VAULTED", "customer": {"id": customer}}


def _open_order(business: Business, identity: str) -> Json:
    order = business.store.get(identity, "order")
    is_late = business.now() > order["created"] + OPEN_FOR_SECONDS
    if is_late and order["status"] != "COMPLETED":
        raise ApiError(404, "The order has lapsed.", issue="INVALID_RESOURCE_ID")
    return order


def _links(business: Business, order: Json) -> list[Json]:
    itself = f"{business.address}{ORDERS}/{order['id']}"
    links = [{"href": itself, "rel": "self", "method": "GET"}]
    if order["status"] in {"PAYER_ACTION_REQUIRED", "APPROVED", "CREATED"}:
        page = f"{business.address}/checkoutnow/{order['id']}"
        links.append({"href": page, "rel": "payer-action", "method": "GET"})
    return links


def _plain(amount: Json) -> Json:
    return {name: amount[name] for name in ("currency_code", "value")}
