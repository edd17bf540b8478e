"""The connection to Stripe, and what an error on it proves."""

from functools import cache
from typing import Any

import httpx
import stripe
from django.conf import settings

from billing.domain.attempts import Answer
from billing.domain.declines import Decline, DeclineClass, stripe_decline
from billing.domain.gateway_time import ClockReading
from billing.errors import GatewayRefused, GatewayUnavailable
from billing.gateways.base import Outcome
from billing.gateways.clocks import clock_of
from billing.gateways.deadlines import ends_within
from billing.gateways.http import BEFORE_THE_FIRST_BYTE, http_client

_REFUSALS = (
    stripe.RateLimitError,
    stripe.InvalidRequestError,
    stripe.AuthenticationError,
    stripe.PermissionError,
)


class StripeHttp(stripe.HTTPClient):
    """How stripe-python reaches Stripe: as we reach everybody, once and within a deadline."""

    name = "httpx"

    def __init__(self, timeout_seconds: int) -> None:
        super().__init__()
        self._seconds = timeout_seconds

    def request(  # type: ignore[override]
        self, method: str, url: str, headers: Any, post_data: Any = None
    ) -> tuple[bytes, int, Any]:
        """Make a request.

        Raises:
            stripe.APIConnectionError: If no whole answer came; its cause says why.
        """
        client = http_client(self._seconds)
        try:
            with ends_within(self._seconds):
                answer = client.request(method, url, headers=headers, content=post_data)
        except httpx.HTTPError as error:
            name = type(error).__name__
            raise stripe.APIConnectionError(name) from error  # type: ignore[no-untyped-call]
        return answer.content, answer.status_code, answer.headers

    def close(self) -> None:
        """Keep the connections: others use them."""


@cache
def client_for(secret: str, api_host: str, version: str, timeout_seconds: int) -> Any:
    """A client that sends each request once: whether to send it again is for us to say."""
    hosts = {"api": api_host, "files": api_host}
    addresses = {"base_addresses": hosts} if api_host else {}
    return stripe.StripeClient(
        secret,
        stripe_version=version,
        max_network_retries=0,
        http_client=StripeHttp(timeout_seconds),
        **addresses,  # type: ignore[arg-type]
    ).v1


def read_clock() -> ClockReading | None:
    """What Stripe's clock shows; None if it does not answer in time."""
    seconds = settings.STRIPE_TIMEOUT_SECONDS
    host = getattr(settings, "STRIPE_API_HOST", "") or stripe.DEFAULT_API_BASE
    with ends_within(seconds):
        return clock_of(http_client(seconds), host)


def configured_client() -> Any:
    """The client for the account in the settings."""
    live = settings.STRIPE_LIVE_MODE
    return client_for(
        settings.STRIPE_LIVE_SECRET_KEY if live else settings.STRIPE_TEST_SECRET_KEY,
        getattr(settings, "STRIPE_API_HOST", ""),
        settings.STRIPE_API_VERSION,
        settings.STRIPE_TIMEOUT_SECONDS,
    )


def body(answer: Any) -> dict[str, Any]:
    """The JSON of an answer, as plain values: StripeObject is no dict since stripe 15."""
    data: dict[str, Any] = answer.last_response.data
    return data


def outcome_of_error(error: stripe.StripeError) -> Outcome:
    """What an error says about a request that may have moved money.

    Only a connection that was never made, and a refusal that Stripe gives before it does
    anything, are told apart from "nobody knows": a timeout, a reset, 5xx, and a conflict of
    keys leave open whether the request was executed.
    """
    if isinstance(error, stripe.CardError):
        return _declined(error)
    if isinstance(error, _REFUSALS):
        return Outcome(
            answer=Answer.REFUSED_BEFORE_EXECUTION,
            decline=_refusal(error),
            message=str(error.user_message or "")[:300],
        )
    if isinstance(error, stripe.APIConnectionError) and never_left(error):
        decline = Decline(code="not_reachable", decline_class=DeclineClass.TECHNICAL)
        return Outcome(answer=Answer.NEVER_LEFT, decline=decline, message="not reachable")
    return Outcome(answer=Answer.INCONCLUSIVE, message=_short(error))


def not_seen(error: stripe.StripeError) -> Outcome:
    """A look that failed; it never proves that there is nothing to be seen."""
    return Outcome(answer=Answer.INCONCLUSIVE, message=_short(error))


def never_left(error: stripe.APIConnectionError) -> bool:
    """Whether not one byte of the request can have been sent."""
    return isinstance(error.__cause__, BEFORE_THE_FIRST_BYTE)


def gateway_error(error: stripe.StripeError) -> GatewayRefused | GatewayUnavailable:
    """The error of ours for a request that moves no money."""
    if isinstance(error, (*_REFUSALS, stripe.CardError)):
        return GatewayRefused(_short(error))
    return GatewayUnavailable(_short(error))


def is_missing(error: stripe.StripeError) -> bool:
    """Whether Stripe says that there is no such thing."""
    return isinstance(error, stripe.InvalidRequestError) and error.code == "resource_missing"


def _declined(error: stripe.CardError) -> Outcome:
    details = error_details(error)
    intent = details.get("payment_intent") or {}
    return Outcome(
        answer=Answer.DECLINED,
        reference=str(intent.get("id") or ""),
        decline=decline_of(details),
        message=str(details.get("message") or "")[:300],
    )


def decline_of(details: dict[str, Any]) -> Decline:
    """Our word for the decline in an error, or in a charge's last error."""
    return stripe_decline(
        code=str(details.get("code") or ""),
        decline_code=str(details.get("decline_code") or ""),
        advice_code=str(details.get("advice_code") or ""),
    )


def _refusal(error: stripe.StripeError) -> Decline:
    """A refused request is the gateway's load (try soon) or our fault (somebody must look)."""
    if isinstance(error, stripe.RateLimitError):
        return Decline(code="rate_limit", decline_class=DeclineClass.TECHNICAL)
    known = decline_of(error_details(error))
    is_unnamed = known.decline_class == DeclineClass.UNCLASSIFIED
    return Decline(code=known.code, decline_class=DeclineClass.CONFIG) if is_unnamed else known


def error_details(error: stripe.StripeError) -> dict[str, Any]:
    """The `error` object of the answer; empty when there is none to read."""
    json_body = error.json_body
    details = json_body.get("error") if isinstance(json_body, dict) else None
    return details if isinstance(details, dict) else {}


def _short(error: stripe.StripeError) -> str:
    """What it was, in short and without what the gateway may have quoted of the request."""
    status = f" {error.http_status}" if error.http_status else ""
    code = f" {error.code}" if error.code else ""
    return f"{type(error).__name__}{status}{code}"
