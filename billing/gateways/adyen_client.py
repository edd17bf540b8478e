"""The connection to Adyen Checkout, and what an error on it proves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from django.conf import settings

from billing.domain.attempts import Answer
from billing.domain.declines import Decline, DeclineClass
from billing.domain.gateway_time import ClockReading
from billing.errors import GatewayRefused, GatewayUnavailable
from billing.gateways.base import Outcome
from billing.gateways.clocks import clock_of
from billing.gateways.deadlines import ends_within
from billing.gateways.http import (
    Reply,
    http_client,
    outcome_of_transport_error,
    send,
    unavailable,
)

VERSION = "v72"
DISPUTES_VERSION = "v30"
# Source: docs.adyen.com/development-resources/api-idempotency: the first one may be running.
IN_PROGRESS = "704"
Read = Callable[[dict[str, Any]], Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdyenClient:
    """One merchant account, and the key that may act for it."""

    api_host: str
    api_key: str
    merchant: str
    report_host: str = ""
    disputes_host: str = ""

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> dict[str, Any]:
        """Make a request that moves no money.

        Raises:
            GatewayUnavailable: If no answer came, or Adyen failed.
            GatewayRefused: If it refused.
        """
        return self._read(lambda: self._send(method, path, body, query=query))

    def _read(self, call: Callable[[], Reply]) -> dict[str, Any]:
        try:
            reply = call()
        except httpx.TransportError as error:
            raise unavailable(error) from error
        if reply.is_success:
            return reply.body
        if reply.status >= 500:
            raise GatewayUnavailable(short(reply))
        raise GatewayRefused(short(reply))

    def read_clock(self) -> ClockReading | None:
        """What Adyen's clock shows; None if it does not answer in time."""
        with ends_within(settings.GATEWAY_TIMEOUT_SECONDS):
            return clock_of(_http(), self.api_host)

    def move(self, path: str, body: Any, *, key: str, read: Read) -> Outcome:
        """Make a request that may move money; it never raises for what the outside does."""
        try:
            reply = self._send("POST", path, body, key=key)
        except httpx.TransportError as error:
            return outcome_of_transport_error(error)
        return read(reply.body) if reply.is_success and reply.body else outcome_of_refusal(reply)

    def ask_of_disputes(self, operation: str, body: Any) -> dict[str, Any]:
        """Ask the disputes service something that decides nothing.

        Raises:
            GatewayUnavailable: If no answer came, or Adyen failed.
            GatewayRefused: If it refused.
        """
        return self._read(lambda: self._post(self._disputes(operation), body))

    def answer_dispute(self, operation: str, body: Any, *, key: str, read: Read) -> Outcome:
        """Hand the disputes service an answer; it never raises for what the outside does."""
        try:
            reply = self._post(self._disputes(operation), body, key=key)
        except httpx.TransportError as error:
            return outcome_of_transport_error(error)
        return read(reply.body) if reply.is_success and reply.body else outcome_of_refusal(reply)

    def _disputes(self, operation: str) -> str:
        host = self.disputes_host or self.api_host
        return f"{host.rstrip('/')}/ca/services/DisputeService/{DISPUTES_VERSION}/{operation}"

    def _post(self, url: str, body: Any, *, key: str = "") -> Reply:
        headers = {"X-API-Key": self.api_key}
        if key:
            headers["Idempotency-Key"] = key
        return send(_http(), "POST", url, json=body, headers=headers)

    def report(self, name: str) -> str:
        """Download a report by its name.

        Raises:
            GatewayUnavailable: If it does not come.
        """
        reply = self._report(name)
        if not reply.is_success:
            raise GatewayUnavailable(f"report {name}: {reply.status}")
        return reply.text

    def has_report(self, name: str) -> bool:
        """Whether there is a report of this name.

        Raises:
            GatewayUnavailable: If that cannot be told.
        """
        reply = self._report(name)
        if not reply.is_success and reply.status != 404:
            raise GatewayUnavailable(f"report {name}: {reply.status}")
        return reply.is_success

    def _report(self, name: str) -> Reply:
        host = self.report_host or self.api_host
        url = f"{host}/reports/download/MerchantAccount/{self.merchant}/{name}"
        try:
            return send(_http(), "GET", url, headers={"X-API-Key": self.api_key})
        except httpx.TransportError as error:
            raise unavailable(error) from error

    def _send(
        self, method: str, path: str, body: Any, *, key: str = "", query: Any = None
    ) -> Reply:
        headers = {"X-API-Key": self.api_key}
        if key:
            headers["Idempotency-Key"] = key
        url = f"{self.api_host.rstrip('/')}/{VERSION}{path}"
        return send(_http(), method, url, json=body, params=query or None, headers=headers)


def outcome_of_refusal(reply: Reply) -> Outcome:
    """What an answer that is no success says about a request that may have moved money.

    A 4xx is given before anything is executed, except that a key is in use: then the first
    request with it may be on its way. A 5xx, and what cannot be read, leaves everything open.
    """
    code = str(reply.body.get("errorCode") or "")
    is_refusal = 400 <= reply.status < 500 and code != IN_PROGRESS
    if not is_refusal or (reply.body.get("errorType") == "internal" and reply.status != 429):
        return Outcome(answer=Answer.INCONCLUSIVE, message=short(reply))
    is_load = reply.status == 429
    decline = Decline(
        code="rate_limit" if is_load else code or str(reply.status),
        decline_class=DeclineClass.TECHNICAL if is_load else DeclineClass.CONFIG,
    )
    return Outcome(answer=Answer.REFUSED_BEFORE_EXECUTION, decline=decline, message=_message(reply))


def short(reply: Reply) -> str:
    """What it was, in short and without what Adyen may have quoted of the request."""
    code = str(reply.body.get("errorCode") or "")
    return f"Adyen {reply.status} {code}".strip()


def _message(reply: Reply) -> str:
    return str(reply.body.get("message") or "")[:300]


def _http() -> httpx.Client:
    return http_client(settings.GATEWAY_TIMEOUT_SECONDS)
