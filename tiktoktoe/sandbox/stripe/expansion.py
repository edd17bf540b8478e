"""`expand[]`: objects in the place of their ids.

Source: docs.stripe.com/api/expanding_objects: at most four levels deep.
"""

from collections.abc import Iterable
from typing import Any

from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.resources.lines import shown_lines
from tiktoktoe.sandbox.stripe.routes import list_of
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, snapshot
from tiktoktoe.sandbox.stripe.spec import Json
from tiktoktoe.sandbox.stripe.store import Search

DEPTH_MAX = 4
LISTS = frozenset({"list", "search_result"})
NEVER_ANY = frozenset({"sources", "subscriptions", "tax_ids"})


def expand(sandbox: Sandbox, body: Json, paths: Iterable[str]) -> None:
    """Expand an answer along paths such as `data.latest_charge.balance_transaction`.

    Raises:
        ApiError: 400, if something on a path cannot be expanded, or it is too long.
    """
    for path in paths:
        parts = path.split(".")
        if len(parts) > DEPTH_MAX + (parts[0] == "data"):
            raise ApiError(400, f"{path} is more than {DEPTH_MAX} levels deep.", param="expand")
        _expand(sandbox, body, parts, path)


def _expand(sandbox: Sandbox, body: Any, parts: list[str], path: str) -> None:
    if not parts or body is None:
        return
    if isinstance(body, list):
        for part in body:
            _expand(sandbox, part, parts, path)
        return
    name, *rest = parts
    if isinstance(body, dict) and (made := _included(sandbox, body, name)) is not None:
        body[name] = made
    if not isinstance(body, dict) or not _may_have(sandbox, body, name):
        raise ApiError(400, f"This cannot be expanded: {path}", param="expand")
    if name not in body:
        return
    found = sandbox.store.find(body[name])
    if found is not None:
        body[name] = snapshot(found)
    _expand(sandbox, body[name], rest, path)


def _may_have(sandbox: Sandbox, body: Json, name: str) -> bool:
    """Whether an object of this kind has such a property, if not always."""
    kind = str(body.get("object"))
    if kind in LISTS:
        return name in body
    schema = sandbox.spec.schemas.get(kind)
    return schema is None or name in schema["properties"]


def _included(sandbox: Sandbox, body: Json, name: str) -> Json | None:
    """Lists that an object only shows when it is asked to."""
    if body.get("object") == "customer" and name in NEVER_ANY:
        return list_of([], f"/v1/customers/{body['id']}/{name}")
    if (body.get("object"), name) == ("charge", "refunds"):
        of_charge = Search(equal={"charge": body["id"]})
        refunds = [snapshot(r) for r in sandbox.store.newest_first("refund", of_charge)]
        return list_of(refunds, f"/v1/charges/{body['id']}/refunds")
    if (body.get("object"), name) == ("checkout.session", "line_items"):
        path = f"/v1/checkout/sessions/{body['id']}/line_items"
        return list_of(shown_lines(sandbox, body), path)
    return None
