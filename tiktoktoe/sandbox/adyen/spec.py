"""Adyen's OpenAPI documents, where they are at hand; else a few checks of our own.

The documents are no part of the product. They are looked for beside the repository, in
../shared/contracts, as their publisher names them.
"""

import re
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from tiktoktoe.sandbox.adyen.errors import ApiError
from tiktoktoe.sandbox.core.errors import ContractBroken
from tiktoktoe.sandbox.core.schemas import Json, Schemas

CONTRACTS = Path(__file__).resolve().parents[4] / "shared" / "contracts"
CHECKOUT = "adyen_checkout_v72.json"
WEBHOOKS = "adyen_webhooks_v1.json"
VERSION = "v72"
DISPUTES = "DisputeService"  # its document is not at hand: only needed fields are checked
NEEDED = {
    "POST /payments": ("amount", "merchantAccount", "paymentMethod", "reference", "returnUrl"),
    "POST /payments/details": ("details",),
    "POST /paymentLinks": ("amount", "merchantAccount", "reference"),
    "PATCH /paymentLinks/{linkId}": ("status",),
    "POST /payments/{paymentPspReference}/captures": ("amount", "merchantAccount"),
    "POST /payments/{paymentPspReference}/refunds": ("amount", "merchantAccount"),
    "POST /payments/{paymentPspReference}/cancels": ("merchantAccount",),
    "POST /payments/{paymentPspReference}/reversals": ("merchantAccount",),
    **dict.fromkeys(
        (
            "POST /ca/services/DisputeService/v30/acceptDispute",
            "POST /ca/services/DisputeService/v30/retrieveApplicableDefenseReasons",
        ),
        ("disputePspReference", "merchantAccountCode"),
    ),
    "POST /ca/services/DisputeService/v30/defendDispute": (
        "defenseReasonCode",
        "disputePspReference",
        "merchantAccountCode",
    ),
    "POST /ca/services/DisputeService/v30/supplyDefenseDocument": (
        "defenseDocuments",
        "disputePspReference",
        "merchantAccountCode",
    ),
    "POST /cancels": ("merchantAccount", "paymentReference"),
}


class Spec:
    """What may be asked, answered and notified."""

    def __init__(self, checkout: Json | None, webhooks: Json | None) -> None:
        self.checkout = checkout
        self.webhooks = webhooks

    @property
    def is_vendors(self) -> bool:
        """Whether the vendor's documents are what is checked against."""
        return self.checkout is not None and self.webhooks is not None

    def check_request(self, operation: str, body: Json) -> None:
        """Refuse a body that the document does not allow.

        Raises:
            ApiError: 422, with the field.
        """
        for name in NEEDED.get(operation, ()):
            if body.get(name) in (None, ""):
                raise ApiError(422, f"Required field '{name}' is not provided.", code="702")
        if self.checkout is None or DISPUTES in operation:
            return
        schema = self._operation(operation).get("requestBody", {}).get("content", {})
        for error in self._asked.errors(f"{operation} request", _schema(schema), body):
            place = ".".join(str(part) for part in error.instance_path)
            raise ApiError(422, f"Invalid {place or 'body'}: {error.message[:200]}", code="702")

    def check_answer(self, operation: str, status: int, body: Json) -> None:
        """Refuse an answer of our own that the document does not allow.

        Raises:
            ContractBroken: With the place and the reason.
        """
        if self.checkout is None or DISPUTES in operation:
            return
        content = self._operation(operation)["responses"][str(status)].get("content", {})
        for error in self._asked.errors(f"{operation} {status}", _schema(content), body):
            place = "/".join(str(part) for part in error.instance_path)
            raise ContractBroken(f"{operation} {place}: {error.message[:300]}")

    def check_notification(self, item: Json) -> None:
        """Refuse an event of our own that the document does not allow, before it is signed.

        Where the signature goes is not in every event's schema.

        Raises:
            ContractBroken: With the place and the reason.
        """
        if self.webhooks is None:
            return
        code = item["eventCode"]
        body = {"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}
        paths = self.webhooks.get("webhooks") or self.webhooks["x-webhooks"]
        schema = _schema(paths[f"/{code}"]["post"]["requestBody"]["content"])
        for error in self._told.errors(code, schema, body):
            place = "/".join(str(part) for part in error.instance_path)
            raise ContractBroken(f"{code} {place}: {error.message[:300]}")

    def has(self, operation: str) -> bool:
        """Whether the document has an operation; without one, whatever we have."""
        if self.checkout is None or DISPUTES in operation:
            return True
        method, _, path = operation.partition(" ")
        return method.lower() in self.checkout["paths"].get(path, {})

    def _operation(self, operation: str) -> Json:
        assert self.checkout is not None
        method, _, path = operation.partition(" ")
        found: Json = self.checkout["paths"][path][method.lower()]
        return found

    @cached_property
    def _asked(self) -> Schemas:
        assert self.checkout is not None
        return Schemas(self.checkout, "urn:checkout", ignored=frozenset(), is_lenient=True)

    @cached_property
    def _told(self) -> Schemas:
        assert self.webhooks is not None
        return Schemas(self.webhooks, "urn:webhooks", ignored=frozenset(), is_lenient=True)


def load_spec(folder: Path = CONTRACTS) -> Spec:
    """The documents of a folder, as far as it has them."""
    return Spec(_read(folder / CHECKOUT), _read(folder / WEBHOOKS))


def path_pattern(path: str) -> "re.Pattern[str]":
    """What matches a path of the document; its parts are named."""
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))


def _read(file: Path) -> Json | None:
    if not file.is_file():
        return None
    document: Json = msgspec.json.decode(file.read_bytes())
    return document


def _schema(content: Any) -> Json:
    schema: Json = content.get("application/json", {}).get("schema", {})
    return schema
