"""Test clocks: made, and set forward; only where no real money is."""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef

from subscriptions.errors import ClockNotAllowed, CustomerInvalid
from subscriptions.models import Customer, CustomerClock
from tiktoktoe.kernel.clock import utc


@transaction.atomic
def create_clock(*, code: str, starts_at: datetime, at: datetime) -> CustomerClock:
    """Make a clock that shows `starts_at`; customers are put on it when they are made.

    Raises:
        ClockNotAllowed: If live payment keys are set: a moved clock would charge real people.
        CustomerInvalid: If the code is taken.
    """
    ensure_no_real_money()
    if CustomerClock.objects.filter(code=code).exists():
        raise CustomerInvalid(f"{code!r} is another clock's", field="code")
    return CustomerClock.objects.create(code=code, at=utc(starts_at), created_at=at)


@transaction.atomic
def set_clock(*, clock: CustomerClock, to: datetime) -> CustomerClock:
    """Let a clock show a later instant; what is due by then is the caller's matter.

    Raises:
        ClockNotAllowed: If live payment keys are set.
        CustomerInvalid: If it shows a later instant already.
    """
    ensure_no_real_money()
    locked = CustomerClock.objects.select_for_update().get(pk=clock.pk)
    if utc(to) < locked.at:
        raise CustomerInvalid(
            f"the clock shows {locked.at.isoformat()} already",
            field="to",
            remedy="a clock only goes forward",
        )
    locked.at = utc(to)
    locked.save(update_fields=["at"])
    return locked


def key_of(clock: CustomerClock | None) -> int | None:
    """What customers of a clock name it by; None: of those without one."""
    return None if clock is None else clock.pk


def clocks_in_use() -> list[CustomerClock]:
    """The clocks that customers live by; none where live payment keys are set."""
    if not may_have_clocks():
        return []
    lives_by_it = Customer.objects.filter(clock=OuterRef("pk"))
    return list(CustomerClock.objects.filter(Exists(lives_by_it)).order_by("pk"))


def may_have_clocks() -> bool:
    """Whether no live payment keys are set."""
    return not (settings.STRIPE_LIVE_MODE or settings.STRIPE_LIVE_SECRET_KEY)


def ensure_no_real_money() -> None:
    """Refuse what only a sandbox may do.

    Raises:
        ClockNotAllowed: If live payment keys are set.
    """
    if not may_have_clocks():
        raise ClockNotAllowed("test clocks are for sandboxes; live payment keys are set here")
