"""What each step of a dunning run does; through the services that people use too."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from billing.domain.attempts import PaymentState
from billing.domain.campaigns import StepKind
from billing.models import DunningAct, DunningRun, DunningStep, Invoice, PaymentAttempt
from billing.models.payments import LIVE_ATTEMPT_STATES
from billing.services.changes.cancelling import cancel_subscription
from billing.services.changes.pausing import pause
from billing.services.invoices.consolidating import subscriptions_of
from billing.services.invoices.invoicing import mark_uncollectible
from billing.services.payments.channels import Channel
from billing.services.payments.charging import default_method
from subscriptions.models import Subscription
from subscriptions.services.restrictions import restrict_service
from subscriptions.services.transitions import SCHEDULE
from tiktoktoe.kernel.errors import Conflict, InvalidInput

Effect = Callable[[], object]


def _nothing() -> None:
    """Of a step that needs no more than its row: whoever looks for it finds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    """What came of a step; `effect` is still to be done, together with writing it down."""

    state: str = DunningAct.State.DONE
    reason: str = ""
    attempt: PaymentAttempt | None = None
    effect: Effect = _nothing


def perform(*, run: DunningRun, step: DunningStep, due_at: datetime, at: datetime) -> Performed:
    """Do what a step asks for; pausing and canceling may talk to a gateway, and can be repeated.

    Raises:
        PaymentUnderWay: If the invoice may be being paid: then the step has to wait.
    """
    return _PERFORMERS[StepKind(step.kind)](run, due_at, at)


class PaymentUnderWay(Conflict):
    """A payment of the invoice is on its way, or about to be tried."""


def refused(reason: str) -> Performed:
    """A step that was not done, and why."""
    return Performed(state=DunningAct.State.REFUSED, reason=reason[:300])


def _retry(run: DunningRun, due_at: datetime, at: datetime) -> Performed:
    """Retries are made by the collection pass, which knows every rule: here is seen what it did."""
    invoice = run.invoice
    attempt = attempt_since(invoice, due_at)
    if attempt is not None:
        return Performed(attempt=attempt)
    if default_method(invoice) is None:
        return refused("no payment method is stored")
    payment = invoice.payments.order_by("-created_at", "-pk").first()
    if payment is None or payment.state == PaymentState.PROCESSING:
        raise PaymentUnderWay("it is about to be charged")
    is_held = payment.state == PaymentState.OPEN and hasattr(payment, "review")
    if is_held and payment.review.state == "open":
        return refused("held back by risk rules: a person has to look at it first")
    planned = payment.next_attempt_at
    if payment.state == PaymentState.OPEN and planned is not None and planned <= at:
        raise PaymentUnderWay("it is about to be charged")
    said = payment.events.filter(details__has_key="reason").order_by("-pk").first()
    return refused(str(said.details["reason"]) if said else f"the payment is {payment.state}")


def attempt_since(invoice: Invoice, due_at: datetime) -> PaymentAttempt | None:
    """The first charge of a stored method that we made by ourselves, from an instant on.

    What a customer tries on the payment page is its own doing, not a step's.
    """
    tried = PaymentAttempt.objects.filter(
        payment__invoice=invoice,
        channel=Channel.STORED_METHOD,
        is_on_session=False,
        dispatched_at__gte=due_at,
    )
    return tried.order_by("dispatched_at", "sequence").first()


def _tell(_run: DunningRun, _due_at: datetime, _at: datetime) -> Performed:
    return Performed()


def _restrict(run: DunningRun, _due_at: datetime, at: datetime) -> Performed:
    _ensure_not_being_paid(run.invoice)
    return Performed(effect=lambda: _hold_back(run, at))


def _hold_back(run: DunningRun, at: datetime) -> None:
    """What the invoice is for; of one for no subscription, everything."""
    billed: list[Subscription | None] = [*subscriptions_of(run.invoice)]
    for subscription in billed or [None]:
        restrict_service(
            customer=run.customer,
            subscription=subscription,
            reason=f"invoice {run.invoice} is past due",
            source=run.source,
            at=at,
        )


def _pause(run: DunningRun, _due_at: datetime, at: datetime) -> Performed:
    return _stop(
        run,
        Subscription.State.PAUSED,
        lambda one: pause(subscription=one, actor=SCHEDULE, reason=_why(run), at=at),
    )


def _cancel(run: DunningRun, _due_at: datetime, at: datetime) -> Performed:
    return _stop(
        run,
        Subscription.State.CANCELED,
        lambda one: cancel_subscription(subscription=one, actor=SCHEDULE, reason=_why(run), at=at),
    )


def _stop(run: DunningRun, state: str, stop: Callable[[Subscription], object]) -> Performed:
    """Pause or end every subscription that the invoice is for; each of them can be repeated.

    Done if any was stopped by this run, now or before it was broken off; of those that could
    not be, the reasons are kept.
    """
    _ensure_not_being_paid(run.invoice)
    wanted = subscriptions_of(run.invoice)
    if not wanted:
        return refused("the invoice is of no subscription")
    reasons = []
    for subscription in wanted:
        if subscription.state == state:
            continue
        try:
            stop(subscription)
        except (Conflict, InvalidInput) as problem:
            reasons.append(str(problem) if len(wanted) == 1 else f"{subscription}: {problem}")
    if stopped_by(run, state):
        return Performed(reason="; ".join(reasons)[:300])
    return refused("; ".join(reasons) or f"it was {state} before")


def stopped_by(run: DunningRun, state: str) -> list[Subscription]:
    """Which subscriptions of its invoice are in a state that this run has put them into."""
    wanted = [subscription.pk for subscription in subscriptions_of(run.invoice)]
    found = []
    for subscription in Subscription.objects.filter(pk__in=wanted, state=state).order_by("pk"):
        last = subscription.transitions.filter(to_state=state).order_by("-pk").first()
        if last is not None and last.reason == _why(run):
            found.append(subscription)
    return found


def _write_off(run: DunningRun, _due_at: datetime, at: datetime) -> Performed:
    _ensure_not_being_paid(run.invoice)
    return Performed(effect=lambda: mark_uncollectible(invoice=run.invoice, at=at))


def _why(run: DunningRun) -> str:
    return f"invoice {run.invoice} is past due since {run.past_due_from:%Y-%m-%d}"


def _ensure_not_being_paid(invoice: Invoice) -> None:
    live = PaymentAttempt.objects.filter(payment__invoice=invoice, state__in=LIVE_ATTEMPT_STATES)
    if live.exclude(state=PaymentAttempt.State.SUCCEEDED).exists():
        raise PaymentUnderWay("a payment is on its way")


_PERFORMERS: Mapping[StepKind, Callable[[DunningRun, datetime, datetime], Performed]] = {
    StepKind.RETRY: _retry,
    StepKind.EMAIL: _tell,
    StepKind.BANNER: _tell,
    StepKind.RESTRICT: _restrict,
    StepKind.PAUSE: _pause,
    StepKind.CANCEL: _cancel,
    StepKind.WRITE_OFF: _write_off,
}
