"""How a routing trial goes: what became of the payments of each arm."""

from dataclasses import dataclass

from django.db.models import Count, Q

from billing.domain.experiments import Arm, Verdict, judge_trial
from billing.models import PaymentDecision, RoutingPolicy

WORDS = {
    Verdict.TOO_EARLY: "too early to tell: each arm needs a hundred payments that have ended",
    Verdict.NO_DIFFERENCE: "no difference that could not be chance",
    Verdict.BETTER: "it is better, and that is hardly chance",
    Verdict.WORSE: "it is worse, and that is hardly chance",
    Verdict.HARMFUL: "it is worse by more than the guardrail of 3 points: it is ended by itself",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Both arms, and what they show."""

    control: Arm
    variant: Arm

    @property
    def verdict(self) -> Verdict:
        """What may be said."""
        return judge_trial(self.control, self.variant)

    @property
    def words(self) -> str:
        """The same, for staff."""
        return WORDS[self.verdict]


def trial_of(policy: RoutingPolicy) -> Trial:
    """The payments first decided about while it was on trial, and that have ended."""
    first = PaymentDecision.objects.first_routed().filter(at__gte=policy.trial_started_at)
    if policy.activated_at:
        first = first.filter(at__lt=policy.activated_at)
    ended = Q(payment__state__in=["paid", "open", "failed", "requires_action"])
    counts = {
        row["arm"]: Arm(tried=row["tried"], paid=row["paid"])
        for row in first.exclude(arm="")
        .order_by()
        .values("arm")
        .annotate(
            tried=Count("pk", filter=ended), paid=Count("pk", filter=Q(payment__state="paid"))
        )
    }
    none = Arm(tried=0, paid=0)
    return Trial(control=counts.get("control", none), variant=counts.get("variant", none))
