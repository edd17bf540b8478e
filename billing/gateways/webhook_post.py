"""Webhooks leave here: one POST, to an address that is not our own network, within a deadline."""

import ipaddress
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpcore

from tiktoktoe.kernel.errors import GatewayError

ANSWER_BYTES = 2000
NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(GatewayError):
    """The address is not one that we send to."""


class NoAnswer(GatewayError):
    """The endpoint could not be reached, or did not answer in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an endpoint answered."""

    status: int
    body: str


@cache
def _certificates() -> ssl.SSLContext:
    """Read once a process, since it takes 50 ms: more than all else that sending does."""
    return ssl.create_default_context()


def post_webhook(
    *, url: str, body: bytes, headers: dict[str, str], deadline_seconds: float, allows_private: bool
) -> Answer:
    """Send a signed body; whatever the endpoint answers comes back, redirects included.

    The name is resolved once and the connection goes to just that address. The deadline is
    for the whole exchange, however slowly the endpoint drips.

    Raises:
        AddressRefused: If the address is of a private network and that is not allowed.
        NoAnswer: If nothing came of it, with the reason in one word.
    """
    check_url(url, allows_private=allows_private)
    network = _Network(monotonic() + deadline_seconds, allows_private=allows_private)
    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    try:
        with (
            httpcore.ConnectionPool(ssl_context=_certificates(), network_backend=network) as pool,
            pool.stream(
                "POST",
                url,
                headers=[(b"Host", _host_header(url)), *given],
                content=body,
                extensions={"timeout": dict.fromkeys(("connect", "read", "write"), 5.0)},
            ) as response,
        ):
            return Answer(status=response.status, body=_begin_of(response.iter_stream()))
    except (
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        OSError,
    ) as problem:
        raise NoAnswer(type(problem).__name__) from None


def check_url(url: str, *, allows_private: bool) -> None:
    """Refuse an address that cannot be sent to.

    Raises:
        AddressRefused: If it is not https (http only where private networks are allowed), has
            a user or password in it, or is not an address at all.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefused("it is no address") from None
    if parts.scheme != "https" and not (allows_private and parts.scheme == "http"):
        raise AddressRefused("it must begin with https://")
    if not parts.hostname or port == 0:
        raise AddressRefused("it names no host")
    if parts.username or parts.password:
        raise AddressRefused("it must not have a user or password in it")


def is_public(address: str) -> bool:
    """Whether an IP address is of the public internet, and not one that leads back to us."""
    ip: Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            ip = inner
    return ip.is_global and not ip.is_multicast


class _Network(httpcore.NetworkBackend):
    """Connects to checked addresses only, and lets no exchange outlive its deadline."""

    def __init__(self, deadline: float, *, allows_private: bool) -> None:
        self._inner = httpcore.SyncBackend()
        self._deadline = deadline
        self._allows_private = allows_private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise httpcore.ConnectError("the name is unknown") from None
        addresses = [str(info[4][0]) for info in found]
        if not self._allows_private and not all(map(is_public, addresses)):
            raise AddressRefused("it leads to a private network")
        stream = self._inner.connect_tcp(
            addresses[0],
            port,
            timeout=_left(self._deadline, timeout),
            local_address=local_address,
            socket_options=socket_options,
        )
        return _Stream(stream, self._deadline)


class _Stream(httpcore.NetworkStream):
    """A connection that nothing is read from or written to after the deadline."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(self._deadline, timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        secured = self._inner.start_tls(
            ssl_context, server_hostname, _left(self._deadline, timeout)
        )
        return _Stream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(deadline: float, timeout: float | None) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the deadline has passed")
    return min(left, timeout) if timeout is not None else left


def _begin_of(parts: Iterable[bytes]) -> str:
    """How a body begins; what cannot be shown is left out."""
    begun = b""
    for part in parts:
        begun += part
        if len(begun) >= ANSWER_BYTES:
            break
    return begun[:ANSWER_BYTES].decode("utf-8", "replace").replace("\x00", "")


def _host_header(url: str) -> bytes:
    return urlsplit(url).netloc.encode("idna") if url.isascii() else urlsplit(url).netloc.encode()
