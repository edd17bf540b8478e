"""The account's objects, and what Stripe says when one is missing."""

from pathlib import Path

from tiktoktoe.sandbox.core.errors import NotThere
from tiktoktoe.sandbox.core.schemas import Json
from tiktoktoe.sandbox.core.store import Search
from tiktoktoe.sandbox.core.store import Store as CoreStore
from tiktoktoe.sandbox.stripe.errors import ApiError

__all__ = ["Search", "Store"]

INDEXED = {
    "body": ("charge", "customer", "payment_intent", "source", "type"),
    "private": ("payout",),
}


class Store(CoreStore):
    """Objects, as Stripe keeps them."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, INDEXED)

    def get(self, identity: str, kind: str | None = None, *, param: str = "id") -> Json:
        """An object, to be read or changed.

        Raises:
            ApiError: 404, if there is none of this kind; it names the parameter.
        """
        try:
            return super().get(identity, kind)
        except NotThere as missing:
            raise ApiError(404, str(missing), code="resource_missing", param=param) from None
