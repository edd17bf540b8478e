"""Products and prices, as far as a mirror wants to read them."""

from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.routes import change, list_of, readable, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox
from tiktoktoe.sandbox.stripe.spec import Json

OF_PRODUCT = ("active", "description", "images", "metadata", "name", "unit_label", "url")


@route("POST", "/v1/products")
def create_product(sandbox: Sandbox, parameters: Json) -> Json:
    """Make a product."""
    given = {name: parameters[name] for name in OF_PRODUCT if name in parameters}
    product = sandbox.new(
        "product",
        id=parameters.get("id"),
        active=True,
        images=[],
        marketing_features=[],
        type="service",
        updated=sandbox.now(),
    )
    change(product, given)
    sandbox.tell("product.created", product)
    return product


@route("POST", "/v1/products/<identity>")
def update_product(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Change a product."""
    product = sandbox.store.get(identity, "product")
    change(product, {name: parameters[name] for name in OF_PRODUCT if name in parameters})
    product["updated"] = sandbox.now()
    sandbox.tell("product.updated", product)
    return product


@route("POST", "/v1/prices")
def create_price(sandbox: Sandbox, parameters: Json) -> Json:
    """Make a one-time price."""
    amount = parameters.get("unit_amount")
    if amount is None or parameters.get("recurring"):
        raise ApiError(400, "The sandbox has one-time prices with unit_amount.", param="recurring")
    price = sandbox.new(
        "price",
        product=sandbox.store.get(parameters["product"], "product")["id"],
        currency=parameters["currency"].lower(),
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
    return list_of([], f"/v1/products/{identity}/features")


readable("product", "/v1/products", ["active"])
readable("price", "/v1/prices", ["active", "product"])
