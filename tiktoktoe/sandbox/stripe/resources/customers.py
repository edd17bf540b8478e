"""Customers."""

from tiktoktoe.sandbox.stripe.resources.payment_methods import attach, method_of
from tiktoktoe.sandbox.stripe.routes import change, readable, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, random_text
from tiktoktoe.sandbox.stripe.spec import Json

PATH = "/v1/customers"


@route("POST", PATH)
def create(sandbox: Sandbox, parameters: Json) -> Json:
    """Make a customer."""
    method = parameters.pop("payment_method", None)
    settings = parameters.pop("invoice_settings", {})
    customer = sandbox.new(
        "customer",
        balance=0,
        invoice_prefix=random_text(8).upper(),
        next_invoice_sequence=1,
        preferred_locales=[],
        tax_exempt=parameters.pop("tax_exempt", "none"),
        invoice_settings={
            **sandbox.spec.skeleton("invoice_setting_customer_setting"),
            **settings,
        },
    )
    change(customer, parameters)
    if method:
        attach(sandbox, method_of(sandbox, method), customer["id"])
    sandbox.tell("customer.created", customer)
    return customer


@route("POST", f"{PATH}/<identity>")
def update(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Change a customer."""
    customer = sandbox.store.get(identity, "customer")
    customer["invoice_settings"] |= parameters.pop("invoice_settings", {})
    change(customer, parameters)
    sandbox.store.touch(customer)
    sandbox.tell("customer.updated", customer)
    return customer


@route("GET", f"{PATH}/<identity>/payment_methods")
def methods(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """The methods that a customer has stored."""
    kind = parameters.get("type")
    data = [
        method
        for method in sandbox.store.newest_first("payment_method")
        if method["customer"] == identity and kind in {None, method["type"]}
    ]
    url = f"{PATH}/{identity}/payment_methods"
    return {"object": "list", "url": url, "has_more": False, "data": data}


@route("GET", f"{PATH}/<identity>/sources")
def sources(_sandbox: Sandbox, _parameters: Json, identity: str) -> Json:
    """Old-style sources: none."""
    return {
        "object": "list",
        "url": f"{PATH}/{identity}/sources",
        "has_more": False,
        "data": [],
    }


readable("customer", PATH, ["email"])
