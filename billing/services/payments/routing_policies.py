"""Versions of how payments are routed: drafted, tried on history, put in force by a person."""

import logging
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max

from billing.domain.experiments import Verdict
from billing.errors import PolicyNotDraft
from billing.models import RoutingPolicy, RoutingRule
from billing.queries.trials import trial_of
from tiktoktoe.accounts.models import User

logger = logging.getLogger(__name__)

TERMS = (
    "fees_weight",
    "speed_weight",
    "security_weight",
    "margin_bps",
    "capital_bps",
    "decline_bps",
    "abandon_bps",
    "uses_other_methods",
    "explored_bps",
    "explored_within_bps",
)
RULE_TERMS = (
    "name",
    "effect",
    "currency",
    "minimum",
    "maximum",
    "customer_country",
    "session",
    "buyer",
    "gateways",
    "kinds",
    "shares",
)


@transaction.atomic
def draft_policy(*, user: User, at: datetime, note: str = "") -> RoutingPolicy:
    """A new version, the same as the active one until it is edited."""
    active = _locked_active()
    newest = RoutingPolicy.objects.aggregate(version=Max("version"))["version"]
    draft = RoutingPolicy.objects.create(
        version=newest + 1,
        note=note,
        created_at=at,
        created_by=user,
        **{name: getattr(active, name) for name in TERMS},
    )
    RoutingRule.objects.bulk_create(
        RoutingRule(
            policy=draft,
            position=rule.position,
            **{name: getattr(rule, name) for name in RULE_TERMS},
        )
        for rule in active.rules.all()
    )
    return draft


@transaction.atomic
def change_draft(*, policy: RoutingPolicy, terms: dict[str, Any]) -> RoutingPolicy:
    """Change the weights of a draft.

    Raises:
        PolicyNotDraft: If it is in force, or was.
    """
    draft = _locked_draft(policy)
    for name, value in terms.items():
        setattr(draft, name, value)
    draft.save(update_fields=list(terms))
    return draft


@transaction.atomic
def add_rule(*, policy: RoutingPolicy, terms: dict[str, Any]) -> RoutingRule:
    """Add a rule to a draft, after its others.

    Raises:
        PolicyNotDraft: If it is in force, or was.
    """
    draft = _locked_draft(policy)
    last = draft.rules.aggregate(position=Max("position"))["position"] or 0
    return RoutingRule.objects.create(policy=draft, position=last + 1, **terms)


@transaction.atomic
def remove_rule(*, rule: RoutingRule) -> None:
    """Take a rule out of a draft.

    Raises:
        PolicyNotDraft: If it is in force, or was.
    """
    _locked_draft(rule.policy)
    RoutingRule.objects.filter(pk=rule.pk).delete()


@transaction.atomic
def move_rule_up(*, rule: RoutingRule) -> None:
    """Let a rule of a draft be asked before the one above it.

    Raises:
        PolicyNotDraft: If it is in force, or was.
    """
    draft = _locked_draft(rule.policy)
    above = draft.rules.filter(position__lt=rule.position).order_by("-position").first()
    if above is None:
        return
    free = (draft.rules.aggregate(position=Max("position"))["position"] or 0) + 1
    RoutingRule.objects.filter(pk=above.pk).update(position=free)
    RoutingRule.objects.filter(pk=rule.pk).update(position=above.position)
    RoutingRule.objects.filter(pk=above.pk).update(position=rule.position)


@transaction.atomic
def activate_policy(*, policy: RoutingPolicy, user: User, at: datetime) -> RoutingPolicy:
    """Put a draft in force; who did it and when stays on the version for good.

    Raises:
        PolicyNotDraft: If it is in force already, or was.
    """
    active = _locked_active()
    draft = _locked(policy, RoutingPolicy.State.DRAFT, RoutingPolicy.State.TRIAL)
    active.state = RoutingPolicy.State.RETIRED
    active.save(update_fields=["state"])
    draft.state, draft.activated_at, draft.activated_by = RoutingPolicy.State.ACTIVE, at, user
    draft.save(update_fields=["state", "activated_at", "activated_by"])
    logger.info("routing policy activated", extra={"version": draft.version})
    return draft


@transaction.atomic
def start_trial(*, policy: RoutingPolicy, percent: int, at: datetime) -> RoutingPolicy:
    """Let a draft decide about a share of payments, to see whether it is better.

    Raises:
        PolicyNotDraft: If it is none, another is on trial, or the share is not 5 to 50.
    """
    draft = _locked_draft(policy)
    if not 5 <= percent <= 50:
        raise PolicyNotDraft("a trial takes between 5 and 50 percent of payments")
    if RoutingPolicy.objects.filter(state=RoutingPolicy.State.TRIAL).exists():
        raise PolicyNotDraft("another version is on trial: end that first")
    draft.state, draft.trial_percent = RoutingPolicy.State.TRIAL, percent
    draft.trial_started_at = at
    draft.save(update_fields=["state", "trial_percent", "trial_started_at"])
    logger.info("routing trial started", extra={"version": draft.version})
    return draft


@transaction.atomic
def end_trial(*, policy: RoutingPolicy) -> RoutingPolicy:
    """Let the version in force decide about every payment again.

    Raises:
        PolicyNotDraft: If it is not on trial.
    """
    tried = _locked(policy, RoutingPolicy.State.TRIAL)
    tried.state = RoutingPolicy.State.RETIRED
    tried.save(update_fields=["state"])
    logger.info("routing trial ended", extra={"version": tried.version})
    return tried


def end_harmful_trial() -> bool:
    """End a trial that does harm beyond the guardrail; whether one was."""
    tried = RoutingPolicy.objects.filter(state=RoutingPolicy.State.TRIAL).first()
    if tried is None or trial_of(tried).verdict != Verdict.HARMFUL:
        return False
    end_trial(policy=tried)
    return True


def _locked_active() -> RoutingPolicy:
    """The version in force; whoever has waited for one that is retired by now gets the next."""
    in_force = RoutingPolicy.objects.select_for_update().filter(state=RoutingPolicy.State.ACTIVE)
    return in_force.first() or in_force.get()


def _locked_draft(policy: RoutingPolicy) -> RoutingPolicy:
    return _locked(policy, RoutingPolicy.State.DRAFT)


def _locked(policy: RoutingPolicy, *states: str) -> RoutingPolicy:
    locked = RoutingPolicy.objects.select_for_update().get(pk=policy.pk)
    if locked.state not in states:
        raise PolicyNotDraft(f"{locked} is {locked.state}: make a new version")
    return locked
