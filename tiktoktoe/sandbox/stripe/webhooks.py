"""Webhooks: signed, retried, and on demand doubled, shuffled, held back or lost."""

import hashlib
import hmac
import http.client
import logging
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import msgspec

from tiktoktoe.sandbox.stripe.outbox import Parcel
from tiktoktoe.sandbox.stripe.sandbox import Sandbox

logger = logging.getLogger(__name__)
SENDERS = 4
BATCH = 40
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 300.0
# Source: docs.stripe.com/webhooks: live mode tries for up to three days.
GIVES_UP_AFTER_SECONDS = 3 * 24 * 3600
TIMEOUT_SECONDS = 30
TICK_SECONDS = 0.05


@dataclass(frozen=True)
class Delivery:
    """How events are delivered.

    Attributes:
        copies: How often each is sent.
        is_shuffled: Whether those that are waiting together go out in any order.
        is_held: Whether they wait until this is over.
        loses: The share that is never sent, and never tried again.
        seed: Of the dice for shuffling and losing.
    """

    copies: int = 1
    is_shuffled: bool = False
    is_held: bool = False
    loses: float = 0.0
    seed: int = 0


class Webhooks:
    """Threads that deliver what is waiting; what is not delivered survives a restart."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._dice = random.Random(0)
        self._pool = ThreadPoolExecutor(SENDERS, thread_name_prefix="webhook")
        self.delivery = Delivery()
        self.delivered = 0
        self.failed = 0
        self.lost = 0

    def start(self) -> None:
        """Begin to deliver."""
        threading.Thread(target=self._work, daemon=True, name="webhooks").start()

    def set(self, delivery: Delivery) -> None:
        """Deliver in another way from now on."""
        self._dice = random.Random(delivery.seed)
        self.delivery = delivery

    def hurry(self) -> None:
        """Try again now what waits for a retry; the caller holds the lock."""
        self._sandbox.outbox.hurry(time.time())

    @property
    def waiting(self) -> int:
        """How many deliveries are still to be made."""
        with self._sandbox.lock:
            return self._sandbox.outbox.waiting()

    def _work(self) -> None:
        while True:
            time.sleep(TICK_SECONDS)
            try:
                while not self.delivery.is_held and (parcels := self._due()):
                    list(self._pool.map(self._deliver, parcels))
            except Exception:
                logger.exception("the delivery of webhooks failed")

    def _due(self) -> Sequence[Parcel]:
        with self._sandbox.lock:
            parcels = self._sandbox.outbox.due(time.time(), BATCH)
        if self.delivery.is_shuffled:
            self._dice.shuffle(parcels)
        return parcels

    def _deliver(self, parcel: Parcel) -> None:
        with self._sandbox.lock:
            store = self._sandbox.store
            event, endpoint = store.find(parcel.event), store.find(parcel.endpoint)
            if event is None or endpoint is None:
                self._sandbox.outbox.forget(parcel)
                store.save()
                return
            secret, url = store.private(parcel.endpoint)["secret"], endpoint["url"]
            content = msgspec.json.encode(event)
            store.undo()
        how = self.delivery
        is_lost = self._dice.random() < how.loses
        taken = [post(url, content, secret) for _ in range(0 if is_lost else how.copies)]
        is_taken = any(taken)
        with self._sandbox.lock:
            self._note(parcel, is_taken=is_taken, is_lost=is_lost)
            self._sandbox.store.save()

    def _note(self, parcel: Parcel, *, is_taken: bool, is_lost: bool) -> None:
        """Forget what was taken, try again later what was not; the lock is held."""
        now, tries = time.time(), parcel.tries + 1
        self.delivered += is_taken
        self.lost += is_lost
        self.failed += not is_taken and not is_lost
        if is_taken or is_lost or now - parcel.since > GIVES_UP_AFTER_SECONDS:
            self._sandbox.outbox.forget(parcel)
            event = self._sandbox.store.find(parcel.event)
            if event is not None and is_taken:
                event["pending_webhooks"] -= 1
            return
        pause = min(FIRST_PAUSE_SECONDS * 2**parcel.tries, LONGEST_PAUSE_SECONDS)
        self._sandbox.outbox.put_off(parcel, until=now + pause, tries=tries)


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
    except (urllib.error.URLError, OSError, http.client.HTTPException, ValueError):
        return False


def signature(content: bytes, secret: str, at: int) -> str:
    """The value of the Stripe-Signature header.

    Source: docs.stripe.com/webhooks/signature: HMAC-SHA256 of "timestamp.payload".
    """
    signed = f"{at}.".encode() + content
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"
