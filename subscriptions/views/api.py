"""What the doors for systems share: whose key it is, and how a request is refused."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from subscriptions.models import EventSource
from subscriptions.services.event_sources import source_of_key
from tiktoktoe.accounts.throttling import WRONG_KEY, TooManyTries, take_try
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.limits import client_address

BEARER = "Bearer "


class Unacceptable(Exception):
    """A request that is refused as a whole, with its HTTP status."""

    def __init__(self, status: int, code: str, reason: str, *, wait_seconds: int = 0) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code
        self.reason = reason
        self.wait_seconds = wait_seconds

    def answer(self) -> HttpResponse:
        """The refusal as JSON, with the headers that go with it."""
        body = {"error": {"code": self.code, "reason": self.reason}}
        response = JsonResponse(body, status=self.status)
        if self.status == 401:
            response["WWW-Authenticate"] = "Bearer"
        if self.wait_seconds:
            response["Retry-After"] = str(self.wait_seconds)
        return response


def source_of(request: HttpRequest) -> EventSource:
    """The system whose key came with a request.

    Raises:
        Unacceptable: If there is no key, or it is unknown or revoked.
    """
    header = request.headers.get("Authorization", "")
    if not header.startswith(BEARER):
        raise Unacceptable(401, "no_key", "send your key as: Authorization: Bearer KEY")
    source = source_of_key(header.removeprefix(BEARER).strip())
    if source is None:
        _count_wrong_key(request)
        raise Unacceptable(401, "unknown_key", "this key is unknown or was revoked")
    return source


def _count_wrong_key(request: HttpRequest) -> None:
    """Limit guesses by address; a right key from the same address is never held up by them."""
    try:
        take_try(WRONG_KEY, who=client_address(request), at=now())
    except TooManyTries as refusal:
        reason = f"too many wrong keys; try again in {refusal.wait_seconds} seconds"
        raise Unacceptable(
            429, "too_many_wrong_keys", reason, wait_seconds=refusal.wait_seconds
        ) from None
