"""Requests to gateways that we speak to by ourselves, and what an error on the way proves.

Each request is sent once: whether to send it again is for the caller to say.
"""

from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import Any

import httpx
import msgspec

from billing.domain.attempts import Answer
from billing.domain.declines import Decline, DeclineClass
from billing.errors import GatewayUnavailable
from billing.gateways.base import Outcome
from billing.gateways.clocks import hear
from billing.gateways.deadlines import DeadlineTransport, ends_within, seconds_left
from tiktoktoe.kernel.errors import InvalidInput, InvariantViolation

# Nothing of a request is on the wire before there is a connection.
BEFORE_THE_FIRST_BYTE = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
ANSWER_MAX = 5_000_000
# What reading an answer may end in that is not what the gateway has ever said it would be.
SENSELESS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    httpx.HTTPError,
    InvalidInput,
    InvariantViolation,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer that came: its status, and its body when that is a JSON object."""

    status: int
    body: dict[str, Any]
    text: str = ""

    @property
    def is_success(self) -> bool:
        """Whether the request was taken."""
        return 200 <= self.status < 300


@cache
def http_client(timeout_seconds: float) -> httpx.Client:
    """A client with a pool of connections; it retries nothing and follows nothing."""
    return httpx.Client(
        timeout=timeout_seconds,
        follow_redirects=False,
        trust_env=False,
        transport=DeadlineTransport(),
        event_hooks={"response": [hear]},
    )


def send(client: httpx.Client, method: str, url: str, **parts: Any) -> Reply:
    """Make a request; its whole answer has to come within the client's timeout.

    Raises:
        httpx.TransportError: If no whole answer came.
    """
    with ends_within(client.timeout.read or 0):
        left = seconds_left(client.timeout.read or 0)  # also for a place in the pool
        answer = client.request(method, url, timeout=left, **parts)
    return Reply(status=answer.status_code, body=_object(answer.content), text=answer.text)


def send_within(
    client: httpx.Client, method: str, url: str, *, seconds: float, **parts: Any
) -> Reply:
    """Make a request, and give up when a time is over, however slowly the answer drips.

    Raises:
        httpx.TransportError: If no whole answer came in time.
    """
    ends, content = perf_counter() + seconds, bytearray()
    with client.stream(method, url, timeout=seconds, **parts) as answer:
        for chunk in answer.iter_bytes():
            content += chunk
            if perf_counter() > ends or len(content) > ANSWER_MAX:
                raise httpx.ReadTimeout("the answer is too slow, or has no end")
    text = content.decode("utf-8", errors="replace")
    return Reply(status=answer.status_code, body=_object(bytes(content)), text=text)


def outcome_of_transport_error(error: httpx.TransportError) -> Outcome:
    """What it says about a request that may have moved money: only "never left" is proof."""
    if isinstance(error, BEFORE_THE_FIRST_BYTE):
        decline = Decline(code="not_reachable", decline_class=DeclineClass.TECHNICAL)
        return Outcome(answer=Answer.NEVER_LEFT, decline=decline, message="not reachable")
    return Outcome(answer=Answer.INCONCLUSIVE, message=type(error).__name__)


def unavailable(error: httpx.TransportError) -> GatewayUnavailable:
    """The error of ours for a request that moves no money."""
    return GatewayUnavailable(type(error).__name__)


def _object(content: bytes) -> dict[str, Any]:
    if len(content) > ANSWER_MAX:
        return {}
    try:
        found = msgspec.json.decode(content or b"{}")
    except (ValueError, RecursionError):  # no JSON, or no UTF-8
        return {}
    return found if isinstance(found, dict) else {}
