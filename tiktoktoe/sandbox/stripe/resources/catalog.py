"""Products and prices, as far as a mirror wants to read them."""

from tiktoktoe.sandbox.stripe.routes import change, readable, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox
from tiktoktoe.sandbox.stripe.spec import Json


@route("POST", "/v1/products")
def create_product(sandbox: Sandbox, parameters: Json) -> Json:
    """Make a product."""
    product = sandbox.new(
        "product",
        id=parameters.pop("id", None),
        active=True,
        images=[],
        marketing_features=[],
        type="service",
        updated=sandbox.now(),
    )
    change(product, parameters)
    sandbox.tell("product.created", product)
    return product


@route("POST", "/v1/prices")
def create_price(sandbox: Sandbox, parameters: Json) -> Json:
    """Make a one-time price."""
    amount = parameters.get("unit_amount")
    price = sandbox.new(
        "price",
        product=sandbox.store.get(parameters["product"], "product")["id"],
        currency=parameters["currency"],
        unit_amount=amount,
        unit_amount_decimal=str(amount),
        type="one_time",
        active=True,
        billing_scheme="per_unit",
        tax_behavior="unspecified",
        metadata=parameters.get("metadata") or {},
    )
    sandbox.tell("price.created", price)
    return price


@route("GET", "/v1/products/<identity>/features")
def features(_sandbox: Sandbox, _parameters: Json, identity: str) -> Json:
    """A product's features: none."""
    url = f"/v1/products/{identity}/features"
    return {"object": "list", "url": url, "has_more": False, "data": []}


readable("product", "/v1/products", ["active"])
readable("price", "/v1/prices", ["active", "product"])
