"""A start line in the past, so that what tests make is announced."""

from billing.services.announcements.announcing import start_announcing
from tests.factories.subscriptions import JAN_1


def announce_from_january() -> None:
    """Tell everything since the first of January 2026."""
    start_announcing(at=JAN_1)
