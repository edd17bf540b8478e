"""Which method to charge at which gateway, what comes after it, and why.

Left out with every reason, ruled by hand, scored, now and then explored: the same facts, the
same policy and the same seed always give the same decision, so that one can be replayed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from billing.domain.chance import draw, pick
from billing.domain.eligibility import GatewayFacts, MethodFacts, Need, Why, reasons_against
from billing.domain.routing_rules import Circumstances, RoutingRule, first_match
from billing.domain.scoring import Economics, Objectives, Prospect, Score, score

EXPLORED_SHARE = Fraction(3, 100)
EXPLORED_WITHIN = Fraction(15, 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a business wants its payments routed."""

    rules: tuple[RoutingRule, ...] = ()
    objectives: Objectives = field(default_factory=Objectives)
    economics: Economics = field(default_factory=Economics)
    explored_share: Fraction = EXPLORED_SHARE
    explored_within: Fraction = EXPLORED_WITHIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A method at a gateway: why it is left out, or what it is expected to be worth."""

    gateway: str
    method: str
    kind: str
    prospect: Prospect | None = None
    why_not: tuple[Why, ...] = ()
    score: Score | None = None
    is_ruled_first: bool = False

    @property
    def is_eligible(self) -> bool:
        """Whether it may be charged."""
        return not self.why_not

    @property
    def expected_value(self) -> Fraction:
        """Of an eligible candidate."""
        assert self.score is not None
        return self.score.expected_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The candidates in the order in which they are to be tried, then those left out."""

    candidates: tuple[Candidate, ...]
    rule: str = ""
    is_explored: bool = False
    seed: str

    @property
    def eligible(self) -> tuple[Candidate, ...]:
        """Those that may be charged, the first one to be charged first."""
        return tuple(candidate for candidate in self.candidates if candidate.is_eligible)

    @property
    def chosen(self) -> Candidate | None:
        """The one to charge; None if every one is left out."""
        return next(iter(self.eligible), None)

    @property
    def fallbacks(self) -> tuple[Candidate, ...]:
        """What may be tried after the chosen one, the best first."""
        return self.eligible[1:]


def decide(
    *,
    gateways: Sequence[GatewayFacts],
    methods: Sequence[MethodFacts],
    need: Need,
    circumstances: Circumstances,
    prospect_of: Callable[[GatewayFacts, MethodFacts], Prospect],
    policy: Policy,
    may_explore: bool,
) -> Decision:
    """Route a payment.

    Args:
        prospect_of: What is expected of an eligible candidate: success rate, fee, risk, time.
        may_explore: Off for a customer's first payment without the customer there.
    """
    rule = first_match(policy.rules, circumstances)
    judged = [
        _judged(
            gateway,
            method,
            need=need,
            rule=rule,
            prospect_of=prospect_of,
            policy=policy,
            seed=circumstances.seed,
        )
        for method in methods
        for gateway in gateways
    ]
    eligible = sorted((c for c in judged if c.is_eligible), key=_rank)
    left_out = sorted((c for c in judged if not c.is_eligible), key=_by_name)
    explored = _explored(eligible, policy, circumstances.seed) if may_explore else None
    if explored is not None:
        eligible = [explored, *(c for c in eligible if c is not explored)]
    return Decision(
        candidates=(*eligible, *left_out),
        rule=rule.name if rule else "",
        is_explored=explored is not None,
        seed=circumstances.seed,
    )


def _judged(
    gateway: GatewayFacts,
    method: MethodFacts,
    *,
    need: Need,
    rule: RoutingRule | None,
    prospect_of: Callable[[GatewayFacts, MethodFacts], Prospect],
    policy: Policy,
    seed: str,
) -> Candidate:
    why_not = reasons_against(gateway, method, need)
    if rule is not None and rule.leaves_out(gateway.name, method.kind):
        why_not = (*why_not, Why.RULED_OUT)
    left_out = Candidate(
        gateway=gateway.name, method=method.reference, kind=method.kind, why_not=why_not
    )
    if why_not:
        return left_out
    prospect = prospect_of(gateway, method)
    return replace(
        left_out,
        prospect=prospect,
        score=score(
            need.amount, prospect, objectives=policy.objectives, economics=policy.economics
        ),
        is_ruled_first=rule is not None and rule.puts_first(gateway.name, method.kind, seed),
    )


def _rank(candidate: Candidate) -> tuple[bool, Fraction, Fraction, tuple[str, str]]:
    """By what a rule puts first, then by expected value; equals by name, for good."""
    assert candidate.score is not None
    rate = candidate.score.success_rate
    return not candidate.is_ruled_first, -candidate.expected_value, -rate, _by_name(candidate)


def _explored(eligible: Sequence[Candidate], policy: Policy, seed: str) -> Candidate | None:
    """Sometimes another than the best, if it is nearly as good; never against a rule."""
    if len(eligible) < 2 or draw(seed, "explore") >= policy.explored_share:
        return None
    best = eligible[0]
    near = best.expected_value - abs(best.expected_value) * policy.explored_within
    others = [
        candidate
        for candidate in eligible[1:]
        if candidate.expected_value >= near and candidate.is_ruled_first == best.is_ruled_first
    ]
    return others[pick(seed, "explored", len(others))] if others else None


def _by_name(candidate: Candidate) -> tuple[str, str]:
    return candidate.gateway, candidate.method
