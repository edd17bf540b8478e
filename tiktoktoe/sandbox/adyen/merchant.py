"""The merchant account that is simulated: payments, links, tokens, and what it is told."""

import string
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tiktoktoe.sandbox.adyen.errors import ApiError
from tiktoktoe.sandbox.adyen.spec import Spec
from tiktoktoe.sandbox.core.account import Account, random_text
from tiktoktoe.sandbox.core.errors import NotThere
from tiktoktoe.sandbox.core.schemas import Json
from tiktoktoe.sandbox.core.store import Store as CoreStore

PSP_LETTERS = string.ascii_uppercase + string.digits
ENDPOINT = "endpoint"
INDEXED = {"body": ("merchantReference", "payment", "shopperReference"), "private": ()}
Work = Callable[["Merchant", Json], None]
_actions: dict[str, Work] = {}


def action(name: str) -> Callable[[Work], Work]:
    """Let a function do what is planned under a name."""

    def register(work: Work) -> Work:
        _actions[name] = work
        return work

    return register


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is agreed in the Customer Area: the account's name, and where it is told what."""

    merchant: str
    hmac_key: str
    webhook: str


class Store(CoreStore):
    """Objects, as Adyen keeps them."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, INDEXED)

    def get(self, identity: str, kind: str | None = None) -> Json:
        """An object, to be read or changed.

        Raises:
            ApiError: 422, if there is none of this kind.
        """
        try:
            return super().get(identity, kind)
        except NotThere:
            raise ApiError(422, "Original pspReference required", code="167") from None


class Merchant(Account):
    """All state, behind one lock."""

    actions = _actions

    def __init__(self, spec: Spec, data_dir: Path, address: str, terms: Terms) -> None:
        super().__init__(Store(data_dir / "merchant.sqlite3"), address)
        self.spec = spec
        self.terms = terms
        self.delay_seconds = 0

    def new(self, kind: str, identity: str = "", **fields: object) -> Json:
        """Make and remember an object."""
        body = {"object": kind, "id": identity or self.psp_reference(), "created": self.now()}
        return self.store.add({**body, **fields})

    def psp_reference(self) -> str:
        """A new reference: sixteen capitals and digits."""
        return random_text(16, PSP_LETTERS)

    def at(self, moment: int | None = None) -> str:
        """A time, as Adyen writes it."""
        return datetime.fromtimestamp(moment or self.now(), UTC).isoformat()

    def tell(self, code: str, *, about: Json, is_success: bool = True, **fields: object) -> None:
        """Note what happened; it is sent when the change of state lasts.

        Args:
            about: The payment or modification: its id, merchantReference, amount.

        Raises:
            ContractBroken: If Adyen would not tell it so.
        """
        item = {
            "eventCode": code,
            "success": "true" if is_success else "false",
            "eventDate": self.at(),
            "merchantAccountCode": self.terms.merchant,
            "pspReference": about["id"],
            "merchantReference": about["merchantReference"],
            "amount": about["amount"],
            **{name: value for name, value in fields.items() if value is not None},
        }
        self.spec.check_notification(item)
        event = self.new("event", item=item)
        if self.terms.webhook:
            self.outbox.add(event["id"], ENDPOINT, time.time())

    def tell_of_token(self, name: str, token: Json) -> None:
        """Note what became of a stored card; it is told by a webhook of another kind."""
        told = {
            "createdAt": self.at(),
            "environment": "test",
            "eventId": self.psp_reference(),
            "type": name,
            "version": "1",
            "data": {
                "merchantAccount": self.terms.merchant,
                "operation": "Recurring renewal",
                "shopperReference": token["shopperReference"],
                "storedPaymentMethodId": token["id"],
                "type": "scheme",
            },
        }
        event = self.new("event", token=told)
        if self.terms.webhook:
            self.outbox.add(event["id"], ENDPOINT, time.time())

    def carry_out(self, name: str, body: Json) -> None:
        """Do something now, or after the delay that was asked for."""
        if self.delay_seconds:
            self.plan(name, body, self.now() + self.delay_seconds)
        else:
            _actions[name](self, body)

    def open(self) -> None:
        """There is nothing from the start."""
        self.delay_seconds = 0
