"""Which function answers which request, and how lists are read."""

import re
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.sandbox import Sandbox
from tiktoktoe.sandbox.stripe.spec import Json
from tiktoktoe.sandbox.stripe.store import Search

Handler = Callable[..., Json]
_routes: dict[tuple[str, int], list[tuple[re.Pattern[str], Handler]]] = {}
PART = re.compile(r"\(\?P<\w+>\[\^/\]\+\)")
PAGE_SIZE = 10
PAGE_SIZE_MAX = 100


def route(method: str, path: str) -> Callable[[Handler], Handler]:
    """Let a function answer a path; `<name>` is a part that it is given. The first one wins."""
    pattern = re.compile(re.sub(r"<(\w+)>", r"(?P<\1>[^/]+)", path))

    def register(handler: Handler) -> Handler:
        known = _routes.setdefault((method, path.count("/")), [])
        known.append((pattern, handler))
        # A path without parts comes first: /search is not the object called "search".
        known.sort(key=lambda row: "(" in row[0].pattern)
        return handler

    return register


def find(method: str, path: str) -> tuple[Handler, dict[str, str]] | None:
    """The function for a request, and the parts of its path."""
    for pattern, handler in _routes.get((method, path.count("/")), ()):
        if match := pattern.fullmatch(path):
            return handler, match.groupdict()
    return None


def answered() -> set[str]:
    """Every "METHOD /path" that is answered; `{}` stands for a part of the path."""
    return {
        f"{method} {PART.sub('{}', pattern.pattern)}"
        for (method, _), patterns in _routes.items()
        for pattern, _ in patterns
    }


def readable(kind: str, path: str, filters: Iterable[str] = ()) -> None:
    """Let objects of a kind be read one by one and listed, filtered by equal fields.

    What is registered for these paths before stays.
    """
    names = tuple(filters)

    @route("GET", f"{path}/<identity>")
    def read(sandbox: Sandbox, _parameters: Json, identity: str) -> Json:
        return sandbox.store.get(identity, kind)

    @route("GET", path)
    def listed(sandbox: Sandbox, parameters: Json) -> Json:
        equal = {n: parameters[n] for n in names if parameters.get(n) is not None}
        return listing(sandbox, kind, path, parameters, equal=equal)


def listing(
    sandbox: Sandbox,
    kind: str,
    path: str,
    parameters: Json,
    *,
    equal: Json | None = None,
    private: Json | None = None,
    fits: Callable[[Json], bool] = lambda _body: True,
) -> Json:
    """A page of a list, newest first, with Stripe's cursors and ranges of `created`."""
    limit = parameters.get("limit", PAGE_SIZE)
    if not 1 <= limit <= PAGE_SIZE_MAX:
        raise ApiError(400, f"A page has 1 to {PAGE_SIZE_MAX} objects.", param="limit")
    before = parameters.get("ending_before")
    for name in ("starting_after", "ending_before"):
        if parameters.get(name):
            sandbox.store.get(parameters[name], kind, param=name)
    search = Search(
        equal=equal or {},
        private=private or {},
        created=_bounds(parameters.get("created")),
        fits=fits,
        beyond=before or parameters.get("starting_after"),
        is_oldest_first=bool(before),
    )
    rows = list(islice(sandbox.store.newest_first(kind, search), limit + 1))
    page = rows[:limit]
    return list_of(page[::-1] if before else page, path, has_more=len(rows) > limit)


def list_of(rows: list[Json], path: str, *, has_more: bool = False) -> Json:
    """A list, as the API shows it."""
    return {"object": "list", "url": path, "has_more": has_more, "data": rows}


def change(body: Json, parameters: Json) -> None:
    """Set given fields; metadata are merged, and one set to nothing is removed."""
    given = dict(parameters)
    metadata = given.pop("metadata", None)
    if isinstance(metadata, dict):
        merged = {**(body.get("metadata") or {}), **metadata}
        body["metadata"] = {name: value for name, value in merged.items() if value != ""}
    elif metadata == "":
        body["metadata"] = {}
    body.update({name: None if value == "" else value for name, value in given.items()})


def _bounds(created: Any) -> dict[str, int]:
    if created is None:
        return {}
    if isinstance(created, dict):
        return {name: int(bound) for name, bound in created.items()}
    return {"gte": int(created), "lte": int(created)}
