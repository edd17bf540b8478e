"""What a mirror asks for and this account does not have: lists that are always empty.

Subscriptions, invoices and the like exist here only as that: the shop bills by itself.
"""

from tiktoktoe.sandbox.stripe.routes import list_of, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox
from tiktoktoe.sandbox.stripe.spec import Json

EMPTY = (
    "/v1/coupons",
    "/v1/invoices",
    "/v1/payment_links",
    "/v1/plans",
    "/v1/shipping_rates",
    "/v1/subscriptions",
    "/v1/tax_rates",
    "/v1/transfers",
)


def _always_empty(path: str) -> None:
    @route("GET", path)
    def listed(_sandbox: Sandbox, _parameters: Json) -> Json:
        return list_of([], path)


for each in EMPTY:
    _always_empty(each)
