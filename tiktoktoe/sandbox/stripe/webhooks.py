"""Webhooks: signed, retried, and on demand doubled, shuffled, held back or lost."""

import hashlib
import hmac
import json
import random
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

from tiktoktoe.sandbox.stripe.sandbox import Sandbox
from tiktoktoe.sandbox.stripe.spec import Json

TRIES_MAX = 8
FIRST_PAUSE_SECONDS = 0.5
TIMEOUT_SECONDS = 30
TICK_SECONDS = 0.05


@dataclass
class Delivery:
    """How events are delivered."""

    copies: int = 1
    is_shuffled: bool = False
    is_held: bool = False
    loses: float = 0.0


class Webhooks:
    """A thread that delivers what is waiting; what is not delivered survives a restart."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.delivery = Delivery()
        self.delivered = 0
        self.failed = 0

    def start(self) -> None:
        """Begin to deliver."""
        threading.Thread(target=self._work, daemon=True, name="webhooks").start()

    @property
    def waiting(self) -> int:
        """How many deliveries are still to be made."""
        with self._sandbox.lock:
            return sum(len(self._waiting_for(event)) for event in self._undelivered())

    def _work(self) -> None:
        while True:
            time.sleep(TICK_SECONDS)
            if not self.delivery.is_held:
                for event_id, endpoint_id in self._due():
                    self._deliver(event_id, endpoint_id)

    def _undelivered(self) -> list[Json]:
        events = self._sandbox.store.newest_first("event", lambda e: e["pending_webhooks"] > 0)
        return list(events)[::-1]

    def _waiting_for(self, event: Json) -> dict[str, Json]:
        waiting: dict[str, Json] = self._sandbox.store.private(event["id"]).get("waiting_for", {})
        return waiting

    def _due(self) -> list[tuple[str, str]]:
        now = time.time()
        with self._sandbox.lock:
            due = [
                (event["id"], endpoint_id)
                for event in self._undelivered()
                for endpoint_id, state in self._waiting_for(event).items()
                if state["due"] <= now
            ]
        if self.delivery.is_shuffled:
            random.shuffle(due)
        return due

    def _deliver(self, event_id: str, endpoint_id: str) -> None:
        with self._sandbox.lock:
            event = self._sandbox.store.get(event_id)
            endpoint = self._sandbox.store.get(endpoint_id)
            secret = self._sandbox.store.private(endpoint_id)["secret"]
            content = json.dumps(event).encode()
        is_lost = random.random() < self.delivery.loses
        results = [
            is_lost or post(endpoint["url"], content, secret) for _ in range(self.delivery.copies)
        ]
        with self._sandbox.lock:
            self._note(event, endpoint_id, is_done=any(results))

    def _note(self, event: Json, endpoint_id: str, *, is_done: bool) -> None:
        waiting = self._waiting_for(event)
        state = waiting[endpoint_id]
        state["tries"] += 1
        state["due"] = time.time() + FIRST_PAUSE_SECONDS * 2 ** state["tries"]
        if is_done or state["tries"] >= TRIES_MAX:
            del waiting[endpoint_id]
            event["pending_webhooks"] = len(waiting)
        self.delivered += is_done
        self.failed += not is_done
        self._sandbox.store.touch(event)
        self._sandbox.store.save()


def post(url: str, content: bytes, secret: str) -> bool:
    """Send an event as Stripe does; whether it was taken."""
    request = urllib.request.Request(  # noqa: S310 - the address that the shop registered
        url,
        data=content,
        headers={
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (sandbox)",
            "Stripe-Signature": signature(content, secret, int(time.time())),
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            return bool(200 <= answer.status < 300)
    except (urllib.error.URLError, OSError):
        return False


def signature(content: bytes, secret: str, at: int) -> str:
    """The value of the Stripe-Signature header.

    Source: docs.stripe.com/webhooks/signature: HMAC-SHA256 of "timestamp.payload".
    """
    signed = f"{at}.".encode() + content
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"
