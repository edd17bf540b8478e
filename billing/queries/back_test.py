"""What a policy would have done with the last payments, against what was decided."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from fractions import Fraction

from billing.domain.decision_record import route, situation_from_json
from billing.models import PaymentDecision, RoutingPolicy
from billing.queries.routing import policy_of
from tiktoktoe.kernel.money import Money, quantize_amount

LAST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """How many payments would go from one gateway to another."""

    before: str
    after: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackTest:
    """How the last decisions would differ; fees are what is expected, not what was kept."""

    tried: int
    moved: int
    moves: tuple[Move, ...]
    fee_differences: tuple[Money, ...]  # one for each currency; less is negative


def back_test(policy: RoutingPolicy, *, last: int = LAST) -> BackTest:
    """Decide the last payments' first routed decisions again; reads only."""
    rules = policy_of(policy)
    recent = PaymentDecision.objects.first_routed().order_by("-at", "-pk")[:last]
    moves: Counter[tuple[str, str]] = Counter()
    differences: dict[str, Fraction] = defaultdict(Fraction)
    tried = 0
    for decision in recent.iterator(chunk_size=100):
        tried += 1
        chosen = route(situation_from_json(decision.inputs), rules).chosen
        after = (chosen.gateway, chosen.method) if chosen else ("", "")
        if after == (decision.chosen_gateway, str(decision.chosen_method_id or "")):
            continue
        moves[decision.chosen_gateway, after[0]] += 1
        if chosen and chosen.prospect and decision.fee_expected is not None:
            difference = Fraction(chosen.prospect.fee.amount) - Fraction(decision.fee_expected)
            differences[str(decision.inputs["currency"])] += difference
    return BackTest(
        tried=tried,
        moved=moves.total(),
        moves=tuple(
            Move(before=before, after=after, count=count)
            for (before, after), count in moves.most_common()
        ),
        fee_differences=tuple(
            quantize_amount(amount, currency) for currency, amount in sorted(differences.items())
        ),
    )
