"""Customers."""

from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.resources.payment_methods import attach, detach, method_of
from tiktoktoe.sandbox.stripe.routes import change, list_of, listing, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, random_text
from tiktoktoe.sandbox.stripe.spec import Json
from tiktoktoe.sandbox.stripe.store import Search

PATH = "/v1/customers"
OWN_FIELDS = (
    *("address", "description", "email", "metadata", "name", "phone", "preferred_locales"),
    *("shipping", "tax_exempt", "invoice_prefix", "business_name", "individual_name"),
)


@route("POST", PATH)
def create(sandbox: Sandbox, parameters: Json) -> Json:
    """Make a customer."""
    customer = sandbox.new(
        "customer",
        balance=0,
        invoice_prefix=random_text(8).upper(),
        next_invoice_sequence=1,
        preferred_locales=[],
        tax_exempt="none",
        invoice_settings=sandbox.spec.skeleton("invoice_setting_customer_setting"),
    )
    _set(sandbox, customer, parameters)
    if parameters.get("payment_method"):
        attach(sandbox, method_of(sandbox, parameters["payment_method"]), customer["id"])
    sandbox.tell("customer.created", customer)
    return customer


@route("GET", f"{PATH}/<identity>")
def read(sandbox: Sandbox, _parameters: Json, identity: str) -> Json:
    """A customer; of a deleted one, that it is."""
    customer = sandbox.store.get(identity, "customer")
    is_deleted = sandbox.store.private(identity).get("is_deleted")
    return _deleted(identity) if is_deleted else customer


@route("POST", f"{PATH}/<identity>")
def update(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Change a customer."""
    customer = living_customer(sandbox, identity)
    _set(sandbox, customer, parameters)
    sandbox.tell("customer.updated", customer)
    return customer


@route("DELETE", f"{PATH}/<identity>")
def delete(sandbox: Sandbox, _parameters: Json, identity: str) -> Json:
    """Forget a customer and what it has stored; its payments stay."""
    customer = living_customer(sandbox, identity)
    owned = Search(equal={"customer": identity})
    for method in list(sandbox.store.newest_first("payment_method", owned)):
        detach(sandbox, method)
    sandbox.store.private(identity)["is_deleted"] = True
    sandbox.tell("customer.deleted", customer)
    return _deleted(identity)


@route("GET", PATH)
def listed(sandbox: Sandbox, parameters: Json) -> Json:
    """Customers that are not deleted."""
    equal = {"email": parameters["email"]} if parameters.get("email") else {}

    def lives(body: Json) -> bool:
        return not sandbox.store.private(body["id"]).get("is_deleted")

    return listing(sandbox, "customer", PATH, parameters, equal=equal, fits=lives)


@route("GET", f"{PATH}/<identity>/payment_methods")
def methods(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """The methods that a customer has stored."""
    equal = {"customer": living_customer(sandbox, identity)["id"]}
    if parameters.get("type"):
        equal["type"] = parameters["type"]
    path = f"{PATH}/{identity}/payment_methods"
    return listing(sandbox, "payment_method", path, parameters, equal=equal)


@route("GET", f"{PATH}/<identity>/sources")
def sources(_sandbox: Sandbox, _parameters: Json, identity: str) -> Json:
    """Old-style sources: none."""
    return list_of([], f"{PATH}/{identity}/sources")


def living_customer(sandbox: Sandbox, identity: str) -> Json:
    """A customer that is not deleted.

    Raises:
        ApiError: 404, if there is none.
    """
    customer = sandbox.store.get(identity, "customer", param="customer")
    if sandbox.store.private(identity).get("is_deleted"):
        message = f"No such customer: '{identity}'; it was deleted."
        raise ApiError(404, message, code="resource_missing", param="customer")
    return customer


def _set(sandbox: Sandbox, customer: Json, parameters: Json) -> None:
    change(customer, {name: parameters[name] for name in OWN_FIELDS if name in parameters})
    settings = parameters.get("invoice_settings") or {}
    chosen = settings.get("default_payment_method")
    if chosen and sandbox.store.get(chosen)["customer"] != customer["id"]:
        message = "The customer does not have this payment method."
        raise ApiError(400, message, param="invoice_settings[default_payment_method]")
    customer["invoice_settings"] |= settings


def _deleted(identity: str) -> Json:
    return {"id": identity, "object": "customer", "deleted": True}
