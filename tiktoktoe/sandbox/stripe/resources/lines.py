"""The lines of a hosted page: by a price that is known, or one that is told."""

from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.sandbox import Sandbox
from tiktoktoe.sandbox.stripe.spec import Json


def lines_of(sandbox: Sandbox, parameters: Json) -> list[Json]:
    """The lines that a page is asked for, worked out.

    Raises:
        ApiError: 400, if there are none, one has no amount, or their currencies differ.
    """
    items = parameters.get("line_items") or []
    lines = [_line(sandbox, item) for item in items]
    if not lines:
        message = "A payment needs line_items."
        raise ApiError(400, message, code="parameter_missing", param="line_items")
    if len({line["currency"] for line in lines}) > 1:
        raise ApiError(400, "The lines are in different currencies.", param="line_items")
    return lines


def shown_lines(sandbox: Sandbox, session: Json) -> list[Json]:
    """A page's lines, as the API shows them."""
    skeleton = sandbox.spec.skeleton("item")
    return [{**skeleton, **line} for line in sandbox.store.private(session["id"])["lines"]]


def _line(sandbox: Sandbox, item: Json) -> Json:
    quantity = item.get("quantity", 1)
    amount, currency, name = _price(sandbox, item)
    total = amount * quantity
    return {
        "id": sandbox.identity("item"),
        "amount_subtotal": total,
        "amount_total": total,
        "currency": currency,
        "description": name,
        "quantity": quantity,
    }


def _price(sandbox: Sandbox, item: Json) -> tuple[int, str, str]:
    if item.get("price"):
        price = sandbox.store.get(item["price"], "price", param="line_items")
        product = sandbox.store.get(price["product"], "product")
        return price["unit_amount"], price["currency"], product["name"]
    told = item.get("price_data") or {}
    if told.get("unit_amount") is None:
        message = "Each line needs a price, or price_data with unit_amount."
        raise ApiError(400, message, param="line_items")
    product = told.get("product_data") or sandbox.store.find(told.get("product")) or {}
    return told["unit_amount"], told["currency"].lower(), str(product.get("name") or "")
