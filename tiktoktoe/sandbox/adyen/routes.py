"""Which function answers which operation of the API."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tiktoktoe.sandbox.adyen.spec import path_pattern
from tiktoktoe.sandbox.core.schemas import Json

Handler = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Route:
    """An operation, as Adyen's document names it, and what answers it."""

    operation: str
    method: str
    pattern: Any
    handler: Handler


_routes: list[Route] = []


def route(method: str, path: str) -> Callable[[Handler], Handler]:
    """Let a function answer an operation; it is given the parts of the path in order."""

    def register(handler: Handler) -> Handler:
        _routes.append(Route(f"{method} {path}", method, path_pattern(path), handler))
        return handler

    return register


def find(method: str, path: str) -> tuple[Route, list[str]] | None:
    """The route of a request, and the parts of its path."""
    for known in _routes:
        match = known.pattern.fullmatch(path)
        if match and known.method == method:
            return known, list(match.groups())
    return None


def answered() -> set[str]:
    """Every operation that is answered."""
    return {known.operation for known in _routes}


def status_of(method: str, operation: str) -> int:
    """The status of an answer that is no refusal."""
    if method == "DELETE":
        return 204
    plain = ("POST /payments", "POST /payments/details")
    is_made = method == "POST" and operation not in plain and "DisputeService" not in operation
    return 201 if is_made else 200


def query_of(pairs: list[tuple[str, str]]) -> Json:
    """The parameters of a query."""
    return dict(pairs)
