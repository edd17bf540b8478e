"""The account that is simulated: its objects, its clock, what is due, what it tells the world."""

import copy
import secrets
import string
import threading
import time
from pathlib import Path
from typing import Any

from tiktoktoe.sandbox.stripe.spec import Json, Spec
from tiktoktoe.sandbox.stripe.store import Store

LETTERS = string.ascii_letters + string.digits
ACCOUNT_ID = "acct_sandbox0000001"
PREFIXES = {
    "balance_transaction": "txn_",
    "charge": "ch_",
    "checkout.session": "cs_test_",
    "customer": "cus_",
    "dispute": "dp_",
    "event": "evt_",
    "payment_intent": "pi_",
    "payment_method": "pm_",
    "payout": "po_",
    "price": "price_",
    "product": "prod_",
    "refund": "re_",
    "setup_intent": "seti_",
    "webhook_endpoint": "we_",
}


class Sandbox:
    """All state, behind one lock: a change of state is seen whole or not at all."""

    def __init__(self, spec: Spec, data_dir: Path, address: str) -> None:
        self.spec = spec
        self.address = address
        self.store = Store(data_dir / "stripe.sqlite3")
        self.lock = threading.RLock()
        self._offset = int(self.store.setting("clock_offset", 0))
        if self.store.find(ACCOUNT_ID) is None:
            self._open_account()

    def now(self) -> int:
        """The sandbox's time, in seconds."""
        return int(time.time()) + self._offset

    def set_clock(self, moment: int) -> None:
        """Let it be a certain time; it goes on from there."""
        self._offset = moment - int(time.time())
        self.store.keep_setting("clock_offset", self._offset)

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

    def tell(self, event_type: str, body: Json) -> Json:
        """Note that something happened, and for which endpoints it is to be delivered."""
        endpoints = [
            endpoint["id"]
            for endpoint in self.store.newest_first("webhook_endpoint", _is_enabled)
            if {"*", event_type} & set(endpoint["enabled_events"])
        ]
        return self.new(
            "event",
            type=event_type,
            api_version=self.spec.version,
            data={"object": copy.deepcopy(body)},
            pending_webhooks=len(endpoints),
            request={"id": None, "idempotency_key": None},
            private={"waiting_for": {e: {"tries": 0, "due": time.time()} for e in endpoints}},
        )

    def reset(self) -> None:
        """Forget everything and open the account anew."""
        self.store.clear()
        self._offset = 0
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


def random_text(length: int) -> str:
    """So many random letters and digits."""
    return "".join(secrets.choice(LETTERS) for _ in range(length))


def _is_enabled(endpoint: Json) -> bool:
    return bool(endpoint["status"] == "enabled")
