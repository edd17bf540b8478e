"""What is known of a request's body before any of it is read."""

from django.http import HttpRequest


def declared_length(request: HttpRequest) -> int:
    """How long the body is said to be; Django reads nothing of one that does not say it."""
    declared = request.META.get("CONTENT_LENGTH") or ""
    return int(declared[:20]) if declared.isascii() and declared.isdecimal() else 0
