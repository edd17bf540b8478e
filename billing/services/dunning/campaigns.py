"""Dunning campaigns: kept in versions, and from when on each counts for whom."""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Max, QuerySet

from billing.domain.campaigns import STANDARD, CampaignTerms, ensure_campaign
from billing.domain.overdue import OverdueTerms, RequestTerms, ensure_overdue, ensure_requests
from billing.errors import CampaignInvalid
from billing.models import (
    DunningCampaign,
    DunningRule,
    DunningRun,
    DunningStep,
    DunningThreshold,
    Invoice,
    InvoicePart,
    OverdueState,
)
from billing.services.payments.payment_events import actor_name
from subscriptions.models import Plan
from subscriptions.services.transitions import Actor
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)


class CampaignBook:
    """The campaigns that count, for any day and many invoices; three queries."""

    def __init__(self) -> None:
        self._rules: dict[int | None, list[DunningRule]] = defaultdict(list)
        rules = DunningRule.objects.select_related("campaign")
        for rule in rules.prefetch_related("campaign__steps"):  # the newest first
            self._rules[rule.plan_id].append(rule)

    def rule_of(self, plan_id: int | None, at: datetime) -> DunningRule | None:
        """The rule that counts for a plan's invoices, or for those of no plan, at an instant."""
        for key in dict.fromkeys((plan_id, None)):
            rule = next((r for r in self._rules[key] if r.effective_from <= at), None)
            if rule is not None and rule.campaign is not None:
                return rule
        return None

    def rule_for(self, plan_ids: Collection[int], at: datetime) -> DunningRule | None:
        """The rule for an invoice of these plans: theirs if they share a campaign, else the
        company's."""
        rules = [rule for plan_id in plan_ids if (rule := self.rule_of(plan_id, at)) is not None]
        if len(rules) == len(plan_ids) and len({rule.campaign_id for rule in rules}) == 1:
            return max(rules, key=lambda rule: rule.effective_from)
        return self.rule_of(None, at)


def plans_of(invoices: Iterable[Invoice]) -> dict[UUID, set[int]]:
    """The plans of the subscriptions that invoices are for; two queries for all."""
    plans: dict[UUID, set[int]] = defaultdict(set)
    wanted = [invoice.pk for invoice in invoices]
    single = Invoice.objects.filter(pk__in=wanted, subscription__isnull=False)
    joined = InvoicePart.objects.filter(invoice__in=wanted)
    for found in (
        single.order_by().values_list("pk", "subscription__plan_version__plan"),
        joined.order_by().values_list("invoice", "subscription__plan_version__plan"),
    ):
        for invoice, plan in found:
            plans[invoice].add(plan)
    return plans


def terms_of(invoice: Invoice, at: datetime) -> tuple[CampaignTerms, datetime | None]:
    """By which terms an invoice is collected, and its day 0 if it is past due already.

    Those of its run, once it has one; whatever is put in force later counts for later ones.
    """
    run = (
        DunningRun.objects.going_on()
        .filter(invoice=invoice)
        .select_related("campaign")
        .prefetch_related("campaign__steps")
        .first()
    )
    if run is not None:
        return run.campaign.terms, run.past_due_from
    rule = CampaignBook().rule_for(plans_of([invoice])[invoice.pk], at)
    if rule is not None and rule.campaign is not None:
        return rule.campaign.terms, None
    return STANDARD, None


@standing
def _of_company(at: datetime) -> "QuerySet[DunningRule]":
    rules = DunningRule.objects.filter(plan__isnull=True, effective_from__lte=at)
    return rules.select_related("campaign")[:1]


def company_campaign(at: datetime) -> DunningCampaign | None:
    """The company's campaign at an instant; what counts for a customer's whole debt."""
    rule = _of_company.first(at=at)
    return rule.campaign if rule is not None else None


@transaction.atomic
def publish_campaign(
    *,
    code: str,
    name: str,
    terms: CampaignTerms,
    actor: Actor,
    at: datetime,
    requests: RequestTerms | None = None,
    states: Sequence[OverdueTerms] = (),
) -> DunningCampaign:
    """Keep a campaign under a code: the first of that code, or its next version.

    Steps are ordered by their days; those of one day stay in the order in which they came.

    Args:
        code: Of all its versions.
        name: What people call it.
        terms: What is done about each invoice.
        actor: Who made it.
        at: Now.
        requests: When a customer is asked for all that is overdue.
        states: What a customer's whole debt makes of it, the strictest last.

    Raises:
        CampaignInvalid: If it contradicts itself.
    """
    if not code or not name:
        raise CampaignInvalid("a campaign needs a code and a name", field="code")
    ordered = ordered_terms(terms)
    ensure_campaign(ordered)
    if requests is not None:
        ensure_requests(requests)
    if states:
        ensure_overdue(states)
    newest = DunningCampaign.objects.filter(code=code).aggregate(newest=Max("number"))["newest"]
    campaign = DunningCampaign.objects.create(
        code=code,
        number=(newest or 0) + 1,
        name=name,
        retry_every_days=ordered.retry_every_days,
        retries_max=ordered.retries_max,
        requests_max=requests.requests_max if requests else None,
        days_between=requests.days_between if requests else None,
        created_at=at,
        created_by=actor_name(actor)[:64],
    )
    DunningStep.objects.bulk_create(
        DunningStep(campaign=campaign, position=s.position, day=s.day, kind=str(s.kind))
        for s in ordered.steps
    )
    DunningThreshold.objects.bulk_create(
        DunningThreshold(campaign=campaign, currency=currency, amount=amount)
        for currency, amount in (requests.thresholds if requests else {}).items()
    )
    OverdueState.objects.bulk_create(
        OverdueState(campaign=campaign, position=n, **asdict(state))
        for n, state in enumerate(states, start=1)
    )
    return campaign


def ordered_terms(terms: CampaignTerms) -> CampaignTerms:
    """The same with its steps in the order of their days, numbered anew."""
    steps = sorted(terms.steps, key=lambda step: step.day)
    numbered = tuple(replace(step, position=n) for n, step in enumerate(steps, start=1))
    return replace(terms, steps=numbered)


@transaction.atomic
def assign_campaign(
    *,
    campaign: DunningCampaign | None,
    actor: Actor,
    at: datetime,
    plan: Plan | None = None,
    effective_from: datetime | None = None,
) -> DunningRule:
    """Let a campaign count from now, or a moment to come, on: for the company, or a plan.

    Runs that go on keep theirs. A plan with no campaign goes by the company's again.

    Raises:
        CampaignInvalid: If the company would have none, a plan one for whole debts, or it
            would have counted already.
    """
    if effective_from is not None and effective_from < at:
        raise CampaignInvalid(
            "what has counted stays", field="from_day", remedy="choose a day to come"
        )
    if campaign is not None and plan is not None and is_for_debts(campaign):
        raise CampaignInvalid(
            "requests and overdue states are of a customer's whole debt, not of a plan",
            field="plan",
            remedy="let it count for the company",
        )
    if campaign is None and plan is None:
        raise CampaignInvalid("the company has always one", field="campaign")
    rule = DunningRule.objects.create(
        plan=plan,
        campaign=campaign,
        effective_from=effective_from or at,
        actor=actor_name(actor)[:64],
        created_at=at,
    )
    logger.info("dunning campaign assigned", extra={"campaign": str(campaign), "plan": str(plan)})
    return rule


def is_for_debts(campaign: DunningCampaign) -> bool:
    """Whether it says something about a customer's whole debt."""
    return campaign.thresholds.exists() or campaign.states.exists()


def campaigns_in_force(at: datetime) -> Sequence[tuple[Plan | None, DunningRule]]:
    """Which campaign counts now for the company, and for each plan that has its own."""
    newest: dict[int | None, DunningRule] = {}
    rules = DunningRule.objects.select_related("plan", "campaign").filter(effective_from__lte=at)
    for rule in rules:
        newest.setdefault(rule.plan_id, rule)
    kept = [rule for rule in newest.values() if rule.campaign is not None]
    return [(rule.plan, rule) for rule in sorted(kept, key=lambda r: r.plan_id or 0)]


def campaigns_to_come(at: datetime) -> Sequence[DunningRule]:
    """What will count from a moment to come on, the next first."""
    rules = DunningRule.objects.select_related("plan", "campaign").filter(effective_from__gt=at)
    return list(rules.order_by("effective_from", "pk"))
