"""The account that is simulated: its objects, its clock, what is due, what it tells the world."""

import logging
import secrets
import string
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec

from tiktoktoe.sandbox.stripe.agenda import Agenda, Due
from tiktoktoe.sandbox.stripe.clock import Clock
from tiktoktoe.sandbox.stripe.outbox import Outbox
from tiktoktoe.sandbox.stripe.spec import Json, Spec
from tiktoktoe.sandbox.stripe.store import Search, Store

logger = logging.getLogger(__name__)
LETTERS = string.ascii_letters + string.digits
ACCOUNT_ID = "acct_sandbox0000001"
PREFIXES = {
    "balance_transaction": "txn_",
    "charge": "ch_",
    "checkout.session": "cs_test_",
    "customer": "cus_",
    "dispute": "dp_",
    "event": "evt_",
    "item": "li_",
    "payment_intent": "pi_",
    "payment_method": "pm_",
    "payout": "po_",
    "price": "price_",
    "product": "prod_",
    "refund": "re_",
    "setup_intent": "seti_",
    "webhook_endpoint": "we_",
}
Work = Callable[["Sandbox", Json], None]
_actions: dict[str, Work] = {}
_listeners: dict[str, list[Work]] = {}


def action(name: str) -> Callable[[Work], Work]:
    """Let a function do what is planned under a name."""

    def register(work: Work) -> Work:
        _actions[name] = work
        return work

    return register


def listens(*event_types: str) -> Callable[[Work], Work]:
    """Let a function follow an event at once, as part of the same change of state."""

    def register(work: Work) -> Work:
        for event_type in event_types:
            _listeners.setdefault(event_type, []).append(work)
        return work

    return register


class Sandbox:
    """All state, behind one lock: a change of state is seen whole or not at all."""

    def __init__(self, spec: Spec, data_dir: Path, address: str) -> None:
        self.spec = spec
        self.address = address
        self.store = Store(data_dir / "account.sqlite3")
        self.agenda = Agenda(self.store)
        self.outbox = Outbox(self.store)
        self.clock = Clock(self.store)
        self.lock = threading.RLock()
        self.request: Json = {"id": None, "idempotency_key": None}
        if self.store.find(ACCOUNT_ID) is None:
            self._open_account()

    def now(self) -> int:
        """The sandbox's time, in seconds."""
        return self.clock.now()

    def today(self) -> date:
        """The sandbox's day, in UTC."""
        return datetime.fromtimestamp(self.now(), UTC).date()

    def new(self, kind: str, *, private: Json | None = None, **fields: Any) -> Json:
        """Make and remember an object that Stripe's document would accept."""
        schema = self.spec.schemas[kind]["properties"]
        body = self.spec.skeleton(kind)
        body["object"] = kind
        body["id"] = fields.pop("id", None) or self.identity(kind)
        if "created" in schema:
            body["created"] = self.now()
        if "livemode" in schema:
            body["livemode"] = False
        if "metadata" in schema:
            body["metadata"] = {}
        body.update(fields)
        return self.store.add(body, **(private or {}))

    def identity(self, kind: str) -> str:
        """A new id for a kind of object."""
        return PREFIXES[kind] + random_text(24)

    def tell(self, event_type: str, body: Json) -> None:
        """Note that something happened, for which endpoints, and let our own parts follow."""
        enabled = Search(equal={"status": "enabled"})
        endpoints = [
            endpoint["id"]
            for endpoint in self.store.newest_first("webhook_endpoint", enabled)
            if {"*", event_type} & set(endpoint["enabled_events"])
        ]
        event = self.new(
            "event",
            type=event_type,
            api_version=self.spec.version,
            data={"object": snapshot(body)},
            pending_webhooks=len(endpoints),
            request=dict(self.request),
        )
        for endpoint in endpoints:
            self.outbox.add(event["id"], endpoint, time.time())
        for work in _listeners.get(event_type, ()):
            work(self, body)

    def plan(self, name: str, body: Json, moment: int) -> None:
        """Let an action happen to an object at a moment of the sandbox's clock."""
        self.agenda.plan(Due(moment, name, body["id"]))

    def run_due(self) -> None:
        """Do what has become due, each at its own moment and on its own."""
        while due := self.agenda.take(self.clock.now()):
            self.store.save()
            try:
                with self.clock.at(due.moment):
                    _actions[due.action](self, self.store.get(due.identity))
            except Exception:
                # One that fails is not done again, and must not keep the others waiting.
                self.store.undo()
                logger.exception("a planned action failed", extra={"action": due.action})
            self.store.save()

    def reset(self) -> None:
        """Forget everything and open the account anew."""
        self.store.clear()
        self.clock.forget()
        self._open_account()

    def _open_account(self) -> None:
        skeleton = self.spec.skeleton
        account = skeleton("account")
        account |= {
            "id": ACCOUNT_ID,
            "object": "account",
            "country": "DE",
            "default_currency": "eur",
            "charges_enabled": True,
            "payouts_enabled": True,
            "details_submitted": True,
            "type": "standard",
            "email": "account@sandbox.example",
            "created": self.now(),
            "metadata": {},
            "capabilities": {},
            "business_profile": skeleton("account_business_profile"),
            "settings": {
                "dashboard": {"display_name": "Sandbox", "timezone": "Etc/UTC"},
                "branding": skeleton("account_branding_settings"),
                "card_payments": skeleton("account_card_payments_settings"),
                "payments": skeleton("account_payments_settings"),
            },
        }
        self.store.add(account)
        self.store.save()


def snapshot(body: Json) -> Json:
    """A copy that does not follow what happens to the object later."""
    copied: Json = msgspec.json.decode(msgspec.json.encode(body))
    return copied


def random_text(length: int) -> str:
    """So many random letters and digits."""
    return "".join(secrets.choice(LETTERS) for _ in range(length))
