"""Schemas of an OpenAPI 3 document as JSON Schema, and validators of them."""

from functools import cached_property
from typing import Any

import jsonschema_rs

Json = dict[str, Any]
NOT_JSON_SCHEMA = frozenset({"nullable", "format", "title", "description", "discriminator"})


class Schemas:
    """The schemas of a document, ready to check values.

    Attributes:
        ignored: Words of the document that mean nothing to JSON Schema.
        is_lenient: Whether `oneOf` is held for `anyOf`: a document that gives several shapes
            for a value tells by a word of its own which is meant, not by excluding the others.
    """

    def __init__(
        self, document: Json, uri: str, *, ignored: frozenset[str], is_lenient: bool = False
    ) -> None:
        self._named: Json = document["components"]["schemas"]
        self._uri = uri
        self._ignored = NOT_JSON_SCHEMA | ignored
        self._is_lenient = is_lenient
        self._validators: dict[str, Any] = {}

    def errors(self, key: str, schema: Any, value: Any) -> Any:
        """What is wrong with a value; the validator is kept under a key."""
        if key not in self._validators:
            made = jsonschema_rs.Draft202012Validator(self._plain(schema), registry=self._registry)
            self._validators[key] = made
        return self._validators[key].iter_errors(value)

    @cached_property
    def _registry(self) -> Any:
        schemas = {name: self._plain(body) for name, body in self._named.items()}
        return jsonschema_rs.Registry([(self._uri, {"components": {"schemas": schemas}})])

    def _plain(self, schema: Any) -> Any:
        """A schema without OpenAPI's own words; `nullable` becomes a choice."""
        if isinstance(schema, list):
            return [self._plain(part) for part in schema]
        if not isinstance(schema, dict):
            return schema
        if "$ref" in schema:
            made: Json = {"$ref": schema["$ref"].replace("#", f"{self._uri}#", 1)}
        else:
            made = {
                self._word(name): {key: self._plain(part) for key, part in value.items()}
                if name == "properties"
                else self._plain(value)
                for name, value in schema.items()
                if name not in self._ignored and not name.startswith("x-")
            }
        return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") else made

    def _word(self, name: str) -> str:
        return "anyOf" if name == "oneOf" and self._is_lenient else name
