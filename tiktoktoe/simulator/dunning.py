"""Dunning in a simulation: the file's campaign, stored cards, and what comes by itself.

Cards are charged without routing: an attempt is opened and settled by the real services, with
the answer that the file says.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from django.db.models import Exists, OuterRef, Q, QuerySet

from billing.domain.attempts import Answer
from billing.domain.campaigns import CampaignTerms, Step, StepKind
from billing.domain.declines import Decline, DeclineClass
from billing.domain.overdue import OverdueTerms, RequestTerms
from billing.gateways.base import Outcome
from billing.models import DunningRun, Invoice, Payment
from billing.models.invoices import LEFT_TO_PAY
from billing.services.dunning.campaigns import assign_campaign, publish_campaign
from billing.services.dunning.overdue import next_overdue_at, update_overdue
from billing.services.dunning.runs import run_dunning
from billing.services.payments.channels import Channel
from billing.services.payments.charging import open_attempt
from billing.services.payments.settling import settle_attempt
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.money import minor_unit
from tiktoktoe.simulator.errors import StepRefused
from tiktoktoe.simulator.scenario.catalog import Dunning
from tiktoktoe.simulator.world import ACTOR, World
from tiktoktoe.standing import standing

GATEWAY = "stripe"
NO = Decline(code="simulated", decline_class=DeclineClass.SOFT_GENERIC)


def put_dunning_in_force(row: Dunning, currency: str, at: datetime) -> None:
    """Let the file's campaign count for the company."""
    steps = sorted(row.steps, key=lambda step: step.day)
    terms = CampaignTerms(
        steps=tuple(
            Step(position=n, day=step.day, kind=StepKind(step.do))
            for n, step in enumerate(steps, start=1)
        ),
        retry_every_days=row.retry_every_days,
        retries_max=row.retries_max,
    )
    try:
        campaign = publish_campaign(
            code="simulated",
            name="Simulated",
            terms=terms,
            requests=_requests(row),
            states=[
                OverdueTerms(
                    name=state.name,
                    days_since_earliest_unpaid=state.days_since_earliest_unpaid,
                    unpaid_invoices=state.unpaid_invoices,
                    unpaid_amount=state.unpaid_amount.exact(currency)
                    if state.unpaid_amount
                    else None,
                    blocks_changes=state.blocks_changes,
                    blocks_service=state.blocks_service,
                )
                for state in row.states
            ],
            actor=ACTOR,
            at=at,
        )
        assign_campaign(campaign=campaign, actor=ACTOR, at=at)
    except InvalidInput as problem:
        raise StepRefused(row.place, problem) from problem


def _requests(row: Dunning) -> RequestTerms | None:
    whole = {code.upper(): amount for code, amount in (row.thresholds or {}).items()}
    for code, amount in (row.thresholds_cents or {}).items():
        whole[code.upper()] = amount.scaleb(-minor_unit(code.upper()))
    if not whole:
        return None
    return RequestTerms(
        thresholds=whole,
        requests_max=row.max_attempts or 1,
        days_between=row.days_between_attempts or 1,
    )


def tend(world: World, at: datetime) -> None:
    """What happens by itself at an instant: cards are charged, steps done, states found."""
    for invoice in _chargeable(world, at):
        _charge(world, invoice, at)
    if world.scenario.dunning is not None:
        run_dunning(at=at)
        update_overdue(at=at)


def dunning_instants(world: World, *, after: datetime, until: datetime) -> Iterator[datetime]:
    """When something of this comes by itself, within a time."""
    if world.cards:
        planned = Payment.objects.filter(
            customer__in=list(world.customers.values()),
            state="open",
            next_attempt_at__gt=after,
            next_attempt_at__lte=until,
        )
        yield from (at for at in planned.values_list("next_attempt_at", flat=True) if at)
    if world.scenario.dunning is None:
        return
    steps = DunningRun.objects.due(until).filter(next_step_at__gt=after)
    yield from (at for at in steps.values_list("next_step_at", flat=True) if at)
    coming = next_overdue_at(None, after=after, to=until)
    if coming is not None:
        yield coming


def _chargeable(world: World, at: datetime) -> list[Invoice]:
    """Open invoices of customers with a card that were never tried, or whose next try has come."""
    owners = [world.customers[name].pk for name in world.cards]
    return _to_charge.rows(at=at, owners=owners) if owners else []


@standing
def _to_charge(at: datetime, owners: list[int]) -> QuerySet[Invoice]:
    payments = Payment.objects.filter(invoice=OuterRef("pk"))
    tried = payments.filter(attempts__channel=Channel.STORED_METHOD)
    return (
        Invoice.objects.collectable()
        .filter(customer__any_of=owners, finalized_at__lte=at)
        .alias(left=LEFT_TO_PAY)
        .filter(left__gt=0)
        .filter(Q(Exists(payments.due_for_attempt(at))) | ~Q(Exists(tried)))
        .select_related("customer")
        .order_by("finalized_at", "pk")
    )


def _charge(world: World, invoice: Invoice, at: datetime) -> None:
    attempt = open_attempt(
        invoice=invoice, channel=Channel.STORED_METHOD, gateway=GATEWAY, actor=ACTOR, at=at
    )
    outcome = Outcome(answer=Answer.DECLINED, decline=NO)
    if world.cards[invoice.customer.external_id] == "works":
        reference = f"simulated-{attempt.pk}"
        outcome = Outcome(
            answer=Answer.SUCCEEDED,
            reference=reference,
            amount=attempt.payment.amount,
            fee=attempt.payment.amount * Decimal(0),
        )
    settle_attempt(attempt=attempt, outcome=outcome, actor=ACTOR, at=at)
