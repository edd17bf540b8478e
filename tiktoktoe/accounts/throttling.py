"""Limits on how often somebody may try a door: sign-in, sign-up, wrong keys.

A bucket of `burst` tries that fills up again by one try `every` so often. It is kept as one
instant, the one at which it will be full; so a try is one statement, whoever else tries at
the same time. Source: the generic cell rate algorithm, ITU-T I.371.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from math import ceil
from typing import Any

from django.db import connection

from tiktoktoe.accounts.models import Throttle
from tiktoktoe.kernel.errors import TikTokToeError


@dataclass(frozen=True, slots=True)
class Limit:
    """How many tries at once, and how soon another one is free."""

    name: str
    burst: int
    every: timedelta


# Many people share an address, few try one person's password from many.
SIGN_IN_FROM_ADDRESS = Limit("sign_in_address", 30, timedelta(seconds=10))
SIGN_IN_AS_PERSON = Limit("sign_in_person", 10, timedelta(minutes=1))
SIGN_UP = Limit("sign_up", 10, timedelta(minutes=6))
INVITATION = Limit("invitation", 10, timedelta(minutes=1))
PAY_LINK = Limit("pay_link", 20, timedelta(seconds=30))
WRONG_KEY = Limit("wrong_key", 30, timedelta(seconds=10))

_TAKE = """
INSERT INTO accounts_throttle AS kept (key, full_at) VALUES (%(key)s, %(at)s + %(every)s)
ON CONFLICT (key) DO UPDATE SET full_at = greatest(kept.full_at, %(at)s) + %(every)s
WHERE greatest(kept.full_at, %(at)s) + %(every)s <= %(at)s + %(whole)s
RETURNING full_at
"""


class TooManyTries(TikTokToeError):
    """A limit is used up; says in how many seconds the next try is free."""

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(f"too many tries; the next one is free in {wait_seconds} seconds")
        self.wait_seconds = wait_seconds


def take_try(limit: Limit, *, who: str, at: datetime) -> None:
    """Use one try up.

    Raises:
        TooManyTries: If none is left; then nothing is used.
    """
    key = _key(limit, who)
    whole = limit.every * limit.burst
    # psycopg knows what an interval is; Django's stubs do not.
    values: dict[str, Any] = {"key": key, "at": at, "every": limit.every, "whole": whole}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, values)
        if cursor.fetchone() is not None:
            return
    full_at = Throttle.objects.values_list("full_at", flat=True).get(key=key)
    wait = full_at + limit.every - at - whole
    raise TooManyTries(max(1, ceil(wait / timedelta(seconds=1))))


def forgive(limit: Limit, *, who: str) -> None:
    """Give all tries back, because somebody has shown who they are."""
    Throttle.objects.filter(key=_key(limit, who)).delete()


def forget_full(*, at: datetime) -> int:
    """Remove the buckets that are full again; gives how many."""
    removed, _ = Throttle.objects.filter(full_at__lte=at).delete()
    return removed


def _key(limit: Limit, who: str) -> str:
    # A hash, because addresses and e-mails are nothing to keep lists of.
    return f"{limit.name}:{sha256(who.encode()).hexdigest()[:40]}"
