"""Why an invoice line is what it is: its derivation beside the price and the usage it names."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from billing.domain.derivation import Derivation
from billing.models import Invoice, InvoiceLine
from subscriptions.domain.metering import Aggregation, UsageTotal, add_up
from subscriptions.models import Meter, Tier
from subscriptions.queries import UsageSpan, usage_days
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.periods import local_date, local_midnight

ONE_DAY = timedelta(days=1)
INPUT_WORDS = {
    "quantity": "Quantity",
    "included": "Included in the plan",
    "billable": "Charged",
    "price": "Price of a whole period",
    "units": "Time",
    "of": "Of a period of",
    "from": "From",
    "to": "Until",
    "limit": "At most",
}
POLICY_WORDS = {
    "unit": "Time is counted in",
    "change_day": "The day of a change goes to the",
    "cancel_day": "The day of a cancellation goes to the",
    "denominator": "A part is a part of the",
    "credit_base": "A credit is counted from the",
    "share_places": "Places a share is rounded to",
}
HIDDEN_INPUTS = frozenset({"billed_line"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DayShare:
    """What one local day added to a line's quantity."""

    day: date
    quantity: Decimal
    event_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything a line was made of; `counted_now` is what its usage adds up to today."""

    derivation: Derivation | None
    inputs: tuple[tuple[str, str], ...]
    policy: tuple[tuple[str, str], ...]
    tiers: tuple[Tier, ...]
    meter: Meter | None
    days: tuple[DayShare, ...]
    event_count: int
    counted_now: Decimal | None
    first_day: date | None
    last_day: date | None
    gross: Money
    credited_line: InvoiceLine | None

    @property
    def agrees(self) -> bool:
        """Whether a recount of the usage gives the quantity that was billed."""
        if self.counted_now is None or self.derivation is None:
            return True
        return self.counted_now == Decimal(self.derivation.inputs["quantity"])


def explain_line(line: InvoiceLine, invoice: Invoice) -> Explanation:
    """Put a line's derivation beside its price's tiers and its usage day by day."""
    body: dict[str, Any] = line.derivation
    derivation = Derivation.from_json(body) if body else None
    inputs = derivation.inputs if derivation else {}
    meter, span = _usage(derivation, invoice)
    days = usage_days(span) if span else []
    total = add_up(day.total for day in days)
    return Explanation(
        derivation=derivation,
        inputs=tuple(
            (INPUT_WORDS.get(name, name), value)
            for name, value in inputs.items()
            if name not in HIDDEN_INPUTS
        ),
        policy=_policy_words(derivation),
        tiers=tuple(line.price.tiers.all()) if line.price else (),
        meter=meter,
        days=tuple(_share(day.day, day.total, meter) for day in days) if meter else (),
        event_count=total.event_count,
        counted_now=total.quantity(Aggregation(meter.aggregation)) if meter else None,
        first_day=span.from_day if span else None,
        last_day=span.to_day - ONE_DAY if span else None,
        gross=line.amount + line.tax_amount,
        credited_line=_credited_line(inputs.get("billed_line")),
    )


def _policy_words(derivation: Derivation | None) -> tuple[tuple[str, str], ...]:
    """The rules of the policy that was applied, as they were, in words."""
    rules = derivation.policy if derivation else {}
    return tuple(
        (words, rules[name].replace("_", " "))
        for name, words in POLICY_WORDS.items()
        if rules.get(name)
    )


def _usage(
    derivation: Derivation | None, invoice: Invoice
) -> tuple[Meter | None, UsageSpan | None]:
    """The meter and days that a line's quantity was counted from, if it was counted."""
    if derivation is None or derivation.events is None:
        return None, None
    counted = derivation.events
    meter = Meter.objects.filter(code=counted.meter).first()
    if meter is None:
        return None, None
    time_zone = invoice.customer.time_zone
    end_day = local_date(counted.period.end, time_zone)
    if local_midnight(end_day, time_zone) != counted.period.end:
        end_day += ONE_DAY
    first_day = local_date(counted.period.start, time_zone)
    return meter, UsageSpan(counted.customer_id, meter.pk, first_day, end_day)


def _credited_line(line_id: str | None) -> InvoiceLine | None:
    """The line that a change of plan gave back, if this line does that."""
    if line_id is None:
        return None
    return InvoiceLine.objects.select_related("invoice").filter(pk=line_id).first()


def _share(day: date, total: UsageTotal, meter: Meter | None) -> DayShare:
    assert meter is not None
    quantity = total.quantity(Aggregation(meter.aggregation))
    return DayShare(day=day, quantity=quantity, event_count=total.event_count)
