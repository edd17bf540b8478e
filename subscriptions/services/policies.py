"""Which billing policy counts: for a plan, for a change between two plans, on a day."""

from collections import defaultdict
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet

from subscriptions.domain.proration_policy import ProrationPolicy, Timing, UnusedTime
from subscriptions.errors import PolicyInvalid
from subscriptions.models import BillingPolicy, Plan, PolicyRule
from subscriptions.services.transitions import Actor
from tiktoktoe.standing import standing

PairKey = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTerms:
    """What counts for one change: the policy, and what departs from it.

    `timing` is None where the policy decides by which way the change goes.
    """

    policy: ProrationPolicy
    timing: Timing | None = None
    prorates: bool = True
    unused_time: UnusedTime = UnusedTime.CREDIT


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOverride:
    """What somebody decides for one change only; what is None stays as it would be."""

    policy: ProrationPolicy | None = None
    timing: Timing | None = None
    prorates: bool | None = None
    unused_time: UnusedTime | None = None


NO_OVERRIDE = ChangeOverride()


@standing
def _rules() -> "QuerySet[PolicyRule]":
    return PolicyRule.objects.select_related("policy").order_by("effective_from", "pk")


class PolicyBook:
    """The policies that count, for any day and many subscriptions; one query."""

    def __init__(self) -> None:
        self._rules: dict[PairKey, list[PolicyRule]] = defaultdict(list)
        for rule in _rules.rows():
            self._rules[rule.from_plan_id, rule.to_plan_id].append(rule)
        self._of_plan: dict[tuple[int, datetime], ProrationPolicy] = {}

    def of_plan(self, plan_id: int, at: datetime) -> ProrationPolicy:
        """The policy of a plan's subscriptions at an instant."""
        key = (plan_id, at)
        if key not in self._of_plan:
            self._of_plan[key] = self._merged(plan_id, None, at).policy
        return self._of_plan[key]

    def of_change(
        self,
        from_plan_id: int,
        to_plan_id: int,
        at: datetime,
        override: ChangeOverride = NO_OVERRIDE,
    ) -> ChangeTerms:
        """What counts for a change from one plan to another at an instant."""
        terms = self._merged(from_plan_id, to_plan_id, at)
        if override.policy is not None:
            terms = replace(terms, unused_time=override.policy.unused_time)
        chosen = {f.name: getattr(override, f.name) for f in fields(override)}
        return replace(terms, **{name: v for name, v in chosen.items() if v is not None})

    def _merged(self, from_plan_id: int, to_plan_id: int | None, at: datetime) -> ChangeTerms:
        """The rules from the general to the special, each field from the last that says it."""
        keys: list[PairKey] = [(None, None), (from_plan_id, None), (from_plan_id, to_plan_id)]
        said: dict[str, Any] = {}
        for key in dict.fromkeys(keys):
            for rule in self._rules[key]:
                if rule.effective_from <= at:
                    said |= _said(rule)
        if "policy" not in said:
            raise PolicyInvalid(f"no policy counted on {at:%Y-%m-%d}", field="effective_from")
        return ChangeTerms(**{"unused_time": said["policy"].unused_time, **said})


def _said(rule: PolicyRule) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if rule.policy is not None:
        said["policy"] = rule.policy.rules
    if rule.timing:
        said["timing"] = Timing(rule.timing)
    if rule.prorates is not None:
        said["prorates"] = rule.prorates
    if rule.unused_time:
        said["unused_time"] = UnusedTime(rule.unused_time)
    return said


def policy_of(plan: Plan, at: datetime) -> ProrationPolicy:
    """The policy of one plan's subscriptions at an instant."""
    return PolicyBook().of_plan(plan.pk, at)


@transaction.atomic
def publish_policy(*, code: str, name: str, rules: ProrationPolicy, at: datetime) -> BillingPolicy:
    """Keep rules under a code: the first of that code, or its next number.

    The policy is named by its code; `rules.name` is not kept.
    """
    if not code:
        raise PolicyInvalid("a policy needs a code", field="code")
    newest = BillingPolicy.objects.filter(code=code).aggregate(newest=Max("number"))["newest"]
    kept = {key: value for key, value in asdict(rules).items() if key != "name"}
    kept["cross_grade_timing"] = kept["cross_grade_timing"] or ""
    return BillingPolicy.objects.create(
        code=code, number=(newest or 0) + 1, name=name, created_at=at, **kept
    )


@transaction.atomic
def assign_policy(
    *,
    at: datetime,
    actor: Actor,
    policy: BillingPolicy | None = None,
    from_plan: Plan | None = None,
    to_plan: Plan | None = None,
    timing: Timing | None = None,
    prorates: bool | None = None,
    unused_time: UnusedTime | None = None,
) -> PolicyRule:
    """Let a policy count from now on: for the company, for a plan, or from plan to plan.

    Raises:
        PolicyInvalid: If it says nothing, or what only a change between plans can say is said
            of the company.
    """
    if to_plan is not None and from_plan is None:
        raise PolicyInvalid("say which plan it is left for", field="from_plan")
    departs = timing is not None or prorates is not None or unused_time is not None
    if policy is None and (from_plan is None or not departs):
        raise PolicyInvalid("it says nothing", field="policy", remedy="choose a policy")
    if departs and to_plan is None and from_plan is None:
        raise PolicyInvalid("the company's own is a whole policy", field="timing")
    return PolicyRule.objects.create(
        from_plan=from_plan,
        to_plan=to_plan,
        policy=policy,
        timing=timing or "",
        prorates=prorates,
        unused_time=unused_time or "",
        effective_from=at,
        created_at=at,
        actor=actor.user,
    )
