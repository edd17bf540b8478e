"""The door that usage comes in by: POST /api/v1/events."""

import zlib
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from subscriptions.domain.wire import ContentType, Malformed, read_events
from subscriptions.models import EventSource
from subscriptions.services.event_sources import source_of_key
from subscriptions.services.usage import BatchResult, Incoming, record_events
from subscriptions.services.usage_writing import Refused
from tiktoktoe.accounts.throttling import WRONG_KEY, TooManyTries, take_try
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import public
from tiktoktoe.web.limits import client_address

GZIP = 31  # zlib's window bits for gzip with its checksum
BEARER = "Bearer "


class Unacceptable(Exception):
    """A request that is refused as a whole, with its HTTP status."""

    def __init__(self, status: int, code: str, reason: str, *, wait_seconds: int = 0) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code
        self.reason = reason
        self.wait_seconds = wait_seconds


@csrf_exempt
@public
@require_POST
def events(request: HttpRequest) -> HttpResponse:
    """Take in one event or many; answers what became of each that was not simply kept.

    200 with the numbers and the refused events by index; 4xx if the request as a whole
    cannot be used. docs/api-events.md has the whole of it.
    """
    try:
        source = _source(request)
        content_type = _content_type(request)
        result = _record(source, _content(request), content_type)
    except Unacceptable as problem:
        body = {"error": {"code": problem.code, "reason": problem.reason}}
        response = JsonResponse(body, status=problem.status)
        if problem.status == 401:
            response["WWW-Authenticate"] = "Bearer"
        if problem.wait_seconds:
            response["Retry-After"] = str(problem.wait_seconds)
        return response
    return JsonResponse(_answer(result))


def _record(source: EventSource, content: bytes, content_type: ContentType) -> BatchResult:
    try:
        good, unreadable = read_events(content, content_type)
    except Malformed as problem:
        raise Unacceptable(400, "malformed", problem.message) from None
    count = len(good) + len(unreadable)
    if count > settings.USAGE_BATCH_MAX_EVENTS:
        limit = settings.USAGE_BATCH_MAX_EVENTS
        raise Unacceptable(413, "too_many_events", f"{count} events; at most {limit} a request")
    return record_events(
        source=source,
        events=[Incoming(index, body) for index, body in good],
        refused=[
            Refused(u.index, u.event_id, u.field, "unreadable", u.reason, u.sent)
            for u in unreadable
        ],
        at=now(),
    )


def _source(request: HttpRequest) -> EventSource:
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


def _content_type(request: HttpRequest) -> ContentType:
    given = (request.content_type or "").lower()
    try:
        return ContentType(given)
    except ValueError:
        known = ", ".join(ContentType)
        raise Unacceptable(415, "content_type", f"{given!r} is not one of {known}") from None


def _content(request: HttpRequest) -> bytes:
    """The body, unpacked; refused when it is, or unpacks to, more than is allowed."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    sent = request.headers.get("Content-Length") or "0"
    if not sent.isdecimal() or int(sent) > limit:
        raise Unacceptable(413, "too_large", f"at most {limit} bytes a request")
    content = request.read(limit + 1)
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding == "gzip":
        return _inflate(content, limit)
    if encoding != "identity":
        raise Unacceptable(415, "content_encoding", f"{encoding!r} is not gzip or identity")
    return content


def _inflate(content: bytes, limit: int) -> bytes:
    """Unpack every member of a gzip body, but never more than is allowed."""
    unpacked = b""
    while content:
        unpacker = zlib.decompressobj(GZIP)
        try:
            unpacked += unpacker.decompress(content, limit + 1 - len(unpacked))
        except zlib.error as problem:
            raise Unacceptable(400, "malformed", f"the body is no gzip: {problem}") from None
        if len(unpacked) > limit:
            raise Unacceptable(413, "too_large", f"it unpacks to more than {limit} bytes")
        if not unpacker.eof:
            raise Unacceptable(400, "malformed", "the gzip body ends too early")
        content = unpacker.unused_data
    return unpacked


def _answer(result: BatchResult) -> dict[str, Any]:
    return {
        "accepted": result.accepted,
        "duplicates": result.duplicates,
        "rejected": [
            {
                "index": r.index,
                "id": r.event_id,
                "field": r.field,
                "code": r.code,
                "reason": r.reason,
            }
            for r in result.refused
        ],
    }
