"""A deadline for a whole exchange over HTTP, however slowly its answer drips.

The timeouts of HTTP clients are for each read: an answer that comes byte by byte outlives them all.
Here each read, write and connection is only given what is left of the whole.
"""

import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from time import monotonic
from typing import Any

import httpcore
import httpx

_now = threading.local()


@contextmanager
def ends_within(seconds: float) -> Iterator[None]:
    """Let the exchanges of this thread end in so many seconds, all together.

    Within another deadline, the earlier one counts.
    """
    before: float | None = getattr(_now, "ends", None)
    ends = monotonic() + seconds
    _now.ends = ends if before is None else min(before, ends)
    try:
        yield
    finally:
        _now.ends = before


def seconds_left(at_most: float) -> float:
    """What is left of the deadline, or of a time if that is less; never below nothing."""
    ends: float | None = getattr(_now, "ends", None)
    return at_most if ends is None else max(0.0, min(at_most, ends - monotonic()))


@cache
def certificates() -> ssl.SSLContext:
    """Whom to believe: read once in a process for all clients, since it takes some 50 ms."""
    return httpx.create_ssl_context(trust_env=False)


class DeadlineTransport(httpx.HTTPTransport):
    """Sends as httpx does, once, over connections that know the deadline."""

    def __init__(self) -> None:
        super().__init__(verify=certificates(), retries=0, trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=certificates(),
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            retries=0,
            network_backend=_Backend(),
        )


class _Backend(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(super().connect_tcp(host, port, left, local_address, socket_options))


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(timeout: float | None, expired: type[Exception]) -> float | None:
    """What is left for one step: its own timeout, or less."""
    ends: float | None = getattr(_now, "ends", None)
    if ends is None:
        return timeout
    left = ends - monotonic()
    if left <= 0:
        raise expired("the whole exchange has taken too long")
    return left if timeout is None else min(timeout, left)
