"""What a subscription owes at a boundary of its periods: worked out for many at once, not written.

A preview and a billing run go through here, so that they cannot differ.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from billing.domain.derivation import (
    Derivation,
    EventFilter,
    proration_derivation,
    rated_derivation,
)
from billing.domain.rating import rate
from billing.domain.tax import TaxableLine
from billing.domain.totals import Totals, totals
from billing.models import InvoiceLine
from billing.queries.credit_balance import credit_of
from billing.services.tax import TaxTable
from billing.services.terms import LoadedPrice, PriceBook
from subscriptions.domain.metering import Aggregation, UsageTotal
from subscriptions.domain.proration import charge_part, whole_of
from subscriptions.domain.proration_policy import ProrationPolicy
from subscriptions.models import Customer, Subscription, SubscriptionPhase
from subscriptions.queries import UsageSpan, usage_totals
from subscriptions.services.policies import PolicyBook
from tiktoktoe.kernel.money import Money, quantize, zero
from tiktoktoe.kernel.periods import BillingPeriods, Period, local_date, local_midnight


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftLine:
    """A line to be."""

    kind: str
    description: str
    price_id: int | None
    period: Period
    quantity: Decimal
    unit_amount: Decimal | None
    amount: Money
    derivation: Derivation


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftInvoice:
    """An invoice to be, with its totals.

    `from_balance` is what the credit balance would pay of it; only previews work it out, since
    finalising takes what is there then.
    """

    subscription: Subscription
    customer: Customer
    kind: str
    boundary: datetime
    period_end: datetime
    lines: tuple[DraftLine, ...]
    totals: Totals
    idempotency_key: str
    from_balance: Money | None = None

    @property
    def due(self) -> Money:
        """What would be left to pay."""
        total = self.totals.total
        return total - self.from_balance if self.from_balance else total


@dataclass(frozen=True, slots=True)
class Boundary:
    """A subscription at the instant at which it is billed.

    `closed` is the period whose usage is owed, `coming` the one whose fee is due in advance.
    `row` are the periods that the closed one is a part of, where a change has begun others;
    `is_last`: the subscription stops there, so that the day's usage belongs to the closed one.
    """

    subscription: Subscription
    at: datetime
    closed: Period | None
    coming: Period | None
    row: BillingPeriods | None = None
    is_last: bool = False

    @property
    def closed_row(self) -> BillingPeriods:
        """The periods that the closed one is a part of."""
        return self.row or self.subscription.billing_periods


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A part of the closed period on one price and quantity, and its share of the whole's days."""

    version_id: int
    quantity: int
    period: Period
    share: Fraction


@dataclass(frozen=True, slots=True)
class _Metered:
    """A usage price for a stretch of time, and where its quantity will come from."""

    boundary: Boundary
    loaded: LoadedPrice
    stretch: Period
    share: Fraction
    span: UsageSpan


def start_boundary(subscription: Subscription) -> Boundary | None:
    """The first instant at which a subscription is billed; in a trial nothing is."""
    if subscription.state == Subscription.State.TRIALING:
        return None
    period = subscription.current_period
    return Boundary(subscription, period.start, None, period)


def next_boundary(subscription: Subscription) -> Boundary | None:
    """The next instant at which a subscription is billed; None when nothing is left to bill."""
    at = subscription.next_billing_at
    if at is None:
        return None
    row = subscription.billing_periods
    if subscription.state == Subscription.State.PAUSED:
        return Boundary(subscription, at, None, coming(subscription, at), row)
    is_trial_end = at == subscription.trial_ends_at
    closed = None if is_trial_end else Period(subscription.current_period_start, at)
    if ends_at(subscription, at) or pauses_at(subscription, at):
        return Boundary(subscription, at, closed, None, row, is_last=True)
    return Boundary(subscription, at, closed, coming(subscription, at), row)


def ends_at(subscription: Subscription, at: datetime) -> bool:
    """Whether a subscription does not go on after an instant."""
    has_ended = subscription.ended_at is not None
    return has_ended or (subscription.cancel_at is not None and subscription.cancel_at <= at)


def pauses_at(subscription: Subscription, at: datetime) -> bool:
    """Whether a subscription is to be paused at an instant."""
    return subscription.pause_at is not None and subscription.pause_at <= at


def coming(subscription: Subscription, at: datetime) -> Period:
    """The period that starts at a boundary; it goes no further than the subscription does."""
    end = subscription.billing_periods.period_at(at).end
    if subscription.cancel_at is not None and at < subscription.cancel_at:
        end = min(end, subscription.cancel_at)
    return Period(at, end)


def draft_invoices(boundaries: Sequence[Boundary]) -> list[DraftInvoice]:
    """Work out what is owed at each boundary; one without any line gives no invoice.

    The subscriptions must have their customer and plan version loaded. Queries: a fixed
    number, however many boundaries.

    Raises:
        TaxRateMissing: If tax is due in a customer's country and no rate is known.
    """
    taxes = TaxTable(b.subscription.customer.country for b in boundaries)
    drafted = zip(boundaries, draft_lines(boundaries), strict=True)
    return [_draft(boundary, lines, taxes) for boundary, lines in drafted if lines]


def draft_lines(boundaries: Sequence[Boundary]) -> list[list[DraftLine]]:
    """The lines that are owed at each boundary, in their order."""
    phases = _phases(boundaries)
    versions = {phase.plan_version_id for group in phases.values() for phase in group}
    versions |= {b.subscription.plan_version_id for b in boundaries}
    book = PriceBook(versions)
    policies = PolicyBook()
    stretches = {b.subscription.pk: _stretches(b, phases[b.subscription.pk]) for b in boundaries}
    metered = [m for b in boundaries for m in _metered(b, stretches[b.subscription.pk], book)]
    used = dict(zip(map(id, metered), usage_totals([m.span for m in metered]), strict=True))
    by_boundary: dict[int, list[_Metered]] = defaultdict(list)
    for item in metered:
        by_boundary[id(item.boundary)].append(item)
    return [
        [
            *_arrears_lines(boundary, stretches[boundary.subscription.pk], book, policies),
            *(_usage_line(m, used[id(m)]) for m in by_boundary[id(boundary)]),
            *advance_lines(boundary, book, policies),
        ]
        for boundary in boundaries
    ]


def with_credit(draft: DraftInvoice, to_come: Money | None = None) -> DraftInvoice:
    """For a preview: the draft with what the credit balance would pay of it now.

    `to_come` is put on the balance before the invoice is made.
    """
    held = credit_of(draft.customer.pk, draft.subscription.currency)
    held += to_come or zero(draft.subscription.currency)
    return replace(draft, from_balance=min(held, draft.totals.total))


def make_draft(
    *,
    subscription: Subscription,
    kind: str,
    boundary: datetime,
    period_end: datetime,
    lines: Iterable[DraftLine],
    taxes: TaxTable,
    idempotency_key: str,
) -> DraftInvoice:
    """An invoice of lines, taxed on the customer's local day of the boundary."""
    made = tuple(lines)
    customer = subscription.customer
    tax_rate = taxes.outcome(customer, local_date(boundary, customer.time_zone))
    return DraftInvoice(
        subscription=subscription,
        customer=customer,
        kind=kind,
        boundary=boundary,
        period_end=period_end,
        lines=made,
        totals=totals(
            [TaxableLine(amount=line.amount, rate=tax_rate) for line in made],
            currency=subscription.currency,
        ),
        idempotency_key=idempotency_key,
    )


def _draft(boundary: Boundary, lines: Iterable[DraftLine], taxes: TaxTable) -> DraftInvoice:
    subscription = boundary.subscription
    return make_draft(
        subscription=subscription,
        kind="period",
        boundary=boundary.at,
        period_end=boundary.coming.end if boundary.coming else boundary.at,
        lines=lines,
        taxes=taxes,
        idempotency_key=f"period:{subscription.pk}:{boundary.at.isoformat()}",
    )


def _phases(boundaries: Sequence[Boundary]) -> dict[int, list[SubscriptionPhase]]:
    phases: dict[int, list[SubscriptionPhase]] = defaultdict(list)
    ids = [b.subscription.pk for b in boundaries if b.closed is not None]
    for phase in SubscriptionPhase.objects.filter(subscription__in=ids).order_by("starts_at"):
        phases[phase.subscription_id].append(phase)
    return phases


def _stretches(boundary: Boundary, phases: Sequence[SubscriptionPhase]) -> list[_Stretch]:
    """The parts of the closed period that belong to each phase."""
    closed = boundary.closed
    if closed is None:
        return []
    zone = boundary.subscription.time_zone
    whole = boundary.closed_row.period_at(closed.start)
    whole_days = max(whole.days(zone), 1)
    stretches = []
    for phase in phases:
        end = phase.ends_at or max(closed.end, phase.starts_at + timedelta(days=1))
        part = Period(phase.starts_at, end).intersection(closed)
        if part is not None:
            share = min(Fraction(part.days(zone) or 1, whole_days), Fraction(1))
            stretches.append(_Stretch(phase.plan_version_id, phase.quantity, part, share))
    return stretches


def _on_one_price(stretches: Iterable[_Stretch]) -> Iterator[_Stretch]:
    """Stretches that differ only in quantity as one: more seats do not start the tiers anew."""
    held: _Stretch | None = None
    for stretch in stretches:
        if held is not None and held.version_id == stretch.version_id:
            joined = Period(held.period.start, stretch.period.end)
            held = replace(stretch, period=joined, share=held.share + stretch.share)
            continue
        if held is not None:
            yield held
        held = stretch
    if held is not None:
        yield held


def _metered(
    boundary: Boundary, stretches: Iterable[_Stretch], book: PriceBook
) -> Iterator[_Metered]:
    subscription = boundary.subscription
    for stretch in _on_one_price(stretches):
        for loaded in book.usage(stretch.version_id):
            assert loaded.meter is not None
            span = UsageSpan(
                subscription.customer_id,
                loaded.meter.pk,
                local_date(stretch.period.start, subscription.time_zone),
                _last_day(boundary, stretch.period.end),
            )
            yield _Metered(boundary, loaded, stretch.period, stretch.share, span)


def _last_day(boundary: Boundary, end: datetime) -> date:
    """The first local day whose usage does not belong to what ends at an instant.

    A day that goes on on other terms, or in the next period, belongs to those.
    """
    time_zone = boundary.subscription.time_zone
    day = local_date(end, time_zone)
    is_cut = end == boundary.at and boundary.is_last and local_midnight(day, time_zone) != end
    return day + timedelta(days=1) if is_cut else day


def _usage_line(metered: _Metered, used: UsageTotal) -> DraftLine:
    loaded = metered.loaded
    assert loaded.meter is not None
    quantity = used.quantity(Aggregation(loaded.meter.aggregation))
    terms = loaded.terms_for_share(metered.share)
    rated = rate(quantity, terms, event_count=used.event_count)
    events = EventFilter(
        customer_id=metered.span.customer_id, meter=loaded.meter.code, period=metered.stretch
    )
    return DraftLine(
        kind=InvoiceLine.Kind.USAGE,
        description=f"{loaded.identity['plan']}: {loaded.price.name}",
        price_id=loaded.price.pk,
        period=metered.stretch,
        quantity=quantity,
        unit_amount=None if terms.tiers else terms.unit_amount,
        amount=rated.rounded,
        derivation=rated_derivation(
            rated, terms, kind="usage", price=loaded.identity, events=events
        ),
    )


def advance_lines(boundary: Boundary, book: PriceBook, policies: PolicyBook) -> Iterator[DraftLine]:
    """The fees of the coming period; of the opening part of one, that part."""
    if boundary.coming is None:
        return
    subscription = boundary.subscription
    for loaded in book.recurring(subscription.plan_version_id, "advance"):
        policy = policies.of_plan(loaded.plan_id, boundary.at)
        whole = whole_of(boundary.coming, periods=subscription.billing_periods, policy=policy)
        yield fee_line(
            loaded,
            boundary.coming,
            subscription.quantity,
            whole=whole,
            time_zone=subscription.time_zone,
            policy=policy,
        )


def _arrears_lines(
    boundary: Boundary, stretches: Iterable[_Stretch], book: PriceBook, policies: PolicyBook
) -> Iterator[DraftLine]:
    for stretch in stretches:
        for loaded in book.recurring(stretch.version_id, "arrears"):
            policy = policies.of_plan(loaded.plan_id, boundary.at)
            yield fee_line(
                loaded,
                stretch.period,
                stretch.quantity,
                whole=whole_of(stretch.period, periods=boundary.closed_row, policy=policy),
                time_zone=boundary.subscription.time_zone,
                policy=policy,
            )


def fee_line(
    loaded: LoadedPrice,
    part: Period,
    quantity: int,
    *,
    whole: Period,
    time_zone: str,
    policy: ProrationPolicy,
) -> DraftLine:
    """A recurring fee for a whole period, or for the part of it that is used."""
    description = f"{loaded.identity['plan']}: {loaded.price.name}"
    if part == whole:
        terms = loaded.terms
        count = Decimal(quantity)
        rated = rate(count, terms)
        amount, derivation = (
            rated.rounded,
            rated_derivation(rated, terms, kind="recurring", price=loaded.identity),
        )
    else:
        prorated = charge_part(
            price=quantize(loaded.fee(quantity)),
            whole=whole,
            start=part.start,
            end=part.end,
            time_zone=time_zone,
            policy=policy,
        )
        amount = prorated.amount
        derivation = proration_derivation(prorated, kind="recurring", price=loaded.identity)
    return DraftLine(
        kind=InvoiceLine.Kind.RECURRING,
        description=description,
        price_id=loaded.price.pk,
        period=part,
        quantity=Decimal(quantity),
        unit_amount=None if loaded.terms.tiers else loaded.terms.unit_amount,
        amount=amount,
        derivation=derivation,
    )
