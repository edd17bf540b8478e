"""The door that usage comes in by: POST /api/v1/events."""

import gzip
import zlib
from io import BytesIO
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from subscriptions.domain.wire import ContentType, Malformed, TooManyEvents, read_events
from subscriptions.models import EventSource
from subscriptions.services.usage import BatchResult, Incoming, record_events
from subscriptions.services.usage_writing import Refused
from subscriptions.views.api import Unacceptable, source_of
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import public


@csrf_exempt
@public
@require_POST
def events(request: HttpRequest) -> HttpResponse:
    """Take in one event or many; answers what became of each that was not simply kept.

    200 with the numbers and the refused events by index; 4xx if the request as a whole
    cannot be used. docs/api-events.md has the whole of it.
    """
    try:
        source = source_of(request)
        content_type = _content_type(request)
        result = _record(source, _content(request), content_type)
    except Unacceptable as problem:
        return problem.answer()
    return JsonResponse(_answer(result))


def _record(source: EventSource, content: bytes, content_type: ContentType) -> BatchResult:
    try:
        good, unreadable = read_events(
            content, content_type, at_most=settings.USAGE_BATCH_MAX_EVENTS
        )
    except Malformed as problem:
        raise Unacceptable(400, "malformed", problem.message) from None
    except TooManyEvents as problem:
        raise Unacceptable(413, "too_many_events", problem.message) from None
    return record_events(
        source=source,
        events=[Incoming(index, body) for index, body in good],
        refused=[
            Refused(u.index, u.event_id, u.field, "unreadable", u.reason, u.sent)
            for u in unreadable
        ],
        at=now(),
    )


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
    content = _sent(request, limit + 1)
    if len(content) > limit:
        raise Unacceptable(413, "too_large", f"at most {limit} bytes a request")
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding == "gzip":
        return _inflate(content, limit)
    if encoding != "identity":
        raise Unacceptable(415, "content_encoding", f"{encoding!r} is not gzip or identity")
    return content


def _sent(request: HttpRequest, limit: int) -> bytes:
    """At most so many bytes of the body.

    Django reads nothing of one that comes in chunks and does not say its length; a server that
    ends such a body itself says so.
    """
    if not request.headers.get("Content-Length"):
        if request.META.get("wsgi.input_terminated"):
            return bytes(request.META["wsgi.input"].read(limit))
        if "Transfer-Encoding" in request.headers:
            raise Unacceptable(411, "length_required", "say how long it is in Content-Length")
    return request.read(limit)


def _inflate(content: bytes, limit: int) -> bytes:
    """Unpack every member of a gzip body, but never more than is allowed."""
    try:
        with gzip.GzipFile(fileobj=BytesIO(content)) as packed:
            unpacked = packed.read(limit + 1)
    except EOFError:
        raise Unacceptable(400, "malformed", "the gzip body ends too early") from None
    except (gzip.BadGzipFile, zlib.error) as problem:
        raise Unacceptable(400, "malformed", f"the body is no gzip: {problem}") from None
    if len(unpacked) > limit:
        raise Unacceptable(413, "too_large", f"it unpacks to more than {limit} bytes")
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
