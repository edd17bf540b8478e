"""Subscriptions: started, changed, ended."""

from datetime import datetime

from billing.models import PlanChange
from billing.services.plan_changes import change_plan, withdraw_plan_change
from billing.services.subscribing import start_subscription
from subscriptions.services.changes import schedule_cancellation, withdraw_cancellation
from tiktoktoe.simulator.acts.registry import plays
from tiktoktoe.simulator.errors import ScenarioInvalid
from tiktoktoe.simulator.scenario import actions
from tiktoktoe.simulator.world import ACTOR, World


@plays(actions.Subscribe)
def subscribe(world: World, action: actions.Subscribe, at: datetime) -> None:
    """Start a subscription with its first bill."""
    customer = world.customer(action)
    started = start_subscription(
        customer=customer,
        plan_version=world.version(action.plan, customer.currency, action.place),
        quantity=action.quantity,
        trial_days=action.trial_days,
        at=at,
        actor=ACTOR,
    )
    world.name_subscription(action, started.subscription)


@plays(actions.ChangePlan)
def change(world: World, action: actions.ChangePlan, at: datetime) -> None:
    """Change plan or quantity."""
    subscription = world.subscription(action)
    code = action.plan or subscription.plan_version.plan.code
    change_plan(
        subscription=subscription,
        plan_version=world.version(code, subscription.currency, action.place),
        quantity=action.quantity or subscription.quantity,
        actor=ACTOR,
        at=at,
    )


@plays(actions.WithdrawChange)
def withdraw_change(world: World, action: actions.WithdrawChange, at: datetime) -> None:
    """Take back the change that is scheduled."""
    subscription = world.subscription(action)
    scheduled = PlanChange.objects.filter(subscription=subscription, state="scheduled").first()
    if scheduled is None:
        raise ScenarioInvalid("no change is scheduled", action.place)
    withdraw_plan_change(change=scheduled)


@plays(actions.Cancel)
def cancel(world: World, action: actions.Cancel, at: datetime) -> None:
    """End a subscription."""
    subscription = world.subscription(action)
    schedule_cancellation(subscription=subscription, actor=ACTOR, at=at, reason=action.reason)


@plays(actions.WithdrawCancellation)
def go_on(world: World, action: actions.WithdrawCancellation, at: datetime) -> None:
    """Let it go on."""
    withdraw_cancellation(subscription=world.subscription(action), actor=ACTOR, at=at)
