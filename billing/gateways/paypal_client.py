"""The connection to PayPal: an access token, requests under it, and what their errors prove."""

import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import httpx
from django.conf import settings

from billing.domain.attempts import Answer
from billing.domain.declines import Decline, DeclineClass
from billing.domain.gateway_time import ClockReading
from billing.domain.paypal_declines import is_paypal_decline, paypal_decline
from billing.errors import GatewayRefused, GatewayUnavailable
from billing.gateways.base import Outcome
from billing.gateways.clocks import clock_of
from billing.gateways.deadlines import ends_within, seconds_left
from billing.gateways.http import (
    Reply,
    http_client,
    outcome_of_transport_error,
    send,
    unavailable,
)

P = ParamSpec("P")
R = TypeVar("R")
RENEWED_BEFORE_SECONDS = 60
_WHOLE_ANSWER = {"Prefer": "return=representation"}
Read = Callable[[dict[str, Any]], Outcome]


def in_time(operation: Callable[P, R]) -> Callable[P, R]:
    """Let all exchanges of an operation end within the time for one.

    With a token that has to be asked for, or is not taken any more, it makes up to four; whoever
    looks into an attempt later counts on it that its sender has stopped waiting by then.
    """

    @wraps(operation)
    def bounded(*args: P.args, **kwargs: P.kwargs) -> R:
        with ends_within(settings.GATEWAY_TIMEOUT_SECONDS):
            return operation(*args, **kwargs)

    return bounded


class PayPalClient:
    """One PayPal app, and the token that it was given."""

    def __init__(self, *, api_host: str, client_id: str, secret: str) -> None:
        self._host = api_host.rstrip("/")
        self._credentials = (client_id, secret)
        self._guard = threading.Lock()
        self._token = ""
        self._good_until = 0.0

    @in_time
    def ask(self, method: str, path: str, **parts: Any) -> dict[str, Any]:
        """Make a request that moves no money.

        Raises:
            GatewayUnavailable: If no answer came, or PayPal failed.
            GatewayRefused: If it refused.
        """
        try:
            reply = self._send(method, path, **parts)
        except httpx.TransportError as error:
            raise unavailable(error) from error
        if reply.is_success:
            return reply.body
        if reply.status >= 500 or reply.status == 429:
            raise GatewayUnavailable(short(reply))
        raise GatewayRefused(short(reply))

    def move(self, path: str, body: Any, *, key: str, read: Read) -> Outcome:
        """Make a request that may move money; it never raises for what the outside does."""
        headers = {"PayPal-Request-Id": key, **_WHOLE_ANSWER}
        return self.hand_in(path, read=read, json=body, headers=headers)

    @in_time
    def hand_in(self, path: str, *, read: Read, **parts: Any) -> Outcome:
        """As move, where PayPal keeps no keys: whoever repeats it has to look first."""
        try:
            self.token()
        except GatewayUnavailable as error:
            decline = Decline(code="no_token", decline_class=DeclineClass.TECHNICAL)
            return Outcome(answer=Answer.NEVER_LEFT, decline=decline, message=str(error))
        except GatewayRefused as error:
            decline = Decline(code="no_token", decline_class=DeclineClass.CONFIG)
            return Outcome(answer=Answer.NEVER_LEFT, decline=decline, message=str(error))
        try:
            reply = self._send("POST", path, **parts)
        except httpx.TransportError as error:
            return outcome_of_transport_error(error)
        except (GatewayUnavailable, GatewayRefused) as error:
            return Outcome(answer=Answer.INCONCLUSIVE, message=str(error))
        is_told = reply.is_success and (reply.body or reply.status == 204)
        return read(reply.body) if is_told else outcome_of_refusal(reply)

    @in_time
    def read_clock(self) -> ClockReading | None:
        """What PayPal's clock shows; None if it does not answer in time."""
        with ends_within(settings.GATEWAY_TIMEOUT_SECONDS):
            return clock_of(_http(), self._host)

    def look(self, path: str, read: Read, *, gone: Outcome | None = None) -> Outcome:
        """Make a look; `gone` is what it means that PayPal knows its own name no more."""
        try:
            reply = self._send("GET", path)
        except (httpx.TransportError, GatewayUnavailable, GatewayRefused) as error:
            return Outcome(answer=Answer.INCONCLUSIVE, message=type(error).__name__)
        if reply.is_success and reply.body:
            return read(reply.body)
        if reply.status == 404 and gone is not None:
            return gone
        return Outcome(answer=Answer.INCONCLUSIVE, message=short(reply))

    @in_time
    def token(self) -> str:
        """The access token; a new one is asked for before the old one ends.

        Raises:
            GatewayUnavailable: If none comes.
            GatewayRefused: If we are not known.
        """
        # Whoever waits for another thread's token waits no longer than for an answer.
        if not self._guard.acquire(timeout=seconds_left(settings.GATEWAY_TIMEOUT_SECONDS)):
            raise GatewayUnavailable("no token came in time")
        try:
            if time.monotonic() >= self._good_until:
                self._renew()
            return self._token
        finally:
            self._guard.release()

    def _renew(self) -> None:
        try:
            reply = send(
                _http(),
                "POST",
                f"{self._host}/v1/oauth2/token",
                data={"grant_type": "client_credentials"},
                auth=self._credentials,
            )
        except httpx.TransportError as error:
            raise unavailable(error) from error
        token = str(reply.body.get("access_token") or "")
        if not reply.is_success or not token:
            is_ours = 400 <= reply.status < 500 and reply.status != 429
            raise (GatewayRefused if is_ours else GatewayUnavailable)(short(reply))
        lasts = int(reply.body.get("expires_in") or 0) - RENEWED_BEFORE_SECONDS
        self._token, self._good_until = token, time.monotonic() + lasts

    def _send(self, method: str, path: str, **parts: Any) -> Reply:
        """A request; with a token that is not taken any more, once again with a new one.

        Whoever is not let in has had nothing executed, so that this is the same first request.
        """
        own = parts.pop("headers", {})
        token, url = self.token(), f"{self._host}{path}"
        reply = send(_http(), method, url, headers={**own, **_bearer(token)}, **parts)
        if reply.status != 401:
            return reply
        self._forget(token)
        again = {**own, **_bearer(self.token())}
        return send(_http(), method, url, headers=again, **parts)

    def _forget(self, token: str) -> None:
        """Have the next one ask for a new token; who holds the guard is asking already."""
        if not self._guard.acquire(blocking=False):
            return
        try:
            if self._token == token:
                self._good_until = 0.0
        finally:
            self._guard.release()


def outcome_of_refusal(reply: Reply) -> Outcome:
    """What an answer that is no success says about a request that may have moved money.

    A 422 names its issues: a payer's no is a decline, anything else a fault of ours. A 409 may
    be the same request still running, and a 5xx leaves everything open.
    """
    issue = issue_of(reply)
    if reply.status == 422 and is_paypal_decline(issue):
        decline = paypal_decline(issue)
        return Outcome(answer=Answer.DECLINED, decline=decline, message=_message(reply))
    if not 400 <= reply.status < 500 or reply.status in {408, 409}:
        return Outcome(answer=Answer.INCONCLUSIVE, message=short(reply))
    is_load = reply.status == 429
    decline = Decline(
        code="rate_limit" if is_load else issue or str(reply.status),
        decline_class=DeclineClass.TECHNICAL if is_load else DeclineClass.CONFIG,
    )
    return Outcome(answer=Answer.REFUSED_BEFORE_EXECUTION, decline=decline, message=_message(reply))


def issue_of(reply: Reply) -> str:
    """The first issue that an error names, else its name."""
    details = reply.body.get("details")
    first = details[0] if isinstance(details, list) and details else {}
    issue = first.get("issue") if isinstance(first, dict) else None
    return str(issue or reply.body.get("name") or "")


def short(reply: Reply) -> str:
    """What it was, in short."""
    return f"PayPal {reply.status} {issue_of(reply)}".strip()


def _message(reply: Reply) -> str:
    return str(reply.body.get("message") or "")[:300]


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _http() -> httpx.Client:
    return http_client(settings.GATEWAY_TIMEOUT_SECONDS)
