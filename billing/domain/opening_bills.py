"""How much of what another engine billed is for time that is served here."""

from datetime import datetime

from subscriptions.domain.proration import charge_part
from subscriptions.domain.proration_policy import OWN
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.periods import Period, local_date, local_midnight


def not_served(amount: Money, period: Period, *, moved_in_at: datetime, time_zone: str) -> Money:
    """The part for the days from that of moving in on, which is served here."""
    since = local_midnight(local_date(moved_in_at, time_zone), time_zone)
    part = charge_part(
        price=amount,
        whole=period,
        start=since,
        end=period.end,
        time_zone=time_zone,
        policy=OWN,
    )
    return part.amount
