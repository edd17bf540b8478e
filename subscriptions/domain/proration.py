"""Part of a price for part of a period, by a policy that is named, stored and shown.

Amounts are exact until each line is rounded on its own, half away from zero, so that every
line of an invoice is a payable amount.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction

from subscriptions.domain.proration_policy import (
    CreditBase,
    DayGoesTo,
    Denominator,
    ProrationPolicy,
    ProrationUnit,
)
from subscriptions.errors import ChangeOutsidePeriod
from tiktoktoe.kernel.clock import utc
from tiktoktoe.kernel.money import CurrencyMismatch, Money, quantize_amount, zero
from tiktoktoe.kernel.periods import (
    SECOND,
    BillingPeriods,
    Period,
    local_date,
    local_midnight,
)
from tiktoktoe.kernel.rates import TIMES, exact_text, round_half_away


@dataclass(frozen=True, slots=True, kw_only=True)
class Proration:
    """A price's part for some of a period's units, with everything needed to recount it.

    `units` of `whole_units` are charged, or credited; `amount` is positive for both.
    `limit` is set where a credit would have been more than is left to give back.
    """

    price: Money
    units: int
    whole_units: int
    unit: ProrationUnit
    share: Fraction
    exact: Fraction
    amount: Money
    starts_at: datetime
    ends_at: datetime
    policy: ProrationPolicy
    limit: Money | None = None

    @property
    def formula(self) -> str:
        """The arithmetic as it is written: 59 times 14/31 days = 26.65."""
        counted = f"{self.units}/{self.whole_units} {self.unit}s"
        capped = f", at most {exact_text(self.limit.amount)}" if self.limit is not None else ""
        result = exact_text(self.amount.amount)
        return f"{exact_text(self.price.amount)} {TIMES} {counted}{capped} = {result}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeProration:
    """What a change of plan credits and charges at once; `net` may be negative."""

    takes_effect_at: datetime
    credit: Proration | None
    charge: Proration
    net: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """What a line charged in advance, net of tax, and for which time.

    `credited` is what has been given back of it already.
    """

    amount: Money
    period: Period
    credited: Money

    @property
    def left(self) -> Money:
        """How much of it can still be given back."""
        return max(self.amount - self.credited, zero(self.amount.currency))


def charge_part(
    *,
    price: Money,
    whole: Period,
    start: datetime,
    end: datetime,
    time_zone: str,
    policy: ProrationPolicy,
) -> Proration:
    """The part of a price for the time from `start` to `end` of a whole period.

    Args:
        price: Price of the whole period, all units of a quantity together, before tax.
        whole: The period that the price is for; it is the denominator.
        start: From when; bounded by the whole period.
        end: Until when, exclusive; bounded by the whole period.
        time_zone: Where days are counted.
        policy: The rules.
    """
    first, last = max(utc(start), whole.start), min(utc(end), whole.end)
    whole_units = _units(whole.start, whole.end, time_zone, policy.unit)
    units = _units(first, last, time_zone, policy.unit) if last > first else 0
    return _proration(price, units, whole_units, (first, last), policy)


def credit_unused(
    *,
    price: Money,
    whole: Period,
    billed: Billed,
    unused_from: datetime,
    time_zone: str,
    policy: ProrationPolicy,
    unused_until: datetime | None = None,
) -> Proration:
    """What is given back of a line billed in advance, for the time from an instant on.

    Never more than what was billed and has not been given back yet.

    Args:
        price: The current price of the whole period; used if the policy credits from it.
        whole: The period that the price is for.
        billed: What was billed, for which time, and what was credited of it.
        unused_from: From when it is not used; see `change_boundary`, `cancel_boundary`.
        time_zone: Where days are counted.
        policy: The rules.
        unused_until: Until when; else to the end of what was billed.
    """
    from_billed = policy.credit_base == CreditBase.BILLED_AMOUNT
    part = charge_part(
        price=billed.amount if from_billed else price,
        whole=billed.period if from_billed else whole,
        start=max(utc(unused_from), billed.period.start),
        end=min(utc(unused_until), billed.period.end) if unused_until else billed.period.end,
        time_zone=time_zone,
        policy=policy,
    )
    return _limited(part, billed.left)


def prorate(
    *,
    new_price: Money,
    new_whole: Period,
    at: datetime,
    time_zone: str,
    policy: ProrationPolicy,
    old_price: Money | None = None,
    old_whole: Period | None = None,
    billed: Billed | None = None,
) -> ChangeProration:
    """Prorate a change of plan in the middle of a period that was billed in advance.

    Credits the unused time of the old plan and charges the rest of the new plan's period,
    each rounded on its own. If nothing was billed in advance (a free plan, arrears), there
    is nothing to credit.

    Args:
        new_price: Price of one whole period on the new plan, before tax.
        new_whole: The new plan's period that the change falls in.
        at: The instant of the change; the policy says from which boundary it counts.
        time_zone: Where days are counted.
        policy: The rules.
        old_price: Price of one whole period on the old plan; that of `billed` by default.
        old_whole: The old plan's period that the change falls in; `new_whole` by default.
        billed: What was billed in advance for the old plan, if anything.

    Raises:
        ChangeOutsidePeriod: If the change does not fall in the new plan's period.
        CurrencyMismatch: If the plans are in different currencies.
    """
    if not new_whole.contains(at):
        raise ChangeOutsidePeriod(
            f"{utc(at).isoformat()} is not in {new_whole}", field="at", remedy="bill up to it first"
        )
    if billed is not None and billed.amount.currency != new_price.currency:
        raise CurrencyMismatch(f"{billed.amount.currency} to {new_price.currency}")
    boundary = change_boundary(at=at, time_zone=time_zone, policy=policy)
    charge = charge_part(
        price=new_price,
        whole=new_whole,
        start=boundary,
        end=new_whole.end,
        time_zone=time_zone,
        policy=policy,
    )
    credit = None
    if billed is not None and billed.amount:
        credit = credit_unused(
            price=old_price if old_price is not None else billed.amount,
            whole=old_whole if old_whole is not None else new_whole,
            billed=billed,
            unused_from=boundary,
            time_zone=time_zone,
            policy=policy,
        )
    net = charge.amount - credit.amount if credit is not None else charge.amount
    return ChangeProration(takes_effect_at=boundary, credit=credit, charge=charge, net=net)


def whole_of(part: Period, *, periods: BillingPeriods, policy: ProrationPolicy) -> Period:
    """The whole period that a part of one is priced by: the denominator.

    A part that starts with a period belongs to that one under every rule. By `NEXT_CYCLE` any
    other one belongs to the interval that ends where it, or the period it starts in, ends.
    """
    containing = periods.period_at(part.start)
    if policy.denominator == Denominator.WHOLE_PERIOD or part.start == containing.start:
        return containing
    end = min(part.end, containing.end)
    first_day = periods.interval.add_to(local_date(end, periods.time_zone), -1)
    return Period(local_midnight(first_day, periods.time_zone), end)


def change_boundary(*, at: datetime, time_zone: str, policy: ProrationPolicy) -> datetime:
    """From which instant a change counts: by the day, from a local midnight."""
    return _boundary(at, time_zone, policy.unit, policy.change_day)


def cancel_boundary(*, at: datetime, time_zone: str, policy: ProrationPolicy) -> datetime:
    """From which instant a cancellation, or a pause, counts: what follows is not billed."""
    return _boundary(at, time_zone, policy.unit, policy.cancel_day)


def _boundary(at: datetime, time_zone: str, unit: ProrationUnit, day: DayGoesTo) -> datetime:
    if unit == ProrationUnit.SECOND:
        return utc(at).replace(microsecond=0)
    today = local_date(at, time_zone)
    if day == DayGoesTo.EARLIER:
        today += timedelta(days=1)
    return local_midnight(today, time_zone)


def _units(start: datetime, end: datetime, time_zone: str, unit: ProrationUnit) -> int:
    """Whole seconds, or the local days that have started."""
    if unit == ProrationUnit.SECOND:
        return (end - start) // SECOND
    first, last = local_date(start, time_zone), local_date(end, time_zone)
    is_started = end > local_midnight(last, time_zone)
    return (last - first).days + is_started


def _proration(
    price: Money,
    units: int,
    whole_units: int,
    span: tuple[datetime, datetime],
    policy: ProrationPolicy,
) -> Proration:
    share = Fraction(units, whole_units)
    if policy.share_places is not None:
        share = Fraction(round_half_away(share, policy.share_places))
    exact = Fraction(price.amount) * share
    return Proration(
        price=price,
        units=units,
        whole_units=whole_units,
        unit=policy.unit,
        share=share,
        exact=exact,
        amount=quantize_amount(exact, price.currency),
        starts_at=span[0],
        ends_at=span[1],
        policy=policy,
    )


def _limited(part: Proration, left: Money) -> Proration:
    if part.amount <= left:
        return part
    return replace(part, amount=left, limit=left)
