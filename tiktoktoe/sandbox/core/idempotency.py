"""Idempotency keys: the first answer to a key is given again; what differs is in `Rules`."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tiktoktoe.sandbox.core.account import Account
from tiktoktoe.sandbox.core.errors import ApiError
from tiktoktoe.sandbox.core.messages import Answer, Request


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How a vendor treats keys.

    Attributes:
        was_executed: Whether an answer is one to a request that was more than looked at; the
            others do not use the key up.
        replayed: The headers of an answer that is given again, by the first request's id.
    """

    length_max: int
    kept_for_seconds: int
    cannot_be_one: Callable[[], ApiError]
    is_in_use: Callable[[], ApiError]
    was_other_request: Callable[[], ApiError]
    was_executed: Callable[[Answer], bool]
    replayed: Callable[[str], dict[str, str]]


class Keys:
    """Which keys are in use, and what they were answered with."""

    def __init__(self, account: Account, rules: Rules) -> None:
        self._account = account
        self._rules = rules
        self._guard = threading.Lock()
        self._in_use: set[str] = set()

    @contextmanager
    def claimed(self, key: str | None) -> Iterator[None]:
        """Keep a key to ourselves while its request runs.

        Raises:
            ApiError: If a request with this key is running, or it cannot be a key.
        """
        if key is None:
            yield
            return
        if not 0 < len(key) <= self._rules.length_max:
            raise self._rules.cannot_be_one()
        with self._guard:
            if key in self._in_use:
                raise self._rules.is_in_use()
            self._in_use.add(key)
        try:
            yield
        finally:
            with self._guard:
                self._in_use.discard(key)

    def recall(self, key: str | None, request: Request) -> Answer | None:
        """What a key was answered with before; the caller holds the sandbox's lock.

        Raises:
            ApiError: If it was another request.
        """
        kept = self._account.store.answer(key) if key else None
        if kept is None or kept["at"] + self._rules.kept_for_seconds <= self._account.now():
            return None
        if kept["fingerprint"] != _fingerprint(request):
            raise self._rules.was_other_request()
        headers = self._rules.replayed(kept["request"])
        return Answer(kept["status"], kept["body"], headers)

    def keep(self, key: str | None, request: Request, answer: Answer) -> None:
        """Remember the answer to a request that was executed."""
        if key is None or not self._rules.was_executed(answer):
            return
        kept = {
            "at": self._account.now(),
            "status": answer.status,
            "body": answer.body,
            "fingerprint": _fingerprint(request),
            "request": request.identity,
        }
        self._account.store.keep_answer(key, kept)


def _fingerprint(request: Request) -> str:
    named = "\n".join((request.method, request.path, request.query)).encode()
    return hashlib.sha256(named + b"\n" + request.content).hexdigest()
