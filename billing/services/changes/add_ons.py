"""An add-on is put on a subscription, changed or taken off: shown first, then done, by one code.

It goes like a change of plan: what costs as much or more takes effect at once and is charged
for the rest of the period, what costs less waits for the next one, unless the policy, or this
change, says otherwise. Its fees are then billed with the subscription's.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db import transaction

from billing.models import CreditNote, Invoice, UnusedCredit
from billing.services.changes.add_on_checks import check_add_on, check_end
from billing.services.changes.backdating import add_on_asked_at
from billing.services.changes.change_drafts import draft_change
from billing.services.credit.giving_back import close_drafts, issue_notes, keep_unused, refund_notes
from billing.services.credit.note_plans import NotePlan
from billing.services.credit.unused_time import Unused, unused_time
from billing.services.invoices.draft_parts import DraftInvoice, DraftLine
from billing.services.invoices.fee_lines import setup_line
from billing.services.invoices.invoicing import issue
from billing.services.invoices.proration_lines import charge_lines
from billing.services.invoices.terms import PriceBook
from subscriptions.domain.proration import change_boundary
from subscriptions.domain.proration_policy import ChangeKind, Timing, UnusedTime
from subscriptions.models import PlanVersion, Price, Subscription
from subscriptions.services.add_ons import current_add_on, put_add_on
from subscriptions.services.lifecycle import (
    change_token,
    ensure_unchanged,
    load_subscription,
    lock_subscription,
)
from subscriptions.services.meters import hold_meters
from subscriptions.services.policies import NO_OVERRIDE, ChangeOverride, ChangeTerms, PolicyBook
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.money import Money, quantize, total, zero
from tiktoktoe.kernel.periods import Period, local_date
from tiktoktoe.kernel.rehearsal import is_rehearsal

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOnPreview:
    """What a change of an add-on would do: when, and what is charged and given back at once."""

    subscription: Subscription
    plan_version: PlanVersion
    quantity: int
    quantity_before: int
    terms: ChangeTerms
    is_immediate: bool
    effective_at: datetime
    draft: DraftInvoice | None
    unused: tuple[Unused, ...]
    notes: tuple[NotePlan, ...]
    is_netted: bool
    owes_setup: bool
    fee_before: Money
    fee_after: Money
    usage_prices: tuple[Price, ...]
    token: str

    @property
    def due_now(self) -> Money:
        """What is to pay at once: with tax, less what the credit balance pays."""
        return self.draft.due if self.draft else zero(self.subscription.currency)

    @property
    def given_back(self) -> Money:
        """What credit notes give back at once, with tax."""
        return total((note.total for note in self.notes), self.subscription.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOnChange:
    """What a change of an add-on did."""

    preview: AddOnPreview
    invoice: Invoice | None
    notes: tuple[CreditNote, ...]


def preview_add_on(
    *,
    subscription: Subscription,
    plan_version: PlanVersion,
    quantity: int,
    at: datetime,
    override: ChangeOverride = NO_OVERRIDE,
    since: date | None = None,
) -> AddOnPreview:
    """What having so many of an add-on from now on would do; 0 takes it off. Nothing is written.

    With `since`, a day that is over, it counts from that day.

    Raises:
        AddOnInvalid: If it is no add-on, nothing would change, or it is billed in other
            intervals than the plan.
        TransitionNotAllowed: If the subscription has no period to change in.
        PlanVersionNotOnSale: If the prices are not on sale, or in another currency.
        BackdatingInvalid: If something of the day `since` is settled.
    """
    loaded = load_subscription(subscription.pk)
    held = current_add_on(loaded, plan_version, at)
    before = (held.plan_version_id, held.quantity) if held else (plan_version.pk, 0)
    asked_at = add_on_asked_at(loaded, plan_version, since, at)
    check_add_on(loaded, plan_version, quantity, before, asked_at=asked_at, at=at)
    if since is not None:
        override = replace(override, timing=Timing.IMMEDIATE)
    book = PriceBook([before[0], plan_version.pk])
    fee_before = _fee(book, *before, loaded.currency)
    fee_after = _fee(book, plan_version.pk, quantity, loaded.currency)
    terms = PolicyBook().of_change(plan_version.plan_id, plan_version.plan_id, at, override)
    costs_less = fee_after < fee_before or quantity == 0
    kind = ChangeKind.DOWNGRADE if costs_less else ChangeKind.UPGRADE
    is_trial = loaded.state == Subscription.State.TRIALING
    timing = terms.timing or terms.policy.timing_of(kind, costs_less=costs_less)
    # One that was to go, or to change, and stays as it is moves no money.
    is_kept = before == (plan_version.pk, quantity)
    is_immediate = is_trial or (timing == Timing.IMMEDIATE and not is_kept)
    is_new = held is None
    wanted = _Wanted(loaded, plan_version, quantity, terms, is_new=is_new)
    done = _Done(effective_at=loaded.current_period_end)
    if is_immediate:
        done = _at_once(wanted, book, asked_at)
    check_end(loaded, done.effective_at)
    return AddOnPreview(
        subscription=loaded,
        plan_version=plan_version,
        quantity=quantity,
        quantity_before=before[1],
        terms=terms,
        is_immediate=is_immediate,
        effective_at=done.effective_at,
        draft=done.draft,
        unused=done.unused,
        notes=done.notes,
        is_netted=done.is_netted,
        owes_setup=is_new and (is_trial or not is_immediate),
        fee_before=fee_before,
        fee_after=fee_after,
        usage_prices=tuple(one.price for one in book.usage(plan_version.pk)) if quantity else (),
        token=change_token(loaded),
    )


def change_add_on(
    *,
    subscription: Subscription,
    plan_version: PlanVersion,
    quantity: int,
    actor: Actor,
    at: datetime,
    override: ChangeOverride = NO_OVERRIDE,
    reason: str = "",
    expected: str | None = None,
    since: date | None = None,
) -> AddOnChange:
    """Put an add-on on a subscription, change its quantity or prices, or take it off (0).

    With `since`, a day that is over, it counts from that day, billed today.

    Raises what `preview_add_on` does, and:
        SubscriptionChanged: If it is not as `expected`, the token of a preview, says.
        PaymentInFlight: If an invoice that is to be credited may be being paid right now.
    """
    if not is_rehearsal():  # of which nothing is closed
        seen = preview_add_on(
            subscription=subscription,
            plan_version=plan_version,
            quantity=quantity,
            at=at,
            override=override,
            since=since,
        )
        close_drafts(seen.unused)
    with transaction.atomic():
        hold_meters(subscription.customer_id)
        locked = lock_subscription(subscription)
        ensure_unchanged(locked, expected)
        preview = preview_add_on(
            subscription=locked,
            plan_version=plan_version,
            quantity=quantity,
            at=at,
            override=override,
            since=since,
        )
        notes = issue_notes(
            preview.notes,
            reason="Unused time after a change on "
            f"{local_date(preview.effective_at, locked.time_zone)}",
            idempotency_key=f"add-on:{locked.pk}:{preview.token}",
            at=at,
        )
        invoice = issue(preview.draft, at=at) if preview.draft else None
        _keep_unused(preview, notes, invoice, at)
        put_add_on(
            subscription=locked,
            version=plan_version,
            quantity=quantity,
            boundary=preview.effective_at,
            is_scheduled=not preview.is_immediate,
            owes_setup=preview.owes_setup,
            actor=actor,
            reason=reason,
            at=at,
        )
    refund_notes(notes, actor=actor, at=at)
    logger.info("add-on changed", extra={"subscription": locked.reference})
    return AddOnChange(preview=preview, invoice=invoice, notes=tuple(notes))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is asked for, by which terms."""

    subscription: Subscription
    plan_version: PlanVersion
    quantity: int
    terms: ChangeTerms
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """From when it counts, and what is billed and given back for it at once."""

    effective_at: datetime
    draft: DraftInvoice | None = None
    unused: tuple[Unused, ...] = ()
    notes: tuple[NotePlan, ...] = ()
    is_netted: bool = False


def _at_once(wanted: _Wanted, book: PriceBook, at: datetime) -> _Done:
    subscription, policy = wanted.subscription, wanted.terms.policy
    boundary = change_boundary(at=at, time_zone=subscription.time_zone, policy=policy)
    boundary = max(boundary, subscription.current_period_start)
    if subscription.state == Subscription.State.TRIALING:
        return _Done(effective_at=boundary)
    lines, unused = _charges(wanted, boundary, book), list[Unused]()
    if wanted.terms.prorates:
        plan = wanted.plan_version.plan
        unused = unused_time(subscription, boundary, policy, lambda p: p.pk == plan.pk, book=book)
    made = draft_change(
        subscription=subscription,
        boundary=boundary,
        period_end=subscription.billing_periods.period_at(boundary).end,
        lines=lines,
        unused=unused,
        terms=wanted.terms,
        key=f"add-on:{subscription.pk}:{change_token(subscription)}",
    )
    return _Done(
        effective_at=boundary,
        draft=made.draft,
        unused=tuple(unused),
        notes=made.notes,
        is_netted=made.is_netted and bool(unused),
    )


def _charges(wanted: _Wanted, boundary: datetime, book: PriceBook) -> list[DraftLine]:
    """The rest of the period, and of a new one its set-up fees."""
    lines: list[DraftLine] = []
    if not wanted.quantity:
        return lines
    row = wanted.subscription.billing_periods
    if wanted.is_new:
        rest = Period(boundary, row.period_at(boundary).end)
        lines += [
            setup_line(loaded, rest, wanted.quantity)
            for loaded in book.setup(wanted.plan_version.pk)
        ]
    if wanted.terms.prorates:
        lines += charge_lines(
            plan_version=wanted.plan_version,
            quantity=wanted.quantity,
            boundary=boundary,
            row=row,
            book=book,
            policy=wanted.terms.policy,
        )
    return lines


def _keep_unused(
    preview: AddOnPreview, notes: Sequence[CreditNote], invoice: Invoice | None, at: datetime
) -> None:
    """Write down what became of the time billed before, so that it is never given back again."""
    if preview.is_netted:
        keep_unused(preview.unused, form=UnusedCredit.Form.LINE, invoice=invoice, at=at)
        return
    skips = preview.terms.unused_time == UnusedTime.SKIP
    form = UnusedCredit.Form.SKIP if skips else UnusedCredit.Form.NOTE
    keep_unused(preview.unused, form=form, notes=notes, at=at)


def _fee(book: PriceBook, version_id: int, quantity: int, currency: str) -> Money:
    """The recurring fees of a whole period, before tax."""
    if not quantity:
        return zero(currency)
    fees = [
        loaded.fee(quantity)
        for timing in ("advance", "arrears")
        for loaded in book.recurring(version_id, timing)
    ]
    return quantize(total(fees, currency))
