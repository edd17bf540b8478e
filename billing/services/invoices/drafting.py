"""What a subscription owes at a boundary of its periods: worked out for many at once, not written.

A preview and a billing run go through here, so that they cannot differ.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction

from billing.domain.tax_engine import Sale, SaleLine, untaxed
from billing.domain.totals import Totals
from billing.gateways.tax_service import tax_engine
from billing.models import Invoice
from billing.queries.credit_balance import credit_of
from billing.queries.tax_table import TaxTable
from billing.queries.thresholds import billed_early
from billing.queries.wallets import Purse
from billing.services.credit.coupon_book import CouponBook, CouponTaken, per_redemption
from billing.services.invoices.add_on_lines import AddOnBook
from billing.services.invoices.consolidating import together
from billing.services.invoices.coupon_lines import less_coupons
from billing.services.invoices.draft_parts import (
    Boundary,
    Buyer,
    DraftInvoice,
    DraftLine,
    Stretch,
    on_one_price,
)
from billing.services.invoices.fee_lines import fee_line, setup_line
from billing.services.invoices.minimum_lines import plan_minimum, price_minimums
from billing.services.invoices.tax import tax_rounding
from billing.services.invoices.terms import LoadedPrice, PriceBook
from billing.services.invoices.usage_credits import credit_lines_of
from billing.services.invoices.usage_lines import UsageLine, usage_lines
from subscriptions.domain.proration import whole_of
from subscriptions.models import Subscription, SubscriptionPhase
from subscriptions.services.policies import PolicyBook
from tiktoktoe.kernel.money import Money, zero
from tiktoktoe.kernel.periods import Period, local_date

__all__ = ["Boundary", "DraftInvoice", "DraftLine"]
Owed = tuple[Boundary, list[DraftLine]]

Phases = Mapping[int, Sequence[SubscriptionPhase]]  # by subscription


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


def draft_invoices(
    boundaries: Sequence[Boundary],
    *,
    coupons: CouponBook | None = None,
    phases: Phases | None = None,
) -> list[DraftInvoice]:
    """Work out what is owed at each boundary; one without any line gives no invoice.

    The subscriptions must have their customer and plan version loaded. Queries: a fixed
    number, however many boundaries. A rehearsal of later boundaries brings its own coupons,
    of which some are used up by then, and the phases that the closed periods will have had.

    Raises:
        TaxRateMissing: If tax is due in a customer's country and no rate is known.
    """
    taxes = TaxTable(b.subscription.customer.country for b in boundaries)
    book = coupons or CouponBook(b.subscription.customer_id for b in boundaries)
    lines = dict(zip(map(id, boundaries), draft_lines(boundaries, phases), strict=True))
    drafted = []
    for group in together(boundaries):
        owed = [(boundary, lines[id(boundary)]) for boundary in group if lines[id(boundary)]]
        for ours in _by_issuer(owed, taxes):
            if len(ours) > 1:
                drafted.append(_consolidated(ours, taxes, book))
            else:
                drafted.append(_draft(*ours[0], taxes, book))
    return drafted


def _by_issuer(owed: Iterable[Owed], taxes: TaxTable) -> Iterable[list[Owed]]:
    """Companies of ours never share an invoice."""
    found: dict[int | None, list[Owed]] = defaultdict(list)
    for boundary, lines in owed:
        subscription = boundary.subscription
        issuer, _ = taxes.issuers.of(subscription.customer, subscription.plan_version.plan)
        found[issuer].append((boundary, lines))
    return found.values()


def draft_lines(
    boundaries: Sequence[Boundary], phases: Phases | None = None
) -> list[list[DraftLine]]:
    """The lines that are owed at each boundary, in their order."""
    stretches, book = _stretches_of(boundaries, phases)
    policies = PolicyBook()
    add_ons = AddOnBook((b.subscription.pk for b in boundaries), policies)
    passed_by = [(b, stretches[b.subscription.pk]) for b in boundaries]
    usage = usage_lines(passed_by, book, policies)
    early = billed_early({(b.subscription.pk, b.closed.start) for b in boundaries if b.closed})
    drafted = []
    for boundary, passed in passed_by:
        used = usage.get(id(boundary), [])
        owed = [
            *_arrears_lines(boundary, passed, book, policies),
            *(found.line for found in used),
            *price_minimums(used),
        ]
        lines = [
            *owed,
            *_plan_minimums(boundary, passed, [*owed, *_ahead(used)], book, policies),
            *add_ons.arrears(boundary),
            *_setup_lines(boundary, book),
            *add_ons.setups(boundary),
            *advance_lines(boundary, book, policies),
            *add_ons.advance(boundary),
        ]
        if boundary.closed is not None:
            key = (boundary.subscription.pk, boundary.closed.start)
            lines.extend(credit_lines_of(early.get(key, ()), lines, boundary))
        drafted.append(lines)
    return drafted


def _ahead(used: Sequence[UsageLine]) -> Iterator[DraftLine]:
    """What was billed as it came, as lines that only a plan's minimum counts."""
    for found in used:
        if found.charged != found.line.amount:
            yield replace(found.line, amount=found.charged - found.line.amount)


def usage_so_far(
    boundaries: Sequence[Boundary], *, ahead: bool = False
) -> dict[int, list[DraftLine]]:
    """Lines of the usage that each subscription's period has had, by subscription.

    Only of what can but grow until the period is over, and only where there is some; `ahead`:
    of prices that are billed as usage comes, what is not billed yet, else of the others.
    """
    stretches, book = _stretches_of(boundaries)
    passed_by = [(b, stretches[b.subscription.pk]) for b in boundaries]
    usage = usage_lines(passed_by, book, PolicyBook())
    return {
        b.subscription.pk: [
            found.line
            for found in usage.get(id(b), [])
            if found.usage.is_ahead == ahead and found.usage.only_grows and found.line.amount
        ]
        for b in boundaries
    }


def with_credit(
    draft: DraftInvoice, to_come: Money | None = None, purse: Purse | None = None
) -> DraftInvoice:
    """For a preview: the draft with what the credit balance and wallets would pay of it now.

    `to_come` is put on the balance before the invoice is made; a `purse` knows what earlier
    invoices took of prepaid credits.
    """
    nothing = zero(draft.currency)
    held = credit_of(draft.customer.pk, draft.currency) + (to_come or nothing)
    from_balance = min(held, draft.totals.total)
    wallets = purse or Purse(draft.customer.pk, draft.currency)
    priced = zip(draft.lines, draft.totals.lines, strict=True)
    gross = [(line.price_id, taxed.gross) for line, taxed in priced]
    left = draft.totals.total - from_balance
    return replace(
        draft,
        from_balance=from_balance,
        from_wallets=wallets.take(gross, left, draft.boundary),
    )


def make_draft(
    *,
    subscription: Subscription,
    kind: str,
    boundary: datetime,
    period_end: datetime,
    lines: Iterable[DraftLine],
    taxes: TaxTable,
    idempotency_key: str,
    coupons: CouponBook | None = None,
) -> DraftInvoice:
    """An invoice of lines, less coupons, taxed on the customer's local day of the boundary."""
    customer = subscription.customer
    book = coupons or CouponBook([customer.pk])
    buyer = Buyer(customer, subscription.currency, subscription)
    made, taken = less_coupons(buyer, kind, tuple(lines), book)
    issuer_id, seller = taxes.issuers.of(customer, subscription.plan_version.plan)
    return DraftInvoice(
        subscription=subscription,
        customer=customer,
        currency=subscription.currency,
        kind=kind,
        boundary=boundary,
        period_end=period_end,
        lines=made,
        totals=taxed_totals(buyer, made, taxes, boundary, seller.country),
        issuer_id=issuer_id,
        issued_by=seller,
        awaits_tax=tax_engine() is not None,
        idempotency_key=idempotency_key,
        coupons=taken,
    )


def taxed_totals(
    buyer: Buyer,
    lines: Sequence[DraftLine],
    taxes: TaxTable,
    boundary: datetime,
    seller_country: str,
) -> Totals:
    """What lines come to with the tax of the customer's local day of the boundary.

    Where a tax engine says it that is not ours, it comes later: nobody is asked in a transaction.
    """
    sale = Sale(
        key="",
        payer=buyer.customer,
        on=local_date(boundary, buyer.customer.time_zone),
        currency=buyer.currency,
        rounding=tax_rounding(),
        seller_country=seller_country,
        lines=[
            SaleLine(
                amount=line.amount,
                price_id=line.price_id,
                category=line.tax_category,
                exact=line.exact,
                includes_tax=line.includes_tax,
            )
            for line in lines
        ],
    )
    return taxes.tax(sale) if tax_engine() is None else untaxed(sale)


def _draft(
    boundary: Boundary, lines: Iterable[DraftLine], taxes: TaxTable, coupons: CouponBook
) -> DraftInvoice:
    subscription = boundary.subscription
    return make_draft(
        subscription=subscription,
        kind="period",
        boundary=boundary.at,
        period_end=boundary.coming.end if boundary.coming else boundary.at,
        lines=lines,
        taxes=taxes,
        idempotency_key=f"period:{subscription.pk}:{boundary.at.isoformat()}",
        coupons=coupons,
    )


def _consolidated(owed: Sequence[Owed], taxes: TaxTable, coupons: CouponBook) -> DraftInvoice:
    """One invoice for several subscriptions of a customer, their lines one after the other."""
    first = owed[0][0].subscription
    lines, taken, counted = list[DraftLine](), list[CouponTaken](), set[int]()
    for boundary, own in owed:
        subscription = boundary.subscription
        buyer = Buyer(first.customer, first.currency, subscription)
        made, used = less_coupons(buyer, Invoice.Kind.PERIOD, tuple(own), coupons, counted)
        lines += [replace(line, subscription_id=subscription.pk) for line in made]
        taken += used
        counted |= {use.redemption_id for use in used if use.counts}
    at = owed[0][0].at
    issuer_id, seller = taxes.issuers.of(first.customer, first.plan_version.plan)
    buyer = Buyer(first.customer, first.currency)
    return DraftInvoice(
        subscription=None,
        customer=first.customer,
        currency=first.currency,
        kind=Invoice.Kind.PERIOD,
        boundary=at,
        period_end=max(b.coming.end if b.coming else b.at for b, _ in owed),
        lines=tuple(lines),
        totals=taxed_totals(buyer, lines, taxes, at, seller.country),
        issuer_id=issuer_id,
        issued_by=seller,
        awaits_tax=tax_engine() is not None,
        idempotency_key=f"together:{first.pk}:{at.isoformat()}",
        coupons=per_redemption(taken),
        parts=tuple(boundary.subscription for boundary, _ in owed),
    )


def _stretches_of(
    boundaries: Sequence[Boundary], given: Phases | None = None
) -> tuple[dict[int, list[Stretch]], PriceBook]:
    """The stretches of each subscription's closed period, and the prices that they were on."""
    phases = given or _phases(boundaries)
    versions = {phase.plan_version_id for group in phases.values() for phase in group}
    versions |= {b.subscription.plan_version_id for b in boundaries}
    stretches = {b.subscription.pk: _stretches(b, phases[b.subscription.pk]) for b in boundaries}
    return stretches, PriceBook(versions)


def _phases(boundaries: Sequence[Boundary]) -> Phases:
    phases: dict[int, list[SubscriptionPhase]] = defaultdict(list)
    ids = [b.subscription.pk for b in boundaries if b.closed is not None]
    for phase in SubscriptionPhase.objects.filter(subscription__in=ids).order_by("starts_at"):
        phases[phase.subscription_id].append(phase)
    return phases


def _stretches(boundary: Boundary, phases: Sequence[SubscriptionPhase]) -> list[Stretch]:
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
            stretches.append(Stretch(phase.plan_version_id, phase.quantity, part, share))
    return stretches


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
    boundary: Boundary, stretches: Iterable[Stretch], book: PriceBook, policies: PolicyBook
) -> Iterator[DraftLine]:
    for stretch in stretches:
        for loaded in book.recurring(stretch.version_id, "arrears"):
            yield _stretch_fee(boundary, stretch, loaded, policies)


def _stretch_fee(
    boundary: Boundary, stretch: Stretch, loaded: LoadedPrice, policies: PolicyBook
) -> DraftLine:
    """A fee for a stretch of the closed period."""
    policy = policies.of_plan(loaded.plan_id, boundary.at)
    return fee_line(
        loaded,
        stretch.period,
        stretch.quantity,
        whole=whole_of(stretch.period, periods=boundary.closed_row, policy=policy),
        time_zone=boundary.subscription.time_zone,
        policy=policy,
    )


def _plan_minimums(
    boundary: Boundary,
    stretches: Sequence[Stretch],
    owed: Sequence[DraftLine],
    book: PriceBook,
    policies: PolicyBook,
) -> Iterator[DraftLine]:
    """What a plan comes to at least: less all that was charged for the time, also in advance."""
    for joined in on_one_price(stretches):
        version = book.version(joined.version_id)
        if version is None or not version.minimum:
            continue
        in_advance = (
            _stretch_fee(boundary, stretch, loaded, policies)
            for stretch in stretches
            for loaded in book.recurring(stretch.version_id, "advance")
        )
        charged = [
            line.amount
            for line in (*owed, *in_advance)
            if joined.period.contains(line.period.start)
        ]
        line = plan_minimum(version, joined, charged)
        if line is not None:
            yield line


def _setup_lines(boundary: Boundary, book: PriceBook) -> Iterator[DraftLine]:
    """Set-up fees, once: with the first bill, at the start or at the end of the trial."""
    subscription = boundary.subscription
    is_first = boundary.at <= (subscription.trial_ends_at or subscription.started_at)
    if boundary.closed is not None or boundary.coming is None or not is_first:
        return
    for loaded in book.setup(subscription.plan_version_id):
        yield setup_line(loaded, boundary.coming, subscription.quantity)
