"""Form parameters as Stripe's clients send them: `a[b][0]=c`, typed by the operation's schema."""

import re
from collections.abc import Iterable
from typing import Any

from tiktoktoe.sandbox.stripe.spec import Json, Spec

WHOLE = re.compile(r"-?\d+")
NUMBER = re.compile(r"-?\d+(\.\d+)?")
TRUTHS = {"true": True, "false": False, "True": True, "False": False}


def nested(pairs: Iterable[tuple[str, str]]) -> Json:
    """The tree that bracketed names mean; arrays are still objects with numbers as names."""
    tree: Json = {}
    for name, value in pairs:
        parts = re.findall(r"[^\[\]]+|\[\]", name)
        branch = tree
        for depth, part in enumerate(parts):
            key = str(len(branch)) if part == "[]" else part
            if depth == len(parts) - 1:
                branch[key] = value
            else:
                branch = branch.setdefault(key, {})
    return tree


def typed(value: Any, schema: Any, spec: Spec) -> Any:
    """A value as its schema wants it: numbers, truths and arrays come as text."""
    shape = spec.resolved(schema)
    if "anyOf" in shape:
        return _first_that_fits(value, shape["anyOf"], spec)
    kind = shape.get("type")
    if isinstance(value, str):
        return _scalar(value, kind)
    if kind == "object" and isinstance(value, dict):
        rest = shape.get("additionalProperties")
        fallback = rest if isinstance(rest, dict) else {}
        properties = shape.get("properties", {})
        return {k: typed(v, properties.get(k, fallback), spec) for k, v in value.items()}
    if kind == "array" and isinstance(value, dict) and all(key.isdigit() for key in value):
        return [typed(value[key], shape.get("items", {}), spec) for key in sorted(value, key=int)]
    return value


def _first_that_fits(value: Any, choices: list[Any], spec: Spec) -> Any:
    shapes = [spec.resolved(choice) for choice in choices]
    if isinstance(value, dict):
        wanted = "array" if value and all(key.isdigit() for key in value) else "object"
        for shape in shapes:
            if shape.get("type") == wanted:
                return typed(value, shape, spec)
        return value
    if any(value in shape.get("enum", []) for shape in shapes):
        return value
    for shape in shapes:
        made = typed(value, shape, spec)
        if not isinstance(made, str):
            return made
    return value


def _scalar(value: str, kind: str | None) -> Any:
    if kind == "integer" and WHOLE.fullmatch(value):
        return int(value)
    if kind == "number" and NUMBER.fullmatch(value):
        return float(value)
    if kind == "boolean":
        return TRUTHS.get(value, value)
    return value
