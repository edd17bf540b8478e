"""An add-on is put on a subscription, changed or taken off: shown first, then done, by one code.

It goes like a change of plan: what costs as much or more takes effect at once and is charged
for the rest of the period, what costs less waits for the next one, unless the policy, or this
change, says otherwise. Its fees are then billed with the subscription's.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from billing.models import CreditNote, Invoice, PlanChange, UnusedCredit
from billing.queries.planned_prices import planned_versions
from billing.services.changes.change_drafts import draft_change
from billing.services.credit.giving_back import close_drafts, issue_notes, keep_unused, refund_notes
from billing.services.credit.note_plans import NotePlan
from billing.services.credit.unused_time import Unused, unused_time
from billing.services.invoices.draft_parts import DraftInvoice, DraftLine
from billing.services.invoices.fee_lines import setup_line
from billing.services.invoices.invoicing import issue
from billing.services.invoices.proration_lines import charge_lines
from billing.services.invoices.terms import PriceBook
from subscriptions.domain.lifecycle import BILLED_STATES
from subscriptions.domain.proration import change_boundary
from subscriptions.domain.proration_policy import ChangeKind, Timing, UnusedTime
from subscriptions.errors import AddOnInvalid, TransitionNotAllowed
from subscriptions.models import PlanVersion, Price, Subscription
from subscriptions.services.add_ons import current_add_on, put_add_on
from subscriptions.services.changes import ensure_on_sale
from subscriptions.services.lifecycle import change_token, ensure_unchanged, lock_subscription
from subscriptions.services.meters import clashing_meter, hold_meters
from subscriptions.services.policies import NO_OVERRIDE, ChangeOverride, ChangeTerms, PolicyBook
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.money import Money, quantize, total, zero
from tiktoktoe.kernel.periods import Period
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
) -> AddOnPreview:
    """What having so many of an add-on from now on would do; 0 takes it off. Nothing is written.

    Raises:
        AddOnInvalid: If it is no add-on, nothing would change, or it is billed in other
            intervals than the plan.
        TransitionNotAllowed: If the subscription has no period to change in.
        PlanVersionNotOnSale: If the prices are not on sale, or in another currency.
    """
    loaded = Subscription.objects.select_related("customer", "plan_version__plan").get(
        pk=subscription.pk
    )
    held = current_add_on(loaded, plan_version, at)
    before = (held.plan_version_id, held.quantity) if held else (plan_version.pk, 0)
    _check(loaded, plan_version, quantity, before, at)
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
        done = _at_once(wanted, book, at)
    _check_end(loaded, done.effective_at)
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
) -> AddOnChange:
    """Put an add-on on a subscription, change its quantity or prices, or take it off (0).

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
        )
        notes = issue_notes(
            preview.notes,
            reason=f"Unused time after a change on {preview.effective_at:%Y-%m-%d}",
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


def _check(
    subscription: Subscription,
    version: PlanVersion,
    quantity: int,
    before: tuple[int, int],
    at: datetime,
) -> None:
    if not version.plan.is_add_on:
        raise AddOnInvalid(f"{version.plan} is no add-on", field="plan_version")
    if quantity < 0:
        raise AddOnInvalid(f"{quantity} is too few", field="quantity", remedy="0 takes it off")
    if not before[1] and not quantity:
        raise AddOnInvalid("it is not there", field="quantity")
    has_plans = subscription.add_ons.filter(plan=version.plan_id, starts_at__gt=at).exists()
    ends = subscription.add_ons.filter(plan=version.plan_id, ends_at__gt=at).exists()
    if before == (version.pk, quantity) and not (has_plans or ends):
        raise AddOnInvalid("it has as many already", field="quantity")
    if subscription.state not in BILLED_STATES:
        raise TransitionNotAllowed(f"the subscription is {subscription.state}")
    if not subscription.current_period.contains(at):
        raise TransitionNotAllowed("its period is over and not billed yet; try again shortly")
    if quantity:
        ensure_on_sale(version, subscription, at)
        check_interval(subscription, version)
        check_meters(subscription, version, at)


def _check_end(subscription: Subscription, effective_at: datetime) -> None:
    """What would take effect when all has ended never does."""
    if subscription.cancel_at is not None and effective_at >= subscription.cancel_at:
        raise AddOnInvalid(
            f"the subscription ends on {subscription.cancel_at:%Y-%m-%d}, its add-ons with it",
            field="quantity",
            remedy="nothing is to be done, or withdraw the end first",
        )


def check_interval(subscription: Subscription, version: PlanVersion) -> None:
    """What recurs is billed with the plan, so in its intervals, also after a scheduled change.

    So is usage: what is included, tiers and minimums are of one period.
    """
    recurs = version.prices.exclude(kind=Price.Kind.SETUP).exists()
    plans = [subscription.plan_version.plan]
    plans += [coming.plan for coming in _scheduled_versions(subscription)]
    if recurs and any(p.billing_interval != version.plan.billing_interval for p in plans):
        raise AddOnInvalid(
            "it is billed in other intervals than the plan",
            field="plan_version",
            remedy="choose one of the plan's interval",
        )


def check_meters(subscription: Subscription, version: PlanVersion, at: datetime) -> None:
    """Usage is billed once: not by an add-on and a plan, now or after a scheduled change.

    Raises:
        AddOnInvalid: If a meter of the add-on is billed already, or will be.
    """
    clash = clashing_meter(
        version,
        customer_id=subscription.customer_id,
        at=at,
        planned=planned_versions(subscription.customer_id),
        changing=subscription,
    )
    if clash is None:
        return
    if clash.is_to_come:
        raise AddOnInvalid(
            f"{clash.meter} will be billed by a plan, to which a change is scheduled",
            field="plan_version",
            remedy="take that change back first",
        )
    raise AddOnInvalid(
        f"{clash.meter} is billed already, by a plan or another add-on",
        field="plan_version",
        remedy="a meter is billed by one of a customer's plans and add-ons",
    )


def _scheduled_versions(subscription: Subscription) -> list[PlanVersion]:
    """The prices of the plans that it is to go to."""
    changes = PlanChange.objects.filter(subscription=subscription, state="scheduled")
    return [change.plan_version for change in changes.select_related("plan_version__plan")]


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
