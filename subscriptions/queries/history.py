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
    """From when a transition counts, if not from when it was recorded, and what else it names."""
    zone = transition.subscription.time_zone
    said = []
    if transition.effective_at != transition.recorded_at:
        said.append(f"effective {_day(transition.effective_at, zone)}")
    for name, words in DAYS.items():
        if given := transition.details.get(name):
            said.append(f"{words} {_day(datetime.fromisoformat(given), zone)}")
    return said


def _day(instant: datetime, zone: str) -> str:
    return f"{local_date(instant, zone):%-d %b %Y}"
