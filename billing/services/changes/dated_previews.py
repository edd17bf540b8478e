"""What a change asked for a day would charge and give back then, by what is known today.

What happens until that day, renewals and changes scheduled before it, really happens, by the
run's own code, and is undone with the change itself: nobody else ever sees any of it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import OperationalError, connection, transaction

from billing.errors import BeingWorkedOn
from billing.models import DatedChange
from billing.models.dated_changes import DatedChangeQuerySet
from billing.models.invoices import InvoiceQuerySet
from billing.services.changes.add_ons import AddOnPreview, preview_add_on
from billing.services.changes.dated_work import acts_at, begins_period, carry_out, override_of
from billing.services.changes.following import invoice_after
from billing.services.changes.pausing import PausePreview, preview_pause
from billing.services.changes.plan_change_previews import PlanChangePreview, preview_plan_change
from billing.services.changes.wanted import Wanted, dated_change
from billing.services.invoices.draft_parts import DraftInvoice
from billing.services.invoices.draft_review import hold_for_review, in_review, issue_closed
from billing.services.invoices.renewal import claim, draft_and_move_on
from billing.services.invoices.writing import finalize_drafts
from subscriptions.domain.proration_policy import UnusedTime
from subscriptions.models import Subscription
from subscriptions.services.lifecycle import change_token
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.rehearsal import rehearsing

DatedEffect = PlanChangePreview | AddOnPreview | PausePreview
STEPS_MAX = 120
# A page must not wait for a billing run that holds the subscription.
WAIT = "SET LOCAL lock_timeout = '500ms'"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedPreview:
    """What is done on the day, and whether something else happens before it: `is_after`."""

    change: DatedChange
    effect: DatedEffect
    is_after: bool
    token: str


def preview_dated_change(
    *, subscription: Subscription, wanted: Wanted, actor: Actor, at: datetime
) -> DatedPreview:
    """What would be done on the day; nothing is written.

    Raises what `dated_change` does, what the change itself would be refused for then, and:
        BeingWorkedOn: If it is being billed or changed right now, or too much lies before it.
    """
    found = Subscription.objects.select_related("customer", "plan_version__plan")
    loaded = found.get(pk=subscription.pk)
    change = dated_change(subscription=loaded, wanted=wanted, actor=actor, at=at)
    token = change_token(loaded)
    if not _comes_before(loaded, change):
        return DatedPreview(
            change=change, effect=_effect(change, loaded), is_after=False, token=token
        )
    with undone():
        _live_until(loaded, change)
        effect = _effect(change, found.get(pk=subscription.pk))
    return DatedPreview(
        change=change, effect=replace(effect, token=token), is_after=True, token=token
    )


def invoice_after_days(subscription: Subscription) -> DraftInvoice | None:
    """The next invoice once everything that is scheduled for a day before it has happened.

    None if there is none then, or it cannot be told right now.
    """

    def live() -> None:
        for change in days_before_billing(subscription).order_by("due_at"):
            carry_out(change, at=change.due_at)

    return invoice_after(live, subscription=subscription)


def days_before_billing(subscription: Subscription) -> DatedChangeQuerySet:
    """What is scheduled for days before a subscription is billed next, or for that day."""
    waiting = DatedChange.objects.scheduled().filter(subscription=subscription)
    until = subscription.next_billing_at
    return waiting.none() if until is None else waiting.filter(due_at__lte=until)


@contextmanager
def undone() -> Iterator[None]:
    """What happens within is undone; it waits for nobody.

    Raises:
        BeingWorkedOn: If somebody else holds what it needs.
    """
    try:
        with transaction.atomic(), rehearsing():
            with connection.cursor() as cursor:
                cursor.execute(WAIT)
            yield
            transaction.set_rollback(True)
    except OperationalError:
        raise BeingWorkedOn("it is being billed or changed right now; try again") from None


def _comes_before(subscription: Subscription, change: DatedChange) -> bool:
    return (
        _boundary_before(subscription, change) is not None
        or _changes_before(change).exists()
        or held_until(subscription.customer_id, change.due_at).exists()
    )


def _boundary_before(subscription: Subscription, change: DatedChange) -> datetime | None:
    """When it is billed before the day of a change; on that day the change comes first."""
    at = subscription.next_billing_at
    return at if at is not None and at < change.due_at else None


def _changes_before(change: DatedChange) -> DatedChangeQuerySet:
    return DatedChange.objects.scheduled().filter(
        subscription=change.subscription, due_at__lt=change.due_at
    )


def _live_until(subscription: Subscription, change: DatedChange) -> None:
    for _ in range(STEPS_MAX):
        subscription.refresh_from_db()
        before = _boundary_before(subscription, change)
        first = _changes_before(change).ready(change.due_at).order_by("due_at").first()
        if first is not None:
            carry_out(first, at=first.due_at)
            continue
        if before is None:
            issue_held(subscription.customer_id, change.due_at)
            return
        bill([subscription.pk], before)
    raise BeingWorkedOn("too much is to be billed before that day to be worked out here")


def bill(ids: Sequence[int], at: datetime) -> None:
    """Let the run bill these at an instant to come, with whatever has been used so far.

    Raises:
        BeingWorkedOn: If they cannot be billed now.
    """
    boundaries, review = claim(ids, at, at, is_held=True)
    if not boundaries:
        raise BeingWorkedOn("it cannot be billed up to that day right now")
    written = draft_and_move_on(boundaries, at)
    finalize_drafts(hold_for_review(written, boundaries, review=review, at=at), at=at)


def issue_held(customer_id: int, at: datetime) -> None:
    """Issue what would be issued of a customer's held by an instant: it uses up credit."""
    issue_closed(held_until(customer_id, at).values_list("pk", flat=True), at=at)


def held_until(customer_id: int, at: datetime) -> InvoiceQuerySet:
    """What is held of a customer and would be issued by an instant."""
    return in_review().filter(customer=customer_id, review_until__lte=at)


def _effect(change: DatedChange, subscription: Subscription) -> DatedEffect:
    instant = acts_at(change, subscription)
    if change.kind == DatedChange.Kind.PAUSE:
        return preview_pause(
            subscription=subscription,
            at=instant,
            at_period_end=begins_period(change, subscription),
            resume_on=change.resume_on,
            unused=UnusedTime(change.unused_time) if change.unused_time else None,
        )
    assert change.quantity is not None
    if change.kind == DatedChange.Kind.ADD_ON:
        assert change.plan_version is not None
        return preview_add_on(
            subscription=subscription,
            plan_version=change.plan_version,
            quantity=change.quantity,
            at=instant,
            override=override_of(change, subscription),
        )
    return preview_plan_change(
        subscription=subscription,
        plan_version=change.plan_version or subscription.plan_version,
        quantity=change.quantity,
        at=instant,
        override=override_of(change, subscription),
    )
