"""PayPal's OpenAPI documents, of orders and of events, where at hand; else checks of our own."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from tiktoktoe.sandbox.core.errors import ContractBroken
from tiktoktoe.sandbox.core.schemas import Json, Schemas
from tiktoktoe.sandbox.paypal.errors import ApiError

CONTRACTS = Path(__file__).resolve().parents[4] / "shared" / "contracts"
DOCUMENTS = ("paypal_orders_v2.json", "paypal_webhooks_v1.json")


class Spec:
    """What may be asked and answered about orders and events."""

    def __init__(self, documents: Sequence[Json]) -> None:
        self._checks = [_Checks(place, document) for place, document in enumerate(documents)]

    @property
    def is_vendors(self) -> bool:
        """Whether the vendor's documents are what is checked against."""
        return len(self._checks) == len(DOCUMENTS)

    def check_request(self, operation: str, body: Json) -> None:
        """Refuse a body that the document does not allow.

        Raises:
            ApiError: 400, with the field.
        """
        if operation == "POST /v2/checkout/orders" and not body.get("purchase_units"):
            raise ApiError(400, "purchase_units is required", issue="MISSING_REQUIRED_PARAMETER")
        for checks in self._checks:
            for place, problem in checks.of_request(operation, body):
                message = f"{place}: {problem[:200]}"
                raise ApiError(400, message, issue="INVALID_PARAMETER_SYNTAX")

    def check_answer(self, operation: str, status: int, body: Json) -> None:
        """Refuse an answer of our own that the document does not allow.

        Raises:
            ContractBroken: With the place and the reason.
        """
        for checks in self._checks:
            for place, message in checks.of_answer(operation, status, body):
                raise ContractBroken(f"{operation} {place}: {message[:300]}")

    def has(self, operation: str) -> bool:
        """Whether a document has an operation."""
        return any(checks.operation(operation) for checks in self._checks)


class _Checks:
    """One document, and its schemas."""

    def __init__(self, place: int, document: Json) -> None:
        self._paths: Json = document["paths"]
        uri = f"urn:paypal:{place}"
        self._schemas = Schemas(document, uri, ignored=frozenset({"readOnly"}), is_lenient=True)

    def operation(self, operation: str) -> Json:
        """What the document says of an operation; nothing if it does not have it."""
        method, _, path = operation.partition(" ")
        found: Json = self._paths.get(path, {}).get(method.lower(), {})
        return found

    def of_request(self, operation: str, body: Json) -> Iterator[tuple[str, str]]:
        """What is wrong with a request: where, and why."""
        content = self.operation(operation).get("requestBody", {}).get("content", {})
        return self._errors(f"{operation} request", content, body)

    def of_answer(self, operation: str, status: int, body: Json) -> Iterator[tuple[str, str]]:
        """What is wrong with an answer: where, and why."""
        answer = self.operation(operation).get("responses", {}).get(str(status), {})
        return self._errors(f"{operation} {status}", answer.get("content", {}), body)

    def _errors(self, key: str, content: Json, body: Json) -> Iterator[tuple[str, str]]:
        schema: Json = content.get("application/json", {}).get("schema", {})
        if not schema:
            return
        for error in self._schemas.errors(key, schema, body):
            yield "/".join(str(part) for part in error.instance_path), error.message


def load_spec(folder: Path = CONTRACTS) -> Spec:
    """The documents that a folder has."""
    files = [folder / name for name in DOCUMENTS]
    return Spec([msgspec.json.decode(file.read_bytes()) for file in files if file.is_file()])
