"""Answering those who try too often, and knowing from where they do."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tiktoktoe.accounts.throttling import TooManyTries


def client_address(request: HttpRequest) -> str:
    """Where a request comes from.

    Behind PROXY_COUNT proxies of ours, each of which appends to X-Forwarded-For whom it
    heard from, that is the entry that the outermost one wrote; what stands before it is the
    client's own invention.
    """
    heard_from = str(request.META.get("REMOTE_ADDR", ""))
    if settings.PROXY_COUNT:
        told = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
        if len(told) >= settings.PROXY_COUNT and told[-settings.PROXY_COUNT]:
            return told[-settings.PROXY_COUNT]
    return heard_from


def too_many_tries(request: HttpRequest, refusal: TooManyTries) -> HttpResponse:
    """A page that says how long to wait."""
    context = {"wait_seconds": refusal.wait_seconds, "again": request.path}
    response = render(request, "registration/too_many_tries.html", context, status=429)
    response["Retry-After"] = str(refusal.wait_seconds)
    return response
