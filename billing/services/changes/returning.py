"""A customer whose subscription has ended comes back: shown first, then done by the same code."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from billing.errors import NotComingBack
from billing.models import PlannedStart
from billing.queries.planned_prices import planned_versions
from billing.services.changes.planned_previews import PlannedPreview, preview_planned_start
from billing.services.changes.planned_starts import StartWanted, plan_start
from billing.services.changes.subscribing import Started, start_subscription
from billing.services.invoices.boundaries import start_boundary
from billing.services.invoices.draft_parts import DraftInvoice
from billing.services.invoices.drafting import draft_invoices, with_credit
from subscriptions.errors import SubscriptionInvalid
from subscriptions.models import Customer, PlanVersion, Subscription
from subscriptions.services.signup import subscribe
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.periods import Period, local_midnight


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnPreview:
    """On which prices a subscription would begin anew, its first period, and what is billed."""

    plan_version: PlanVersion
    quantity: int
    period: Period
    is_trial: bool
    draft: DraftInvoice | None


def version_for_return(subscription: Subscription, at: datetime) -> PlanVersion | None:
    """The prices of an ended subscription's plan that everybody can have now; None if none."""
    plan = subscription.plan_version.plan
    if subscription.ended_at is None or not plan.is_public:
        return None
    versions = PlanVersion.objects.published().select_related("plan")
    on_sale = versions.filter(plan=plan, currency=subscription.currency, effective_from__lte=at)
    return on_sale.order_by("-number").first()


def preview_return(
    *, subscription: Subscription, actor: Actor, at: datetime, starts_on: date | None = None
) -> ReturnPreview:
    """What beginning anew would bill; nothing is kept.

    Raises what `start_again` does.
    """
    with transaction.atomic():
        version = _version(subscription, at)
        begun = subscribe(
            customer=subscription.customer,
            plan_version=version,
            quantity=subscription.quantity,
            planned=planned_versions,
            starts_at=_starts_at(subscription, starts_on),
            at=at,
            actor=actor,
        )
        boundary = start_boundary(begun)
        draft = next(iter(draft_invoices([boundary])), None) if boundary else None
        preview = ReturnPreview(
            plan_version=version,
            quantity=begun.quantity,
            period=begun.current_period,
            is_trial=begun.state == Subscription.State.TRIALING,
            draft=with_credit(draft) if draft else None,
        )
        transaction.set_rollback(True)
    return preview


@transaction.atomic
def start_again(
    *, subscription: Subscription, actor: Actor, at: datetime, starts_on: date | None = None
) -> Started:
    """Begin a new subscription like one that has ended, on today's prices of its plan.

    It begins today, or on a day before, in a first period that is not over.

    Raises:
        NotComingBack: If it has not ended, runs again already, or its plan is not on sale.
        SubscriptionInvalid: If another live subscription bills one of its meters, or the day
            that it is to begin on is to come, in a period that is over, or before its end.
        TaxRateMissing: If tax is due in the customer's country and no rate is known.
    """
    return start_subscription(
        customer=subscription.customer,
        plan_version=_version(subscription, at),
        quantity=subscription.quantity,
        starts_at=_starts_at(subscription, starts_on),
        at=at,
        actor=actor,
    )


def preview_planned_return(
    *, subscription: Subscription, actor: Actor, at: datetime, on: date
) -> PlannedPreview:
    """What beginning anew on a day to come would bill; nothing is kept.

    Raises what `plan_return` does, and what starting would be refused for then.
    """
    with transaction.atomic():
        wanted = _wanted(subscription, on, at)
    return preview_planned_start(customer=subscription.customer, wanted=wanted, actor=actor, at=at)


@transaction.atomic
def plan_return(
    *, subscription: Subscription, actor: Actor, at: datetime, on: date
) -> PlannedStart:
    """Let a subscription like one that has ended begin on a day to come.

    On the prices of its plan that are on sale that day, as far as is known now.

    Raises:
        NotComingBack: If it has not ended, runs again or is to already, or its plan is not on
            sale that day.
        SubscriptionInvalid: If the day is not to come.
    """
    wanted = _wanted(subscription, on, at)
    return plan_start(customer=subscription.customer, wanted=wanted, actor=actor, at=at)


def _wanted(subscription: Subscription, on: date, at: datetime) -> StartWanted:
    sold_at = max(at, local_midnight(on, subscription.customer.time_zone))
    version = _version(subscription, sold_at)
    return StartWanted(on=on, plan_version=version, quantity=subscription.quantity)


def _starts_at(subscription: Subscription, starts_on: date | None) -> datetime | None:
    """When a day begins, if it had ended by then."""
    if starts_on is None:
        return None
    starts_at = local_midnight(starts_on, subscription.customer.time_zone)
    if subscription.ended_at is not None and starts_at < subscription.ended_at:
        raise SubscriptionInvalid(
            f"it had not ended on {starts_on}", field="on", remedy="a day after its end"
        )
    return starts_at


def _version(subscription: Subscription, at: datetime) -> PlanVersion:
    Customer.objects.select_for_update(of=("self",)).get(pk=subscription.customer_id)
    if subscription.ended_at is None:
        raise NotComingBack("it has not ended")
    again = Subscription.objects.live().filter(
        customer=subscription.customer_id, plan_version__plan=subscription.plan_version.plan_id
    )
    if again.exists():
        raise NotComingBack("it runs again already")
    planned = PlannedStart.objects.waiting().filter(
        customer=subscription.customer_id, plan_version__plan=subscription.plan_version.plan_id
    )
    if (coming := planned.first()) is not None:
        raise NotComingBack(f"it starts on {coming.on} already; take that back first")
    version = version_for_return(subscription, at)
    if version is None:
        raise NotComingBack("its plan is not on sale any more")
    return version
