"""Requests that are executed only when whoever made them has long stopped waiting."""

import heapq
import threading
from dataclasses import dataclass, field

from tiktoktoe.sandbox.core.account import Account
from tiktoktoe.sandbox.core.api import Api
from tiktoktoe.sandbox.core.messages import Request


@dataclass(order=True, frozen=True, slots=True)
class _Held:
    moment: int
    place: int
    request: Request = field(compare=False)


class LateRequests:
    """What is held back, until a moment of the sandbox's clock; a restart loses it."""

    def __init__(self, account: Account, api: Api) -> None:
        self._account = account
        self._api = api
        self._guard = threading.Lock()
        self._held: list[_Held] = []
        self._places = 0

    def hold(self, request: Request, *, seconds: int) -> None:
        """Let a request be executed so many seconds from now; nobody hears the answer."""
        with self._account.lock, self._guard:
            self._places += 1
            moment = self._account.now() + seconds
            heapq.heappush(self._held, _Held(moment, self._places, request))

    def run_due(self) -> None:
        """Execute what has become due, each at its own moment, however far time has jumped."""
        with self._account.lock:
            while held := self._next():
                with self._account.clock.at(held.moment):
                    self._api.answer(held.request)

    def forget(self) -> None:
        """Execute none of them."""
        with self._guard:
            self._held.clear()

    @property
    def waiting(self) -> int:
        """How many are still to be executed."""
        return len(self._held)

    def _next(self) -> _Held | None:
        with self._guard:
            is_due = self._held and self._held[0].moment <= self._account.now()
            return heapq.heappop(self._held) if is_due else None
