"""Which function answers which request."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from tiktoktoe.sandbox.stripe.sandbox import Sandbox
from tiktoktoe.sandbox.stripe.spec import Json

Handler = Callable[..., Json]
_routes: list[tuple[str, re.Pattern[str], Handler]] = []
PAGE_SIZE = 10
RANGES = {"gt": int.__gt__, "gte": int.__ge__, "lt": int.__lt__, "lte": int.__le__}


def route(method: str, path: str) -> Callable[[Handler], Handler]:
    """Let a function answer a path; `<name>` is a part that it is given."""
    pattern = re.compile("^" + re.sub(r"<(\w+)>", r"(?P<\1>[^/]+)", path) + "$")

    def register(handler: Handler) -> Handler:
        _routes.append((method, pattern, handler))
        return handler

    return register


def find(method: str, path: str) -> tuple[Handler, dict[str, str]] | None:
    """The function for a request, and the parts of its path."""
    for known, pattern, handler in _routes:
        match = pattern.match(path)
        if known == method and match:
            return handler, match.groupdict()
    return None


def readable(kind: str, path: str, filters: Iterable[str] = ()) -> None:
    """Let objects of a kind be read one by one and listed, filtered by equal fields."""
    names = tuple(filters)

    @route("GET", f"{path}/<identity>")
    def read(sandbox: Sandbox, _parameters: Json, identity: str) -> Json:
        return sandbox.store.get(identity, kind)

    @route("GET", path)
    def listed(sandbox: Sandbox, parameters: Json) -> Json:
        wanted = {n: parameters[n] for n in names if parameters.get(n) is not None}
        return listing(
            sandbox,
            kind,
            path,
            parameters,
            lambda body: all(_plain(body.get(n)) == value for n, value in wanted.items()),
        )


def listing(
    sandbox: Sandbox,
    kind: str,
    path: str,
    parameters: Json,
    fits: Callable[[Json], bool],
) -> Json:
    """A page of a list, newest first, with Stripe's cursors and ranges of `created`."""
    created = parameters.get("created")
    rows = [
        body
        for body in sandbox.store.newest_first(kind, fits)
        if _in_range(int(body.get("created", 0)), created)
    ]
    ids = [body["id"] for body in rows]
    limit = int(parameters.get("limit", PAGE_SIZE))
    if parameters.get("ending_before") in ids:
        end = ids.index(parameters["ending_before"])
        page, has_more = rows[max(end - limit, 0) : end], end > limit
    else:
        after = parameters.get("starting_after")
        start = ids.index(after) + 1 if after in ids else 0
        page, has_more = rows[start : start + limit], len(rows) > start + limit
    return {"object": "list", "url": path, "has_more": has_more, "data": page}


def change(body: Json, parameters: Json) -> None:
    """Set given fields; metadata are merged, and one set to nothing is removed."""
    metadata = parameters.pop("metadata", None)
    if isinstance(metadata, dict):
        merged = {**body.get("metadata", {}), **metadata}
        body["metadata"] = {name: value for name, value in merged.items() if value != ""}
    body.update(parameters)


def _in_range(created: int, wanted: Any) -> bool:
    if wanted is None:
        return True
    if not isinstance(wanted, dict):
        return created == int(wanted)
    return all(RANGES[name](created, int(bound)) for name, bound in wanted.items())


def _plain(value: Any) -> Any:
    return value["id"] if isinstance(value, dict) and "id" in value else value
