"""Which function answers which operation; `<id>` is the part that it is given."""

import re
from collections.abc import Callable
from typing import Any

Handler = Callable[..., Any]
_routes: list[tuple[str, str, Handler]] = []


def route(method: str, path: str) -> Callable[[Handler], Handler]:
    """Let a function answer an operation."""

    def register(handler: Handler) -> Handler:
        _routes.append((method, path, handler))
        return handler

    return register


def find(method: str, path: str) -> tuple[str, Handler, list[str]] | None:
    """The operation of a request, what answers it, and the parts of its path."""
    for known, pattern, handler in _routes:
        match = re.fullmatch(pattern.replace("<id>", "([^/]+)"), path)
        if match and known == method:
            return f"{method} {pattern.replace('<id>', '{id}')}", handler, list(match.groups())
    return None


def answered() -> set[str]:
    """Every operation that is answered."""
    return {f"{method} {path.replace('<id>', '{id}')}" for method, path, _ in _routes}
