"""What routing by expected value loses against knowing everything, and what others lose.

A synthetic world, stated here in full, says nothing about real authorisation rates: three
gateways with other fees and other success rates in each of eight segments, one payment after
another, and a partial outage of one gateway 12 % of the time. Regret is the value lost against
someone who knows the true rates, as a share of what that one earns. `run()` needs no database.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from random import Random
from statistics import mean, stdev

from billing.domain.eligibility import GatewayFacts, MethodFacts, Need
from billing.domain.routing import Policy, decide
from billing.domain.routing_rules import Circumstances
from billing.domain.scoring import Economics, Prospect
from billing.domain.success import SUCCESS, Cell, Observation, SuccessRates
from tiktoktoe.kernel.money import Money, quantize_amount

SEEDS = range(8)
PAYMENTS = 1_000
MARGINS = (1.0, 0.3, 0.1)
SEGMENTS = 8
WINDOW = 125
# Share, fixed fee and usual success rate of each gateway, in the order of fixed priority.
GATEWAYS = {
    "first": (0.029, 0.30, 0.93),
    "second": (0.019, 0.25, 0.90),
    "third": (0.034, 0.10, 0.94),
}
OUTAGE = (40, 300)  # one lasts so many payments, and comes every so many: 12 % of the time
FAILURE = Observation(Decimal(0), Decimal(1))
Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Case:
    """One payment of the world: its segment, its amount, and what nobody is told."""

    number: int
    segment: str
    amount: float
    rates: dict[str, float]


class Router:
    """A way of choosing; it learns only what became of what it chose."""

    def choose(self, case: Case, _margin: float) -> str:
        """The gateway to charge."""
        raise NotImplementedError

    def learn(self, case: Case, gateway: str, *, succeeded: bool) -> None:
        """Hear what became of it."""


class FixedPriority(Router):
    """Always the first gateway."""

    def choose(self, _case: Case, _margin: float) -> str:
        return "first"


class CheapestFee(Router):
    """Always the lowest fee."""

    def choose(self, case: Case, _margin: float) -> str:
        return min(GATEWAYS, key=lambda gateway: fee_of(gateway, case.amount))


class SlidingWindow(Router):
    """The best mean of the last 125 outcomes of a segment, windows filled with successes."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], deque[int]] = defaultdict(
            lambda: deque([1] * WINDOW, maxlen=WINDOW)
        )

    def choose(self, case: Case, _margin: float) -> str:
        return max(GATEWAYS, key=lambda gateway: sum(self._windows[gateway, case.segment]))

    def learn(self, case: Case, gateway: str, *, succeeded: bool) -> None:
        self._windows[gateway, case.segment].append(int(succeeded))


class ExpectedValue(Router):
    """Ours: billing.domain.routing, with its statistics, its exploration and its exact numbers."""

    def __init__(self) -> None:
        self._cells: dict[tuple[str, str], Cell] = {}
        self._seen: dict[str, int] = defaultdict(int)

    def choose(self, case: Case, _margin: float) -> str:
        amount = Money(str(case.amount), "USD")
        rates = SuccessRates(list(self._cells.values()), self._seen)
        economics = Economics(margin_bps=Decimal(str(_margin * 10_000)), decline_bps=Decimal(0))
        decision = decide(
            gateways=[GatewayFacts(name=gateway) for gateway in GATEWAYS],
            methods=[
                MethodFacts(reference="card", kind="card", held_by=frozenset(GATEWAYS)),
            ],
            need=Need(amount=amount, on=date(2026, 3, 1)),
            circumstances=Circumstances(amount=amount, seed=str(case.number)),
            prospect_of=lambda gateway, _: Prospect(
                success_rate=rates.of(gateway.name, case.segment).rate,
                fee=quantize_amount(Fraction(str(fee_of(gateway.name, case.amount))), "USD"),
            ),
            policy=Policy(economics=economics),
            may_explore=True,
        )
        assert decision.chosen is not None
        return decision.chosen.gateway

    def learn(self, case: Case, gateway: str, *, succeeded: bool) -> None:
        self._seen[case.segment] += 1
        cell = self._cells.get((gateway, case.segment)) or Cell(
            gateway=gateway, segment=case.segment
        )
        outcome = SUCCESS if succeeded else FAILURE
        seen = self._seen[case.segment]
        self._cells[gateway, case.segment] = cell.with_observation(outcome, seen)


ROUTERS: dict[str, Callable[[], Router]] = {
    "fixed priority": FixedPriority,
    "cheapest fee": CheapestFee,
    "sliding window of 125": SlidingWindow,
    "expected value (ours)": ExpectedValue,
}


def run(say: Say = print) -> dict[str, list[float]]:
    """Measure, tell, and give the mean regret of each way, by margin."""
    table: dict[str, list[float]] = {}
    say(f"regret, {PAYMENTS} payments, mean of {len(SEEDS)} seeds (standard error)")
    for name, make in ROUTERS.items():
        row = [[regret(make(), seed, margin) for seed in SEEDS] for margin in MARGINS]
        table[name] = [mean(found) for found in row]
        figures = ", ".join(
            f"margin {margin:g}: {mean(found):.1%} ({stdev(found) / len(found) ** 0.5:.1%})"
            for margin, found in zip(MARGINS, row, strict=True)
        )
        say(f"routing, {name}: {figures}")
    return table


def regret(router: Router, seed: int, margin: float, payments: int = PAYMENTS) -> float:
    """The share of the clairvoyant's expected value that a way of choosing loses."""
    earned = best = 0.0
    luck = Random(seed + 1_000_003)
    for case in world(seed, payments):
        chosen = router.choose(case, margin)
        values = {g: value_of(case, g, margin) for g in GATEWAYS}
        earned += values[chosen]
        best += max(values.values())
        router.learn(case, chosen, succeeded=luck.random() < case.rates[chosen])
    return 1 - earned / best


def world(seed: int, payments: int) -> Sequence[Case]:
    """So many payments, with the true success rate of each gateway for each."""
    random = Random(seed)
    segments = [f"segment {n}" for n in range(SEGMENTS)]
    usual = {
        (gateway, segment): min(0.99, max(0.5, rate + random.gauss(0, 0.06)))
        for gateway, (_, __, rate) in GATEWAYS.items()
        for segment in segments
    }
    cases, broken, left = [], "", 0
    for number in range(payments):
        if number % OUTAGE[1] == 0:
            broken, left = random.choice(list(GATEWAYS)), OUTAGE[0] + random.randrange(-8, 9)
        left -= 1
        segment = random.choice(segments)
        rates = {g: usual[g, segment] * (0.3 if g == broken and left > 0 else 1) for g in GATEWAYS}
        cases.append(Case(number, segment, round(random.lognormvariate(4, 0.8), 2) + 1, rates))
    return cases


def fee_of(gateway: str, amount: float) -> float:
    """What a gateway keeps of a payment that succeeds."""
    share, fixed, _ = GATEWAYS[gateway]
    return amount * share + fixed


def value_of(case: Case, gateway: str, margin: float) -> float:
    """What choosing a gateway is really worth."""
    return case.rates[gateway] * (margin * case.amount - fee_of(gateway, case.amount))
