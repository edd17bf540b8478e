"""Idempotency keys by Stripe's rules.

Source: docs.stripe.com/api/idempotent_requests. The first answer to a key is given again, 500s
too, for 24 hours; not kept is the answer to a request that was not executed: one with invalid
parameters, or one that ran into another with the same key.
"""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.messages import Answer, Request
from tiktoktoe.sandbox.stripe.sandbox import Sandbox

KEY_LENGTH_MAX = 255
KEPT_FOR_SECONDS = 24 * 3600


class Keys:
    """Which keys are in use, and what they were answered with."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._guard = threading.Lock()
        self._in_use: set[str] = set()

    @contextmanager
    def claimed(self, key: str | None) -> Iterator[None]:
        """Keep a key to ourselves while its request runs.

        Raises:
            ApiError: 409, if a request with this key is running; 400, if it cannot be a key.
        """
        if key is None:
            yield
            return
        if not 0 < len(key) <= KEY_LENGTH_MAX:
            message = f"An idempotency key has 1 to {KEY_LENGTH_MAX} characters."
            raise ApiError(400, message, kind="idempotency_error")
        with self._guard:
            if key in self._in_use:
                raise ApiError(
                    409,
                    "Another request with this idempotency key is running.",
                    kind="idempotency_error",
                    code="idempotency_key_in_use",
                )
            self._in_use.add(key)
        try:
            yield
        finally:
            with self._guard:
                self._in_use.discard(key)

    def recall(self, key: str | None, request: Request) -> Answer | None:
        """What a key was answered with before; the caller holds the sandbox's lock.

        Raises:
            ApiError: 400, if it was another request.
        """
        kept = self._sandbox.store.answer(key) if key else None
        if kept is None or kept["at"] + KEPT_FOR_SECONDS <= self._sandbox.now():
            return None
        if kept["fingerprint"] != _fingerprint(request):
            message = "This idempotency key was used with other parameters."
            raise ApiError(400, message, kind="idempotency_error")
        headers = {"Idempotent-Replayed": "true", "Original-Request": kept["request"]}
        return Answer(kept["status"], kept["body"], headers)

    def keep(self, key: str | None, request: Request, answer: Answer) -> None:
        """Remember the answer to a request that was executed."""
        if key is None or not _was_executed(answer):
            return
        kept = {
            "at": self._sandbox.now(),
            "status": answer.status,
            "body": answer.body,
            "fingerprint": _fingerprint(request),
            "request": request.identity,
        }
        self._sandbox.store.keep_answer(key, kept)


def _fingerprint(request: Request) -> str:
    parts = (request.method, request.path, request.query, request.content.decode())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _was_executed(answer: Answer) -> bool:
    """Whether it was more than a look at the parameters: those errors name the parameter."""
    error = answer.body.get("error") or {}
    is_refusal = answer.status in {400, 404} and "param" in error
    return not is_refusal and answer.status not in {401, 409, 429}
