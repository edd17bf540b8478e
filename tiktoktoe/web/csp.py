"""The content security policy: our own files and nothing inline."""

from collections.abc import Sequence


def policy(form_targets: Sequence[str]) -> str:
    """The header's value.

    `form_targets` are origins that a form may lead to: a browser checks the redirect after a
    POST too, and paying leads to the gateway's hosted page. `blob:` is for saving a chart.
    """
    parts = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data: blob:",
        "connect-src": "'self'",
        "font-src": "'self'",
        "form-action": " ".join(["'self'", *form_targets]),
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in parts.items())
