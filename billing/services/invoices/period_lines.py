"""The lines that subscriptions owe at their boundaries: fees, usage, minimums; many at once."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from django.db.models import QuerySet

from billing.queries.thresholds import billed_early
from billing.services.invoices.add_on_lines import AddOnBook
from billing.services.invoices.draft_parts import (
    Boundary,
    DraftLine,
    Stretch,
    on_one_price,
    stretch_of,
)
from billing.services.invoices.fee_lines import fee_line, setup_line
from billing.services.invoices.minimum_lines import plan_minimum, price_minimums
from billing.services.invoices.terms import LoadedPrice, PriceBook
from billing.services.invoices.usage_credits import credit_lines_of
from billing.services.invoices.usage_lines import UsageLine, UsageOf, usage_lines, usages_of
from subscriptions.domain.proration import whole_of
from subscriptions.models import SubscriptionPhase
from subscriptions.services.policies import PolicyBook
from tiktoktoe.kernel.periods import Period
from tiktoktoe.standing import standing

Phases = Mapping[int, Sequence[SubscriptionPhase]]  # by subscription
StretchesOf = dict[int, list[Stretch]]  # by the boundary's id(): a subscription may have several


def draft_lines(
    boundaries: Sequence[Boundary],
    phases: Phases | None = None,
    known: AddOnBook | None = None,
) -> list[list[DraftLine]]:
    """The lines that are owed at each boundary, in their order.

    `known` is what was read for an earlier rehearsal of the same subscriptions.
    """
    stretches, used_in, versions = _stretches_of(boundaries, phases)
    add_ons = known or AddOnBook((b.subscription.pk for b in boundaries), PolicyBook(), versions)
    policies, book = add_ons.policies, add_ons.prices
    book.load(versions)
    passed_by = [(b, stretches[id(b)]) for b in boundaries]
    measured = [(b, [*used_in[id(b)], *add_ons.usage_stretches(b)]) for b in boundaries]
    usage = usage_lines(measured, book, policies)
    early = billed_early({(b.subscription.pk, b.closed.start) for b in boundaries if b.closed})
    drafted = []
    for boundary, passed in passed_by:
        found = usage.get(id(boundary), [])
        if boundary.was_trial:
            in_trial = [one.line for one in found if one.line.amount]
            drafted.append([*in_trial, *_begun_lines(boundary, book, policies, add_ons)])
            continue
        used = [one for one in found if not one.usage.stretch.is_add_on]
        beside = [one for one in found if one.usage.stretch.is_add_on]
        owed = [
            *_arrears_lines(boundary, passed, book, policies),
            *(one.line for one in used),
            *price_minimums(used),
        ]
        lines = [
            *owed,
            *_plan_minimums(
                boundary,
                passed,
                [*owed, *_ahead(used)],
                used_in=used_in[id(boundary)],
                book=book,
                policies=policies,
            ),
            *add_ons.arrears(boundary),
            *(one.line for one in beside),
            *price_minimums(beside),
            *_begun_lines(boundary, book, policies, add_ons),
        ]
        if boundary.closed is not None:
            key = (boundary.subscription.pk, boundary.closed.start)
            lines.extend(credit_lines_of(early.get(key, ()), lines, boundary))
        drafted.append(lines)
    return drafted


def _begun_lines(
    boundary: Boundary, book: PriceBook, policies: PolicyBook, add_ons: AddOnBook
) -> Iterator[DraftLine]:
    """What is due for the period that begins; nothing while a trial goes on."""
    if boundary.is_trial:
        return
    yield from _setup_lines(boundary, book)
    yield from add_ons.setups(boundary)
    yield from advance_lines(boundary, book, policies)
    yield from add_ons.advance(boundary)


def _ahead(used: Sequence[UsageLine]) -> Iterator[DraftLine]:
    """What was billed as it came, as lines that only a plan's minimum counts."""
    for found in used:
        if found.charged != found.line.amount:
            yield replace(found.line, amount=found.charged - found.line.amount)


def used_in_periods(boundaries: Sequence[Boundary], known: AddOnBook) -> Iterator[UsageOf]:
    """What is to be measured of each closed period: of plans, then of add-ons."""
    _, used_in, versions = _stretches_of(boundaries)
    known.prices.load(versions)
    for boundary in boundaries:
        parts = [*used_in[id(boundary)], *known.usage_stretches(boundary)]
        yield from usages_of(boundary, parts, known.prices, known.policies)


def usage_so_far(
    boundaries: Sequence[Boundary], *, ahead: bool = False, with_add_ons: bool = False
) -> dict[int, list[DraftLine]]:
    """Lines of the usage that each subscription's period has had, by subscription.

    Only of what can but grow until the period is over, and only where there is some; `ahead`:
    of prices that are billed as usage comes, what is not billed yet, else of the others. Add-ons
    have no thresholds, so their usage is asked for apart.
    """
    _, used_in, versions = _stretches_of(boundaries)
    policies = PolicyBook()
    passed_by = [(b, used_in[id(b)]) for b in boundaries]
    book = PriceBook(versions)
    if with_add_ons:
        add_ons = AddOnBook((b.subscription.pk for b in boundaries), policies, versions)
        passed_by = [(b, [*own, *add_ons.usage_stretches(b)]) for b, own in passed_by]
        book = add_ons.prices
    usage = usage_lines(passed_by, book, policies)
    return {
        b.subscription.pk: [
            found.line
            for found in usage.get(id(b), [])
            if found.usage.is_ahead == ahead and found.usage.only_grows and found.line.amount
        ]
        for b in boundaries
    }


def _stretches_of(
    boundaries: Sequence[Boundary], given: Phases | None = None
) -> tuple[StretchesOf, StretchesOf, set[int]]:
    """The stretches of each closed period, those of its usage, and the versions they were on."""
    phases = given or _phases(boundaries)
    versions = {phase.plan_version_id for group in phases.values() for phase in group}
    versions |= {b.subscription.plan_version_id for b in boundaries}
    stretches, used_in = StretchesOf(), StretchesOf()
    for boundary in boundaries:
        key, closed, used = id(boundary), boundary.closed, boundary.closed_usage
        own = phases[boundary.subscription.pk]
        stretches[key] = used_in[key] = _stretches(boundary, own)
        if closed is not None and used != closed:
            found = _stretches(replace(boundary, closed=used), own)
            used_in[key] = [stretch for stretch in found if stretch.period.end > closed.start]
    return stretches, used_in, versions


def _phases(boundaries: Sequence[Boundary]) -> Phases:
    phases: dict[int, list[SubscriptionPhase]] = defaultdict(list)
    ids = [b.subscription.pk for b in boundaries if b.closed is not None]
    for phase in _phases_of.rows(subscriptions=ids) if ids else []:
        phases[phase.subscription_id].append(phase)
    return phases


@standing
def _phases_of(subscriptions: list[int]) -> QuerySet[SubscriptionPhase]:
    phases = SubscriptionPhase.objects.filter(subscription__any_of=subscriptions)
    return phases.order_by("starts_at")


def _stretches(boundary: Boundary, phases: Sequence[SubscriptionPhase]) -> list[Stretch]:
    """The parts of the closed period that belong to each phase."""
    closed = boundary.closed
    if closed is None:
        return []
    found = [
        stretch_of(
            boundary,
            Period(
                phase.starts_at,
                phase.ends_at or max(closed.end, phase.starts_at + timedelta(days=1)),
            ),
            version_id=phase.plan_version_id,
            quantity=phase.quantity,
        )
        for phase in phases
    ]
    return [stretch for stretch in found if stretch is not None]


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
    *,
    used_in: Sequence[Stretch],
    book: PriceBook,
    policies: PolicyBook,
) -> Iterator[DraftLine]:
    """What a plan comes to at least: less all that was charged for the time, also in advance."""
    for joined in on_one_price(used_in):
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
    is_later = boundary.closed is not None and not boundary.was_trial
    if is_later or boundary.coming is None or not is_first:
        return
    for loaded in book.setup(subscription.plan_version_id):
        yield setup_line(loaded, boundary.coming, subscription.quantity)
