"""The business account that is simulated: its objects, what is due, what it tells."""

import hashlib
import hmac
import string
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tiktoktoe.sandbox.core.account import Account, random_text, snapshot
from tiktoktoe.sandbox.core.errors import NotThere
from tiktoktoe.sandbox.core.schemas import Json
from tiktoktoe.sandbox.core.store import Store as CoreStore
from tiktoktoe.sandbox.paypal.errors import ApiError
from tiktoktoe.sandbox.paypal.spec import Spec

LETTERS = string.ascii_uppercase + string.digits
ENDPOINT = "endpoint"
INDEXED = {"body": ("customer", "capture"), "private": ()}
SIGNING_KEY = b"the sandbox's own; only it verifies"
Action = Callable[[Any, Json], None]
_actions: dict[str, Action] = {}


def action(name: str) -> Callable[[Action], Action]:
    """Let a function do what is planned under a name."""

    def register(function: Action) -> Action:
        _actions[name] = function
        return function

    return register


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Where events are sent, and the endpoint's id."""

    webhook: str
    webhook_id: str


class Store(CoreStore):
    """Objects, as PayPal keeps them."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, INDEXED)

    def get(self, identity: str, kind: str | None = None) -> Json:
        """An object, to be read or changed.

        Raises:
            ApiError: 404, if there is none of this kind.
        """
        try:
            return super().get(identity, kind)
        except NotThere:
            message = "The specified resource does not exist."
            raise ApiError(404, message, issue="INVALID_RESOURCE_ID") from None


class Business(Account):
    """All state, behind one lock."""

    actions = _actions

    def __init__(self, spec: Spec, data_dir: Path, address: str, terms: Terms) -> None:
        super().__init__(Store(data_dir / "business.sqlite3"), address)
        self.spec = spec
        self.terms = terms

    def new(self, kind: str, **fields: object) -> Json:
        """Make and remember an object."""
        identity = random_text(17, LETTERS)
        return self.store.add({"object": kind, "id": identity, "created": self.now(), **fields})

    def at(self, moment: int | None = None) -> str:
        """A time, as PayPal writes it."""
        return datetime.fromtimestamp(moment or self.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def links(self, path: str, *, rel: str = "self", method: str = "GET") -> list[Json]:
        """Where to go on from an object."""
        return [{"href": f"{self.address}{path}", "rel": rel, "method": method}]

    def tell(self, name: str, kind: str, resource: Json) -> None:
        """Note what happened; it is sent when the change of state lasts."""
        identity = f"WH-{random_text(17, LETTERS)}"
        path = f"/v1/notifications/webhooks-events/{identity}"
        event = {
            "id": identity,
            "event_version": "1.0",
            "create_time": self.at(),
            "resource_type": kind,
            "resource_version": "2.0",
            "event_type": name,
            "summary": name,
            "resource": snapshot(resource),
            "links": [
                *self.links(path),
                *self.links(f"{path}/resend", rel="resend", method="POST"),
            ],
        }
        kept = self.new("event", event=event)
        if self.terms.webhook:
            self.outbox.add(kept["id"], ENDPOINT, time.time())


def signature(content: bytes, transmission: str, at: str, webhook_id: str) -> str:
    """How the sandbox signs; nobody but its own verify operation can tell.

    The real one signs with a certificate's key, over the id, the time, the endpoint's id and a
    checksum of the content (developer.paypal.com/api/rest/webhooks/rest).
    """
    digest = hashlib.sha256(content).hexdigest()
    signed = f"{transmission}|{at}|{webhook_id}|{digest}".encode()
    return "S" + hmac.new(SIGNING_KEY, signed, hashlib.sha256).hexdigest()
