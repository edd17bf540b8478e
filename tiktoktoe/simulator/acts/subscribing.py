"""Subscriptions: started, changed, ended."""

from datetime import datetime

from billing.models import DatedChange, PlanChange
from billing.services.changes.add_ons import change_add_on
from billing.services.changes.cancelling import CancelWhen, cancel_subscription
from billing.services.changes.dated_changes import schedule_dated_change, withdraw_dated_change
from billing.services.changes.first_add_ons import AddOnWanted
from billing.services.changes.pausing import pause, resume
from billing.services.changes.plan_changes import change_plan, withdraw_plan_change
from billing.services.changes.planned_starts import StartWanted, plan_start, withdraw_start
from billing.services.changes.resumption_days import resume_on_day
from billing.services.changes.returning import plan_return, start_again
from billing.services.changes.subscribing import start_subscription
from billing.services.changes.trials import convert_trial_now
from billing.services.changes.wanted import Wanted
from subscriptions.models import Subscription
from subscriptions.services.changes import withdraw_cancellation
from subscriptions.services.pauses import withdraw_pause
from subscriptions.services.policies import ChangeOverride
from subscriptions.services.trials import move_trial_end
from tiktoktoe.kernel.periods import Alignment, local_date
from tiktoktoe.simulator.acts.registry import plays
from tiktoktoe.simulator.errors import ScenarioInvalid
from tiktoktoe.simulator.scenario import actions
from tiktoktoe.simulator.world import ACTOR, World


@plays(actions.Subscribe)
def subscribe(world: World, action: actions.Subscribe, at: datetime) -> None:
    """Start a subscription with its first bill, or plan that for a day to come."""
    customer = world.customer(action)
    currency = action.currency.upper() or customer.currency
    starts_at = action.starts.at(customer.time_zone) if action.starts else None
    add_ons = [
        AddOnWanted(world.version(code, currency, action.place), quantity)
        for code, quantity in (action.add_ons or {}).items()
    ]
    if starts_at is not None and starts_at > at:
        wanted = StartWanted(
            on=local_date(starts_at, customer.time_zone),
            plan_version=world.version(action.plan, currency, action.place),
            quantity=action.quantity,
            trial_days=action.trial_days,
            alignment=Alignment(action.alignment),
            anchor_day=action.billing_day,
            add_ons=add_ons,
        )
        start = plan_start(customer=customer, wanted=wanted, actor=ACTOR, at=at)
        world.name_start(action, start)
        return
    started = start_subscription(
        customer=customer,
        plan_version=world.version(action.plan, currency, action.place),
        quantity=action.quantity,
        trial_days=action.trial_days,
        alignment=Alignment(action.alignment),
        anchor_day=action.billing_day,
        starts_at=starts_at,
        add_ons=add_ons,
        at=at,
        actor=ACTOR,
    )
    world.name_subscription(action, started.subscription)


@plays(actions.WithdrawStart)
def do_not_start(world: World, action: actions.WithdrawStart, at: datetime) -> None:
    """Take back what waits for its day."""
    withdraw_start(start=world.start(action), actor=ACTOR, at=at)


@plays(actions.ChangePlan)
def change(world: World, action: actions.ChangePlan, at: datetime) -> None:
    """Change plan or quantity."""
    subscription = world.subscription(action)
    code = action.plan or subscription.plan_version.plan.code
    version = world.version(code, subscription.currency, action.place)
    quantity = action.quantity or subscription.quantity
    if action.on is not None and action.when is not None:
        raise ScenarioInvalid("is when a day begins: `when` and `on` say two", action.place)
    if action.on is not None and action.on > local_date(at, subscription.time_zone):
        wanted = Wanted(
            on=action.on,
            plan_version=version if action.plan else None,
            quantity=quantity,
            prorates=action.prorate,
            unused=action.unused,
        )
        _schedule(world, subscription, wanted, action.reason, at)
        return
    change_plan(
        subscription=subscription,
        plan_version=version,
        quantity=quantity,
        override=ChangeOverride(
            timing=action.when, prorates=action.prorate, unused_time=action.unused
        ),
        reason=action.reason,
        since=action.on,
        actor=ACTOR,
        at=at,
    )


@plays(actions.SetAddOn)
def put_beside(world: World, action: actions.SetAddOn, at: datetime) -> None:
    """Have so many of an add-on."""
    subscription = world.subscription(action)
    if action.on is not None and action.when is not None:
        raise ScenarioInvalid("is when a day begins: `when` and `on` say two", action.place)
    version = world.version(action.plan, subscription.currency, action.place)
    if action.on is not None and action.on > local_date(at, subscription.time_zone):
        wanted = Wanted(
            on=action.on,
            plan_version=version,
            quantity=action.quantity,
            is_add_on=True,
            prorates=action.prorate,
            unused=action.unused,
        )
        _schedule(world, subscription, wanted, action.reason, at)
        return
    change_add_on(
        subscription=subscription,
        plan_version=version,
        quantity=action.quantity,
        override=ChangeOverride(
            timing=action.when, prorates=action.prorate, unused_time=action.unused
        ),
        reason=action.reason,
        since=action.on,
        actor=ACTOR,
        at=at,
    )


@plays(actions.WithdrawChange)
def withdraw_change(world: World, action: actions.WithdrawChange, at: datetime) -> None:
    """Take back the change that is scheduled."""
    subscription = world.subscription(action)
    if action.on is not None:
        days = DatedChange.objects.scheduled().filter(subscription=subscription, on=action.on)
        dated = days.first()
        if dated is None:
            raise ScenarioInvalid("nothing is scheduled for this day", action.place)
        withdraw_dated_change(change=dated, actor=ACTOR, at=at)
        return
    scheduled = PlanChange.objects.filter(subscription=subscription, state="scheduled").first()
    if scheduled is None:
        raise ScenarioInvalid("no change is scheduled", action.place)
    withdraw_plan_change(change=scheduled, at=at)


def _schedule(
    world: World, subscription: Subscription, wanted: Wanted, reason: str, at: datetime
) -> None:
    change = schedule_dated_change(
        subscription=subscription, wanted=wanted, reason=reason, actor=ACTOR, at=at
    )
    world.dated.append(change.pk)


@plays(actions.Cancel)
def cancel(world: World, action: actions.Cancel, at: datetime) -> None:
    """End a subscription."""
    cancel_subscription(
        subscription=world.subscription(action),
        when=CancelWhen.ON_DAY if action.on else CancelWhen(action.when),
        on=action.on,
        unused=action.unused,
        reason=action.reason,
        actor=ACTOR,
        at=at,
    )


@plays(actions.Pause)
def stop(world: World, action: actions.Pause, at: datetime) -> None:
    """Pause it."""
    subscription = world.subscription(action)
    if action.on is not None and action.on > local_date(at, subscription.time_zone):
        wanted = Wanted(on=action.on, resume_on=action.resume_on, unused=action.unused)
        _schedule(world, subscription, wanted, action.reason, at)
        return
    pause(
        subscription=subscription,
        at_period_end=action.when == "period_end",
        since=action.on,
        resume_on=action.resume_on,
        unused=action.unused,
        reason=action.reason,
        actor=ACTOR,
        at=at,
    )


@plays(actions.Resume)
def carry_on(world: World, action: actions.Resume, at: datetime) -> None:
    """Resume it."""
    subscription = world.subscription(action)
    if action.on is not None:
        resume_on_day(
            subscription=subscription,
            resume_on=action.on,
            reason=action.reason,
            actor=ACTOR,
            at=at,
        )
        return
    resume(subscription=subscription, reason=action.reason, actor=ACTOR, at=at)


@plays(actions.MoveTrialEnd)
def move_trial(world: World, action: actions.MoveTrialEnd, at: datetime) -> None:
    """Let its trial end on another day."""
    move_trial_end(
        subscription=world.subscription(action),
        ends_on=action.ends_on,
        reason=action.reason,
        actor=ACTOR,
        at=at,
    )


@plays(actions.EndTrial)
def convert(world: World, action: actions.EndTrial, at: datetime) -> None:
    """End its trial today."""
    subscription = world.subscription(action)
    convert_trial_now(subscription=subscription, reason=action.reason, actor=ACTOR, at=at)


@plays(actions.WithdrawCancellation)
def go_on(world: World, action: actions.WithdrawCancellation, at: datetime) -> None:
    """Let it go on."""
    withdraw_cancellation(subscription=world.subscription(action), actor=ACTOR, at=at)


@plays(actions.WithdrawPause)
def do_not_pause(world: World, action: actions.WithdrawPause, at: datetime) -> None:
    """Let it go on without the pause."""
    withdraw_pause(subscription=world.subscription(action), actor=ACTOR, at=at)


@plays(actions.WithdrawResumption)
def rest(world: World, action: actions.WithdrawResumption, at: datetime) -> None:
    """Let it rest until somebody resumes it."""
    subscription = world.subscription(action)
    resume_on_day(subscription=subscription, resume_on=None, actor=ACTOR, at=at)


@plays(actions.StartAgain)
def begin_anew(world: World, action: actions.StartAgain, at: datetime) -> None:
    """Begin anew what has ended."""
    ended = world.subscription(action)
    if action.on is not None and action.on > local_date(at, ended.customer.time_zone):
        start = plan_return(subscription=ended, on=action.on, actor=ACTOR, at=at)
        world.name_return(ended, start)
        return
    started = start_again(subscription=ended, starts_on=action.on, actor=ACTOR, at=at)
    world.pass_name_on(ended, started.subscription)
