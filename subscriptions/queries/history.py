"""What happened to a subscription, in words."""

from datetime import datetime

from subscriptions.models import SubscriptionTransition
from tiktoktoe.kernel.periods import local_date

# What a transition may say of other days, as its details call them.
DAYS = {
    "cancel_at": "ends",
    "change_at": "changes",
    "pause_at": "pauses",
    "paused_from": "not billed from",
    "resume_at": "goes on",
    "billed_from": "billed from",
    "from": "before",
    "to": "now until",
}


def days_of(transition: SubscriptionTransition) -> list[str]:
    """The other days that a transition names."""
    zone = transition.subscription.time_zone
    return [
        f"{words} {day_of(datetime.fromisoformat(given), zone)}"
        for name, words in DAYS.items()
        if (given := transition.details.get(name))
    ]


def day_of(instant: datetime, zone: str) -> str:
    """The local day of an instant."""
    return f"{local_date(instant, zone):%-d %b %Y}"
