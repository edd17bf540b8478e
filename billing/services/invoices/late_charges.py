"""What usage that came after its subscription's end costs, by the very lines that closed it.

The last period is worked out once more, with everything that came since where it would have
counted; what was charged of it is taken off (`billing.domain.late_usage`).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from django.db.models import Sum

from billing.domain.late_usage import Reckoned, late_derivation, settle
from billing.models import CreditNoteLine, Invoice, InvoiceLine
from billing.models.invoices import UNBILLED_STATES
from billing.queries.late_usage import LateEvent, Unbilled, billed_late
from billing.services.invoices.add_on_lines import AddOnBook
from billing.services.invoices.closing import early_boundary
from billing.services.invoices.draft_parts import Boundary, DraftLine
from billing.services.invoices.period_lines import draft_lines
from billing.services.invoices.terms import PriceBook
from subscriptions.domain.metering import matches
from subscriptions.models import Price, Subscription, SubscriptionPhase
from subscriptions.queries.measures import Late, LateArrival
from subscriptions.services.policies import PolicyBook
from tiktoktoe.kernel.money import Money, quantize_amount, total
from tiktoktoe.kernel.periods import local_date
from tiktoktoe.kernel.rates import exact_sum

LineKey = tuple[str, int | None, datetime]
Phases = Mapping[int, Sequence[SubscriptionPhase]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LateLine:
    """A line to be, with the late events that it is of."""

    line: DraftLine
    events: tuple[LateEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LateBill:
    """What an ended subscription owes for what came late, or gets back.

    `too_much` is what was charged beyond what everything comes to now; then nothing is due.
    `charged` are the lines that charged its last period, the newest last, each with what it
    still charges.
    """

    subscription: Subscription
    lines: tuple[LateLine, ...]
    too_much: Money
    charged: tuple[tuple[InvoiceLine, Money], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LateCharge:
    """What is unbilled of a price, and what it costs, before coupons and tax.

    No amount: no part of what was billed is for it, so that a person has to say.
    """

    unbilled: Unbilled
    quantity: Decimal
    amount: Money | None


def late_charges(rows: Sequence[Unbilled]) -> list[LateCharge]:
    """What unbilled usage would cost, price by price; a fixed number of queries."""
    bills = late_bills(rows)
    told = set[int]()
    found = []
    for row in rows:
        bill = bills[row.subscription.pk]
        events = {(e.source_id, e.event_id) for e in row.events}
        own = [
            late.line
            for late in bill.lines
            if any((e.source_id, e.event_id) in events for e in late.events)
        ]
        amount = total((line.amount for line in own), row.subscription.currency) if own else None
        if amount is not None and row.subscription.pk not in told:
            told.add(row.subscription.pk)
            amount -= bill.too_much
        quantity = exact_sum(line.quantity for line in own)
        found.append(LateCharge(unbilled=row, quantity=quantity, amount=amount))
    return found


def late_bills(rows: Sequence[Unbilled]) -> dict[int, LateBill]:
    """What each ended subscription owes, by its id; a fixed number of queries."""
    of_subscription: dict[int, list[Unbilled]] = defaultdict(list)
    for row in rows:
        of_subscription[row.subscription.pk].append(row)
    subscriptions = {key: group[0].subscription for key, group in of_subscription.items()}
    phases = _phases(subscriptions)
    charged = _charged(subscriptions)
    gave_back = _gave_back([line for lines in charged.values() for line in lines])
    billed = _billed_at(subscriptions, charged)
    before = billed_late(subscriptions)
    versions = {phase.plan_version_id for group in phases.values() for phase in group}
    known = AddOnBook(subscriptions, PolicyBook(), versions)
    boundaries = []
    for key, subscription in subscriptions.items():
        over_at = max(phases[key][-1].ends_at or _end(subscription), _start(subscription))
        boundary = early_boundary(subscription, over_at, is_last=True)
        events: dict[int, list[LateEvent]] = {meter: [] for meter in known.prices.meters}
        for row in of_subscription[key]:
            events[row.price.meter_id or 0].extend(row.events)
        for meter, found in events.items():
            found.extend(before.get((key, meter), ()))
        late = {meter: _late(boundary, found, billed[key]) for meter, found in events.items()}
        boundaries.append(replace(boundary, late=late))
    drafted = draft_lines(boundaries, phases, known)
    return {
        key: _Reckoning(boundary, charged[key], gave_back, known.prices).bill(
            lines if billed[key] else [line for line in lines if line.kind == "usage"],
            of_subscription[key],
        )
        for key, boundary, lines in zip(of_subscription, boundaries, drafted, strict=True)
    }


def _end(subscription: Subscription) -> datetime:
    assert subscription.ended_at is not None
    return subscription.ended_at


def _start(subscription: Subscription) -> datetime:
    return subscription.current_period_start


def _phases(subscriptions: Mapping[int, Subscription]) -> Phases:
    found: dict[int, list[SubscriptionPhase]] = defaultdict(list)
    rows = SubscriptionPhase.objects.filter(subscription__in=subscriptions)
    for phase in rows.order_by("starts_at"):
        found[phase.subscription_id].append(phase)
    return found


def _charged(subscriptions: Mapping[int, Subscription]) -> dict[int, list[InvoiceLine]]:
    """The lines that charged each one's last period for usage and minimums, the newest last.

    What a threshold billed early was charged by the closing invoice again, and taken off there.
    """
    found: dict[int, list[InvoiceLine]] = {key: [] for key in subscriptions}
    if not found:
        return found
    rows = InvoiceLine.objects.filter(
        subscription__in=subscriptions,
        kind__in=[InvoiceLine.Kind.USAGE, InvoiceLine.Kind.TRUE_UP],
        period_start__gte=min(_start(one) for one in subscriptions.values()),
    ).exclude(invoice__kind=Invoice.Kind.THRESHOLD)
    rows = rows.exclude(invoice__state__in=UNBILLED_STATES).select_related("invoice")
    for line in rows.order_by("invoice__created_at", "invoice_id", "position"):
        key = line.subscription_id
        if key and line.period_start >= _start(subscriptions[key]):
            found[key].append(line)
    return found


def _gave_back(lines: Sequence[InvoiceLine]) -> Mapping[UUID, Decimal]:
    """What credit notes of this kind have given back of lines, as their prices say it.

    Other notes give money back, not usage: what they took off is not charged again.
    """
    of_line = {line.pk: line for line in lines}
    rows = CreditNoteLine.objects.filter(
        invoice_line__in=of_line, credit_note__idempotency_key__startswith="late:"
    )
    sums = rows.values_list("invoice_line").annotate(net=Sum("amount"), tax=Sum("tax_amount"))
    return {pk: net + tax if of_line[pk].includes_tax else net for pk, net, tax in sums}


def _billed_at(
    subscriptions: Mapping[int, Subscription], charged: Mapping[int, Sequence[InvoiceLine]]
) -> dict[int, datetime | None]:
    """When each last period was billed; None where that was taken back, or is not charged."""
    undone = InvoiceLine.objects.filter(
        subscription__in=subscriptions, invoice__state__in=UNBILLED_STATES
    ).exclude(invoice__idempotency_key__startswith="late:")
    not_charged = {
        key
        for key, start in undone.values_list("subscription_id", "period_start")
        if start >= _start(subscriptions[key])
    }
    found: dict[int, datetime | None] = {}
    for key, lines in charged.items():
        closing = [
            line.invoice.finalized_at or line.invoice.created_at
            for line in lines
            if line.invoice.kind in {Invoice.Kind.PERIOD, Invoice.Kind.FINAL}
            and not line.invoice.idempotency_key.startswith("late:")
        ]
        otherwise = None if key in not_charged else _end(subscriptions[key])
        found[key] = max(closing, default=otherwise)
    return found


def _late(boundary: Boundary, events: Sequence[LateEvent], billed_at: datetime | None) -> Late:
    """What came late of a meter, where it would have counted."""
    zone = boundary.subscription.time_zone
    counted = [(event, _counted_at(event, boundary)) for event in events]
    return Late(
        over_at=boundary.at,
        over_day=local_date(boundary.at, zone),
        billed_at=billed_at,
        arrivals=tuple(
            LateArrival(
                source_id=event.source_id,
                event_id=event.event_id,
                occurred_at=event.occurred_at,
                counted_at=at,
                counted_on=local_date(at, zone),
            )
            for event, at in counted
        ),
    )


def _counted_at(event: LateEvent, boundary: Boundary) -> datetime:
    """When an event would have counted: its own time, or the start of the last period."""
    closed = boundary.closed_usage
    return event.occurred_at if closed is None else max(event.occurred_at, closed.start)


class _Reckoning:
    """The lines of a last period with everything that came, beside those that charged it."""

    def __init__(
        self,
        boundary: Boundary,
        charged: Sequence[InvoiceLine],
        gave_back: Mapping[UUID, Decimal],
        book: PriceBook,
    ) -> None:
        self._boundary = boundary
        self._subscription = boundary.subscription
        self._charged = charged
        self._book = book
        self._still = {line.pk: _before_coupons(line, gave_back) for line in charged}
        self._of_key: dict[LineKey, list[InvoiceLine]] = defaultdict(list)
        for line in charged:
            self._of_key[line.kind, line.price_id, line.period_start].append(line)

    def bill(self, lines: Sequence[DraftLine], rows: Sequence[Unbilled]) -> LateBill:
        """What is due of the lines that everything comes to, or was too much."""
        wanted = {_key(line): line for line in lines if line.kind in {"true_up", "usage"}}
        keys = sorted({*wanted, *self._of_key}, key=lambda key: key[0])  # minimums first
        reckoned = [self._reckoned(key, wanted.get(key)) for key in keys]
        settled = settle(reckoned)
        events = self._events_of(wanted, rows)
        currency = self._subscription.currency
        made = [
            LateLine(
                line=self._line(wanted[key], one, Money(due, currency), taken, len(events[key])),
                events=tuple(events[key]),
            )
            for key, one, due, taken in zip(
                keys, reckoned, settled.due, settled.taken_off, strict=True
            )
            if key in wanted and (due or events[key])
        ]
        return LateBill(
            subscription=self._subscription,
            lines=tuple(made),
            too_much=Money(settled.too_much, currency),
            charged=tuple((line, Money(self._still[line.pk], currency)) for line in self._charged),
        )

    def _reckoned(self, key: LineKey, wanted: DraftLine | None) -> Reckoned:
        lines = self._of_key.get(key, ())
        charged = exact_sum(self._still[line.pk] for line in lines)
        if wanted is None:
            return Reckoned(Decimal(0), charged)
        if self._is_ahead(wanted):  # it is less all that was billed of it, notes left aside
            charged -= exact_sum((line.charged + line.discount).amount for line in lines)
        return Reckoned(wanted.amount.amount, charged)

    def _is_ahead(self, line: DraftLine) -> bool:
        return any(
            price.price.pk == line.price_id and price.price.timing == Price.Timing.ADVANCE
            for price in self._book.all_of_usage
        )

    def _line(
        self, whole: DraftLine, one: Reckoned, due: Money, taken_off: Decimal, event_count: int
    ) -> DraftLine:
        before = exact_sum(line.quantity for line in self._of_key.get(_key(whole), ()))
        return replace(
            whole,
            description=f"{whole.description}, came late",
            quantity=whole.quantity - before,
            unit_amount=None,
            amount=due,
            derivation=late_derivation(
                whole.derivation,
                before=before,
                paid=one.charged,
                taken_off=taken_off,
                left=due,
                event_count=event_count,
            ),
        )

    def _events_of(
        self, wanted: Mapping[LineKey, DraftLine], rows: Sequence[Unbilled]
    ) -> dict[LineKey, list[LateEvent]]:
        """The late events of each line: by meter, dimensions and day, as it counts them."""
        found: dict[LineKey, list[LateEvent]] = {key: [] for key in wanted}
        for row in rows:
            for event in row.events:
                key = self._line_of(wanted, row.price.meter_id, event)
                if key is not None:
                    found[key].append(event)
        return defaultdict(list, found)

    def _line_of(
        self, wanted: Mapping[LineKey, DraftLine], meter_id: int | None, event: LateEvent
    ) -> LineKey | None:
        at = _counted_at(event, self._boundary)
        for loaded in self._book.all_of_usage:
            if loaded.price.variant_of_id is not None or loaded.price.meter_id != meter_id:
                continue
            fits = (v for v in loaded.variants if matches(event.dimensions, v.match))
            price = next(fits, loaded).price
            for key, line in wanted.items():
                if key[1] == price.pk and line.kind == "usage" and line.period.contains(at):
                    return key
        return None


def _key(line: DraftLine) -> LineKey:
    return (str(line.kind), line.price_id, line.period.start)


def _before_coupons(line: InvoiceLine, gave_back: Mapping[UUID, Decimal]) -> Decimal:
    """What a line still charges, as its price says it and before coupons."""
    said = Decimal((line.charged + line.discount).amount)
    given = gave_back.get(line.pk, Decimal(0))
    if not given or not line.discount:
        return said - given
    # A note gives back what was paid: with the share that coupons had of it, it was more.
    share = Fraction(said) / Fraction(line.charged.amount)
    return said - Decimal(quantize_amount(Fraction(given) * share, line.currency).amount)
