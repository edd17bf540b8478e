"""The account that is simulated: its objects, its clock, what is due, what it tells the world."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tiktoktoe.sandbox.core.account import Account, random_text, snapshot
from tiktoktoe.sandbox.stripe.spec import Json, Spec
from tiktoktoe.sandbox.stripe.store import Search, Store

__all__ = ["Sandbox", "action", "listens", "random_text", "snapshot"]

ACCOUNT_ID = "acct_sandbox0000001"
PREFIXES = {
    "balance_transaction": "txn_",
    "charge": "ch_",
    "checkout.session": "cs_test_",
    "customer": "cus_",
    "dispute": "dp_",
    "event": "evt_",
    "file": "file_",
    "item": "li_",
    "mandate": "mandate_",
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


class Sandbox(Account):
    """All state, behind one lock: a change of state is seen whole or not at all."""

    actions = _actions
    store: Store

    def __init__(self, spec: Spec, data_dir: Path, address: str) -> None:
        super().__init__(Store(data_dir / "account.sqlite3"), address)
        self.spec = spec
        self.request: Json = {"id": None, "idempotency_key": None}
        if self.store.find(ACCOUNT_ID) is None:
            self.open()

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

    def open(self) -> None:
        """Make the account itself."""
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
