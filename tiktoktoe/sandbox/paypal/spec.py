"""PayPal's OpenAPI document of Orders v2, where it is at hand; else checks of our own."""

from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from tiktoktoe.sandbox.core.errors import ContractBroken
from tiktoktoe.sandbox.core.schemas import Json, Schemas
from tiktoktoe.sandbox.paypal.errors import ApiError

CONTRACTS = Path(__file__).resolve().parents[4] / "shared" / "contracts"
ORDERS = "paypal_orders_v2.json"


class Spec:
    """What may be asked and answered about orders."""

    def __init__(self, orders: Json | None) -> None:
        self.orders = orders

    @property
    def is_vendors(self) -> bool:
        """Whether the vendor's document is what is checked against."""
        return self.orders is not None

    def check_request(self, operation: str, body: Json) -> None:
        """Refuse a body that the document does not allow.

        Raises:
            ApiError: 400, with the field.
        """
        if operation == "POST /v2/checkout/orders" and not body.get("purchase_units"):
            raise ApiError(400, "purchase_units is required", issue="MISSING_REQUIRED_PARAMETER")
        found = self._operation(operation)
        schema = _schema(found.get("requestBody", {}).get("content", {}))
        if not schema:
            return
        for error in self._checks.errors(f"{operation} request", schema, body):
            place = "/".join(str(part) for part in error.instance_path)
            message = f"{place}: {error.message[:200]}"
            raise ApiError(400, message, issue="INVALID_PARAMETER_SYNTAX")

    def check_answer(self, operation: str, status: int, body: Json) -> None:
        """Refuse an answer of our own that the document does not allow.

        Raises:
            ContractBroken: With the place and the reason.
        """
        answer = self._operation(operation).get("responses", {}).get(str(status), {})
        schema = _schema(answer.get("content", {}))
        if not schema:
            return
        for error in self._checks.errors(f"{operation} {status}", schema, body):
            place = "/".join(str(part) for part in error.instance_path)
            raise ContractBroken(f"{operation} {place}: {error.message[:300]}")

    def has(self, operation: str) -> bool:
        """Whether the document has an operation."""
        return bool(self._operation(operation))

    def _operation(self, operation: str) -> Json:
        method, _, path = operation.partition(" ")
        paths: Json = self.orders["paths"] if self.orders is not None else {}
        found: Json = paths.get(path, {}).get(method.lower(), {})
        return found

    @cached_property
    def _checks(self) -> Schemas:
        assert self.orders is not None
        return Schemas(self.orders, "urn:orders", ignored=frozenset({"readOnly"}), is_lenient=True)


def load_spec(folder: Path = CONTRACTS) -> Spec:
    """The document of a folder, if it has it."""
    file = folder / ORDERS
    return Spec(msgspec.json.decode(file.read_bytes()) if file.is_file() else None)


def _schema(content: Any) -> Json:
    schema: Json = content.get("application/json", {}).get("schema", {})
    return schema
