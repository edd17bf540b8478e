"""What a start on a day to come would charge then, by what is known today.

What the customer has besides really is billed and changed up to that day, by the run's own code,
then it really starts, and all of it is undone: nobody else ever sees any of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef

from billing.errors import BeingWorkedOn
from billing.models import BillingFailure, DatedChange, PlannedStart
from billing.services.changes import dated_work, planned_work
from billing.services.changes.dated_previews import STEPS_MAX, bill, issue_held, undone
from billing.services.changes.first_add_ons import AddOnWanted
from billing.services.changes.plan_change_previews import recurring_fee
from billing.services.changes.planned_starts import StartWanted, planned_start
from billing.services.changes.start_previews import preview_start
from billing.services.invoices.draft_parts import DraftInvoice
from billing.services.invoices.invoicing import preview_next_invoice
from billing.services.invoices.terms import PriceBook
from subscriptions.models import Customer, PlanVersion, Subscription
from subscriptions.models.subscriptions import SubscriptionQuerySet
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.ids import short_id
from tiktoktoe.kernel.money import Money, total
from tiktoktoe.kernel.periods import Alignment


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPreview:
    """What is billed on its day, the first invoice after that, and what each period costs.

    `is_after` says whether something else of the customer is billed, changed or started before;
    `fee_after` is before tax and usage, with the add-ons it begins with.
    """

    start: PlannedStart
    subscription: Subscription
    first: DraftInvoice | None
    following: DraftInvoice | None
    fee_after: Money
    is_after: bool


def preview_planned_start(
    *, customer: Customer, wanted: StartWanted, actor: Actor, at: datetime
) -> PlannedPreview:
    """What would be billed if it was planned now; nothing is written.

    Raises what `planned_start` does, what starting would be refused for then, and:
        BeingWorkedOn: If the customer is being billed right now, or too much lies before it.
    """
    start = planned_start(customer=customer, wanted=wanted, actor=actor, at=at)
    start.reference = short_id("sub")
    return _previewed(start, wanted.add_ons)


def preview_waiting_start(start: PlannedStart) -> PlannedPreview:
    """What one that waits for its day will bill then; nothing is written.

    Raises what `preview_planned_start` does.
    """
    return _previewed(start, _add_ons(start))


@dataclass(frozen=True, slots=True)
class ComingStart:
    """What waits for its day, with the recurring fees of each period, before tax and usage."""

    start: PlannedStart
    fee: Money


def coming_starts(customer: Customer) -> list[ComingStart]:
    """What is to start for a customer, by day."""
    rows = PlannedStart.objects.waiting().filter(customer=customer).order_by("due_at", "pk")
    return [
        ComingStart(start, _fee(start.plan_version, start.quantity, _add_ons(start)))
        for start in rows.select_related("plan_version__plan")
    ]


def _add_ons(start: PlannedStart) -> list[AddOnWanted]:
    rows = start.add_ons.select_related("plan_version__plan")
    return [AddOnWanted(row.plan_version, row.quantity) for row in rows]


def _previewed(start: PlannedStart, add_ons: Sequence[AddOnWanted]) -> PlannedPreview:
    with undone():
        is_after = _live_until(start)
        first = preview_start(
            customer=start.customer,
            plan_version=start.plan_version,
            quantity=start.quantity,
            trial_days=start.trial_days,
            alignment=Alignment(start.alignment),
            anchor_day=start.anchor_day,
            coupon_code=start.coupon_code,
            add_ons=add_ons,
            at=start.due_at,
        ).today
        begun = planned_work.begin(start, add_ons).subscription
        if begun.next_billing_at is not None:
            issue_held(begun.customer_id, begun.next_billing_at)
        return PlannedPreview(
            start=start,
            subscription=begun,
            first=first,
            following=preview_next_invoice(subscription=begun),
            fee_after=_fee(start.plan_version, start.quantity, add_ons),
            is_after=is_after,
        )


def _fee(version: PlanVersion, quantity: int, add_ons: Sequence[AddOnWanted]) -> Money:
    had = [(version, quantity), *((wanted.version, wanted.quantity) for wanted in add_ons)]
    book = PriceBook([one.pk for one, _ in had])
    return total([recurring_fee(book, one, count) for one, count in had], version.currency)


def _live_until(start: PlannedStart) -> bool:
    """Let happen what comes before it, in the order of time; whether anything did."""
    for step in range(STEPS_MAX):
        change, bill_at, other = _next_change(start), _next_boundary(start), _other_start(start)
        if change is not None and (bill_at is None or change.due_at <= bill_at):
            dated_work.carry_out(change, at=change.due_at)
        elif bill_at is not None and (other is None or bill_at <= other.due_at):
            _bill(start.customer, bill_at)
        elif other is not None:
            planned_work.carry_out(other.pk, at=other.due_at)
        else:
            issue_held(start.customer_id, start.due_at)
            return step > 0
    raise BeingWorkedOn("too much is to be billed before that day to be worked out here")


def _next_change(start: PlannedStart) -> DatedChange | None:
    ready = DatedChange.objects.ready(start.due_at).order_by("due_at", "pk")
    return ready.filter(subscription__customer=start.customer).first()


def _next_boundary(start: PlannedStart) -> datetime | None:
    """When something of the customer is billed next; what ends with that day ends before.

    What is set aside is not waited for, as on the day.
    """
    due = _billed(start.customer).filter(next_billing_at__lte=start.due_at)
    return due.order_by("next_billing_at").values_list("next_billing_at", flat=True).first()


def _billed(customer: Customer) -> SubscriptionQuerySet:
    failed = BillingFailure.objects.filter(subscription=OuterRef("pk"), released_at__isnull=True)
    return Subscription.objects.live().filter(~Exists(failed), customer=customer)


def _other_start(start: PlannedStart) -> PlannedStart | None:
    """One that starts before; of one day, whichever was planned first."""
    waiting = PlannedStart.objects.waiting().filter(customer=start.customer)
    before = waiting.filter(due_at__lt=start.due_at)
    same_day = waiting.filter(due_at=start.due_at)
    if start.pk is not None:
        same_day = same_day.filter(pk__lt=start.pk)
    return (before | same_day).order_by("due_at", "pk").first()


def _bill(customer: Customer, bill_at: datetime) -> None:
    due = _billed(customer).filter(next_billing_at=bill_at)
    bill(list(due.values_list("pk", flat=True)), bill_at)
