"""Webhooks: retried, and on demand doubled, shuffled, held back or lost."""

import http.client
import logging
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tiktoktoe.sandbox.core.account import Account
from tiktoktoe.sandbox.core.outbox import Parcel

logger = logging.getLogger(__name__)
SENDERS = 4
BATCH = 40
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 300.0
GIVES_UP_AFTER_SECONDS = 3 * 24 * 3600
TIMEOUT_SECONDS = 30
TICK_SECONDS = 0.05
IDLE_SECONDS = 1.0
ANSWER_MAX = 10_000


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


@dataclass(frozen=True)
class Post:
    """A request that is made to a shop."""

    url: str
    content: bytes
    headers: Mapping[str, str]
    accepts: Callable[[int, bytes], bool] = lambda status, _content: 200 <= status < 300


class Webhooks:
    """Threads that deliver what is waiting; what is not delivered survives a restart."""

    def __init__(self, account: Account) -> None:
        self._account = account
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
        self._account.outbox.news.set()

    def hurry(self) -> None:
        """Try again now what waits for a retry; the caller holds the lock."""
        self._account.outbox.hurry(time.time())

    @property
    def waiting(self) -> int:
        """How many deliveries are still to be made."""
        with self._account.lock:
            return self._account.outbox.waiting()

    def _work(self) -> None:
        news = self._account.outbox.news
        while True:
            time.sleep(TICK_SECONDS)  # what is told together goes out together
            try:
                while not self.delivery.is_held and (parcels := self._due()):
                    list(self._pool.map(self._deliver, parcels))
                news.wait(self._rest())
                news.clear()
            except Exception:
                logger.exception("the delivery of webhooks failed")

    def _rest(self) -> float:
        """For how long there is nothing to do, unless there are news."""
        with self._account.lock:
            next_due = self._account.outbox.next_due()
        if next_due is None or self.delivery.is_held:
            return IDLE_SECONDS
        return min(max(next_due - time.time(), 0.0), IDLE_SECONDS)

    def _due(self) -> Sequence[Parcel]:
        with self._account.lock:
            parcels = self._account.outbox.due(time.time(), BATCH)
        if self.delivery.is_shuffled:
            self._dice.shuffle(parcels)
        return parcels

    def written(self, parcel: Parcel) -> Post | None:
        """The request for a parcel, the lock being held; None if it is not wanted any more."""
        raise NotImplementedError

    def taken(self, parcel: Parcel) -> None:
        """Note that a parcel has arrived, the lock being held."""

    def _deliver(self, parcel: Parcel) -> None:
        with self._account.lock:
            request = self.written(parcel)
            if request is None:
                self._account.outbox.forget(parcel)
                self._account.store.save()
                return
            self._account.store.undo()
        how = self.delivery
        is_lost = self._dice.random() < how.loses
        taken = [post(request) for _ in range(0 if is_lost else how.copies)]
        is_taken = any(taken)
        with self._account.lock:
            self._note(parcel, is_taken=is_taken, is_lost=is_lost)
            self._account.store.save()

    def _note(self, parcel: Parcel, *, is_taken: bool, is_lost: bool) -> None:
        """Forget what was taken, try again later what was not; the lock is held."""
        now, tries = time.time(), parcel.tries + 1
        self.delivered += is_taken
        self.lost += is_lost
        self.failed += not is_taken and not is_lost
        if is_taken or is_lost or now - parcel.since > GIVES_UP_AFTER_SECONDS:
            self._account.outbox.forget(parcel)
            if is_taken:
                self.taken(parcel)
            return
        pause = min(FIRST_PAUSE_SECONDS * 2**parcel.tries, LONGEST_PAUSE_SECONDS)
        self._account.outbox.put_off(parcel, until=now + pause, tries=tries)


def post(request: Post) -> bool:
    """Make a request to a shop; whether it was taken."""
    made = urllib.request.Request(  # noqa: S310 - the address that the shop registered
        request.url,
        data=request.content,
        headers={"Content-Type": "application/json; charset=utf-8", **request.headers},
    )
    try:
        with urllib.request.urlopen(made, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            return request.accepts(answer.status, answer.read(ANSWER_MAX))
    except (urllib.error.URLError, OSError, http.client.HTTPException, ValueError):
        return False
