"""Why an invoice line is what it is: its derivation beside the price and the usage it names."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from billing.domain.derivation import Derivation
from billing.models import Invoice, InvoiceLine
from billing.queries.late_usage import CameLateOf, late_events_of
from subscriptions.domain.metering import ROLLED_UP, Aggregation, UsageTotal, add_up
from subscriptions.models import Meter, Price, Tier
from subscriptions.queries import usage_days
from subscriptions.queries.measures import DayTotals, Measure, Part, measure_of
from subscriptions.queries.quantities import measure_parts, roll_ups
from tiktoktoe.kernel.money import Money

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
    "minimum": "At least",
    "share": "Share of the period",
    "charged": "Charged for it",
    "event_count": "Events",
    "billed": "Billed before",
    "charged_before": "Quantity charged before",
    "late_events": "Events that came late",
}
POLICY_WORDS = {
    "unit": "Time is counted in",
    "change_day": "The day of a change goes to the",
    "cancel_day": "The day of a cancellation goes to the",
    "denominator": "A part is a part of the",
    "credit_base": "A credit is counted from the",
    "share_places": "Places a share is rounded to",
    "usage_places": "Places that prorated usage is rounded up to",
}
HIDDEN_INPUTS = frozenset({"billed_line", "billed_invoice"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DayShare:
    """What one local day added to a line's quantity."""

    day: date
    quantity: Decimal | None  # None where a day alone has none: unique, latest, a level
    event_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTax:
    """One of the taxes on a line."""

    name: str
    percentage: Decimal
    jurisdiction: str
    tax: Money


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
    net: Money
    gross: Money
    is_of_open_period: bool
    credited_line: InvoiceLine | None
    credited_invoice: Invoice | None
    dimensions: tuple[str, ...] | None  # of its events, if they are not all of the meter's
    taxes: tuple[LineTax, ...] = ()
    came_late: CameLateOf = field(default_factory=CameLateOf)

    @property
    def agrees(self) -> bool:
        """Whether a recount of the usage gives the quantity that was billed."""
        if self.counted_now is None or self.derivation is None or self.is_of_open_period:
            return True
        return self.counted_now == Decimal(self.derivation.inputs["quantity"])


def explain_line(line: InvoiceLine, invoice: Invoice) -> Explanation:
    """Put a line's derivation beside its price's tiers and its usage day by day."""
    body: dict[str, Any] = line.derivation
    explained = explain(
        derivation=Derivation.from_json(body) if body else None,
        price=line.price,
        net=line.amount,
        gross=line.amount + line.tax_amount,
        time_zone=invoice.customer.time_zone,
        is_of_open_period=invoice.kind in {Invoice.Kind.THRESHOLD, Invoice.Kind.AHEAD},
    )
    is_late = line.kind == InvoiceLine.Kind.USAGE and invoice.kind == Invoice.Kind.FINAL
    return replace(
        explained,
        taxes=_taxes_of(line, invoice),
        came_late=late_events_of(line.pk) if is_late else CameLateOf(),
    )


def _taxes_of(line: InvoiceLine, invoice: Invoice) -> tuple[LineTax, ...]:
    """Each tax on a line, by the invoice's own table of taxes."""
    known = {row["code"]: row for row in invoice.tax_breakdown}
    parts = line.taxes or [{"code": line.tax_code, "tax": str(line.tax_amount.amount)}]
    return tuple(
        LineTax(
            name=row["name"],
            percentage=Decimal(row["percentage"]),
            jurisdiction=row.get("jurisdiction", ""),
            tax=Money(part["tax"], line.currency),
        )
        for part in parts
        if (row := known.get(part["code"])) is not None
    )


def explain(
    *,
    derivation: Derivation | None,
    price: Price | None,
    net: Money,
    gross: Money,
    time_zone: str,
    is_of_open_period: bool = False,
) -> Explanation:
    """Put a derivation, of a line that was written or is to be, beside price and usage."""
    inputs = derivation.inputs if derivation else {}
    measure = _measure(derivation, time_zone)
    meter, span = (measure.meter, measure.span) if measure else (None, None)
    chosen = derivation.events.dimensions if derivation and derivation.events else None
    days = usage_days(span, dimensions=chosen) if span else []
    total = add_up(day.total for day in days)
    groups = roll_ups([measure])[0] if measure else ()
    counted = tuple(g for g in groups if chosen is None or g.key in chosen)
    return Explanation(
        derivation=derivation,
        inputs=_inputs_in_words(inputs),
        policy=_policy_words(derivation),
        tiers=tuple(price.tiers.all()) if price else (),
        meter=meter,
        days=tuple(_share(day.day, day.total, meter) for day in days) if meter else (),
        event_count=total.event_count,
        counted_now=_recounted(measure, counted) if measure else None,
        first_day=span.from_day if span else None,
        last_day=span.to_day - ONE_DAY if span else None,
        net=net,
        gross=gross,
        is_of_open_period=is_of_open_period,
        credited_line=_credited_line(inputs.get("billed_line")),
        credited_invoice=_credited_invoice(inputs.get("billed_invoice")),
        dimensions=None if len(counted) == len(groups) else chosen,
    )


def _inputs_in_words(inputs: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """What went in, in the order of the words: PostgreSQL keeps none of its own."""
    shown = [name for name in inputs if name not in HIDDEN_INPUTS]
    order = {name: place for place, name in enumerate(INPUT_WORDS)}
    shown.sort(key=lambda name: order.get(name, len(order)))
    return tuple((INPUT_WORDS.get(name, name), inputs[name]) for name in shown)


def _policy_words(derivation: Derivation | None) -> tuple[tuple[str, str], ...]:
    """The rules of the policy that was applied, as they were, in words."""
    rules = derivation.policy if derivation else {}
    return tuple(
        (words, rules[name].replace("_", " "))
        for name, words in POLICY_WORDS.items()
        if rules.get(name)
    )


def _measure(derivation: Derivation | None, time_zone: str) -> Measure | None:
    """What a line's quantity was measured by, if it was."""
    if derivation is None or derivation.events is None:
        return None
    counted = derivation.events
    meter = Meter.objects.filter(code=counted.meter).first()
    if meter is None:
        return None
    return measure_of(
        customer_id=counted.customer_id,
        meter=meter,
        stretch=counted.period,
        whole=counted.whole or counted.period,
        time_zone=time_zone,
        is_prorated=counted.is_prorated,
        rounds_up_to=counted.rounds_up_to,
    )


def _recounted(measure: Measure, groups: tuple[DayTotals, ...]) -> Decimal:
    """The quantity as the events have it today."""
    (found,) = measure_parts([Part(measure=measure, groups=groups)])
    return found.quantity


def _credited_line(line_id: str | None) -> InvoiceLine | None:
    """The line that a change of plan gave back, if this line does that."""
    if line_id is None:
        return None
    return InvoiceLine.objects.select_related("invoice").filter(pk=line_id).first()


def _credited_invoice(invoice_id: str | None) -> Invoice | None:
    """The earlier invoice whose usage this line takes off, if it does that."""
    return Invoice.objects.filter(pk=invoice_id).first() if invoice_id else None


def _share(day: date, total: UsageTotal, meter: Meter | None) -> DayShare:
    assert meter is not None
    aggregation = Aggregation(meter.aggregation)
    has_one = aggregation in ROLLED_UP and not meter.is_carried_over
    quantity = total.quantity(aggregation) if has_one else None
    return DayShare(day=day, quantity=quantity, event_count=total.event_count)
