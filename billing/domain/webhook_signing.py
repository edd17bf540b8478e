"""How outgoing webhooks are signed, and when they are tried again.

The signature covers the instant of sending and the body, so that neither can be changed and
an old request cannot be played again unnoticed. docs/webhooks.md tells receivers how to check.
"""

import hmac
from base64 import urlsafe_b64encode
from datetime import timedelta
from hashlib import sha256

SIGNATURE_HEADER = "TikTokToe-Signature"
TOLERANCE_SECONDS = 300
# Ten retries over about three and a half days.
WAITS = tuple(
    timedelta(minutes=minutes)
    for minutes in (0.5, 2, 10, 30, 60, 3 * 60, 6 * 60, 12 * 60, 24 * 60, 36 * 60)
)
JITTER_SHARE = 5  # up to a fifth is added, so that what failed together does not come together
# An endpoint at which nothing arrived for so long, and whose last retry failed, is disabled.
DISABLED_AFTER = timedelta(days=3)


def endpoint_secret(*, key: str, reference: str, salt: bytes) -> str:
    """An endpoint's secret; made of the installation's key, so that no table holds it."""
    made = hmac.new(key.encode(), b"webhook endpoint|" + reference.encode() + salt, sha256)
    return "whsec_" + urlsafe_b64encode(made.digest()).decode().rstrip("=")


def signature(*, secret: str, timestamp: int, body: bytes) -> str:
    """The header's value: t=1767225600,v1=HEX."""
    signed = f"{timestamp}.".encode() + body
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, sha256).hexdigest()}"


def is_genuine(*, header: str, secret: str, body: bytes, now: int) -> bool:
    """What a receiver has to check: the signature, and that it is not old."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    timestamp = parts.get("t", "")
    if not timestamp.isdecimal() or abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    return hmac.compare_digest(
        signature(secret=secret, timestamp=int(timestamp), body=body), header
    )


def next_wait(*, tries: int, delivery: str) -> timedelta | None:
    """How long to wait after so many tries; None when it is given up.

    The jitter comes from the delivery and the try, so that the same ones give the same.
    """
    if tries > len(WAITS):
        return None
    wait = WAITS[tries - 1]
    drawn = int.from_bytes(sha256(f"{delivery}:{tries}".encode()).digest()[:4]) % 1001
    return wait + wait * drawn / (JITTER_SHARE * 1000)
