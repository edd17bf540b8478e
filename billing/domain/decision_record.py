"""Decisions as they are written down, and read back to be made again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from billing.domain.challenges import ChallengeRecord
from billing.domain.eligibility import GatewayFacts, MethodFacts, Need
from billing.domain.routing import Candidate, Decision, Policy, decide
from billing.domain.routing_rules import Circumstances
from billing.domain.scoring import Objectives, Prospect
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.rates import exact_text, round_half_away

Json = dict[str, Any]
_PLACES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a decision is made of but the policy.

    What is expected is there for every pair of gateway and method, eligible or not, so that
    another policy can be asked about it.
    """

    gateways: tuple[GatewayFacts, ...]
    methods: tuple[MethodFacts, ...]
    need: Need
    circumstances: Circumstances
    prospects: Mapping[tuple[str, str], Prospect]  # (gateway, method)
    may_explore: bool
    objectives: Objectives | None = None  # this payment's own, instead of the policy's


def route(situation: Situation, policy: Policy) -> Decision:
    """Decide, by a policy; the payment's own objectives count before the policy's."""
    own = situation.objectives
    return decide(
        gateways=situation.gateways,
        methods=situation.methods,
        need=situation.need,
        circumstances=situation.circumstances,
        prospect_of=lambda gateway, method: situation.prospects[gateway.name, method.reference],
        policy=policy if own is None else replace(policy, objectives=own),
        may_explore=situation.may_explore,
    )


def situation_to_json(situation: Situation) -> Json:
    """For a row; amounts and rates as text, so that nothing is lost."""
    need, about = situation.need, situation.circumstances
    return {
        "amount": str(need.amount.amount),
        "currency": need.amount.currency.code,
        "on": need.on.isoformat(),
        "is_on_session": need.is_on_session,
        "abilities": sorted(need.abilities),
        "needs_authentication": need.needs_authentication,
        "tried": sorted(list(pair) for pair in need.tried),
        "customer_country": about.customer_country,
        "is_business": about.is_business,
        "seed": about.seed,
        "may_explore": situation.may_explore,
        "objectives": _objectives_to_json(situation.objectives),
        "gateways": [_gateway_to_json(gateway) for gateway in situation.gateways],
        "methods": [_method_to_json(method) for method in situation.methods],
        "prospects": [
            {"gateway": gateway, "method": method, **_prospect_to_json(prospect)}
            for (gateway, method), prospect in sorted(situation.prospects.items())
        ],
    }


def situation_from_json(row: Json) -> Situation:
    """What `situation_to_json` wrote."""
    amount = Money(row["amount"], row["currency"])
    objectives = row["objectives"]
    return Situation(
        gateways=tuple(_gateway_from_json(gateway) for gateway in row["gateways"]),
        methods=tuple(_method_from_json(method) for method in row["methods"]),
        need=Need(
            amount=amount,
            on=date.fromisoformat(row["on"]),
            is_on_session=row["is_on_session"],
            abilities=frozenset(row["abilities"]),
            needs_authentication=row["needs_authentication"],
            tried=frozenset((gateway, method) for gateway, method in row["tried"]),
        ),
        circumstances=Circumstances(
            amount=amount,
            customer_country=row["customer_country"],
            is_on_session=row["is_on_session"],
            is_business=row["is_business"],
            seed=row["seed"],
        ),
        prospects={
            (prospect["gateway"], prospect["method"]): _prospect_from_json(prospect, amount)
            for prospect in row["prospects"]
        },
        may_explore=row["may_explore"],
        objectives=objectives
        and Objectives(**{name: Decimal(value) for name, value in objectives.items()}),
    )


def candidates_to_json(candidates: Sequence[Candidate]) -> list[Json]:
    """Every candidate with its terms, or every reason against it."""
    return [_candidate_to_json(candidate) for candidate in candidates]


def _candidate_to_json(candidate: Candidate) -> Json:
    names: Json = {
        "gateway": candidate.gateway,
        "method": candidate.method,
        "kind": candidate.kind,
        "why_not": [str(why) for why in candidate.why_not],
    }
    score, prospect = candidate.score, candidate.prospect
    if score is None or prospect is None:
        return names
    terms = {
        "success_rate": score.success_rate,
        "abandoned": score.abandoned,
        "value": score.value,
        "weighed_fee": score.fee,
        "risk": score.risk,
        "time": score.time,
        "decline_fee": score.decline_fee,
        "decline_cost": score.decline_cost,
        "expected_value": score.expected_value,
    }
    shown = {name: exact_text(round_half_away(term, _PLACES)) for name, term in terms.items()}
    return {
        **names,
        "fee": str(prospect.fee.amount),
        "fee_rule": prospect.fee_rule,
        "settle_days": prospect.settle_days,
        "is_ruled_first": candidate.is_ruled_first,
        **shown,
    }


def _objectives_to_json(objectives: Objectives | None) -> Json | None:
    if objectives is None:
        return None
    return {
        "fees": str(objectives.fees),
        "speed": str(objectives.speed),
        "security": str(objectives.security),
    }


def _gateway_to_json(gateway: GatewayFacts) -> Json:
    return {
        "name": gateway.name,
        "is_enabled": gateway.is_enabled,
        "kinds": sorted(gateway.kinds),
        "currencies": sorted(gateway.currencies),
        "countries": sorted(gateway.countries),
        "minimum": _bounds_to_json(gateway.minimum),
        "maximum": _bounds_to_json(gateway.maximum),
        "abilities": sorted(gateway.abilities),
        "has_authentication": gateway.has_authentication,
        "breaker_is_open": gateway.breaker_is_open,
    }


def _gateway_from_json(row: Json) -> GatewayFacts:
    return GatewayFacts(
        name=row["name"],
        is_enabled=row["is_enabled"],
        kinds=frozenset(row["kinds"]),
        currencies=frozenset(row["currencies"]),
        countries=frozenset(row["countries"]),
        minimum=_bounds_from_json(row["minimum"]),
        maximum=_bounds_from_json(row["maximum"]),
        abilities=frozenset(row["abilities"]),
        has_authentication=row["has_authentication"],
        breaker_is_open=row["breaker_is_open"],
    )


def _bounds_to_json(bounds: Mapping[str, Money] | None) -> Json:
    return {currency: str(money.amount) for currency, money in (bounds or {}).items()}


def _bounds_from_json(row: Json) -> dict[str, Money]:
    return {currency: Money(amount, currency) for currency, amount in row.items()}


def _method_to_json(method: MethodFacts) -> Json:
    return {
        "reference": method.reference,
        "kind": method.kind,
        "country": method.country,
        "brand": method.brand,
        "held_by": sorted(method.held_by),
        "is_removed": method.is_removed,
        "is_dead": method.is_dead,
        "expires_on": method.expires_on and method.expires_on.isoformat(),
        "needs_mandate": method.needs_mandate,
        "mandate_state": method.mandate_state,
        "spent_budgets": sorted(method.spent_budgets),
        "currencies": sorted(method.currencies),
        "limits": {
            gateway: [str(limit.amount), limit.currency.code]
            for gateway, limit in (method.limits or {}).items()
        },
    }


def _method_from_json(row: Json) -> MethodFacts:
    return MethodFacts(
        reference=row["reference"],
        kind=row["kind"],
        country=row["country"],
        brand=row["brand"],
        held_by=frozenset(row["held_by"]),
        is_removed=row["is_removed"],
        is_dead=row["is_dead"],
        expires_on=date.fromisoformat(row["expires_on"]) if row["expires_on"] else None,
        needs_mandate=row["needs_mandate"],
        mandate_state=row["mandate_state"],
        spent_budgets=frozenset(row["spent_budgets"]),
        # Decisions of before these were known have none.
        currencies=frozenset(row.get("currencies", ())),
        limits={gateway: Money(*limit) for gateway, limit in row.get("limits", {}).items()},
    )


_PROSPECT_NUMBERS = (
    "success_rate",
    "decline_fee",
    "dispute_bps",
    "dispute_fee",
    "return_bps",
    "return_fee",
)


_CHALLENGES = ("abandoned", "passed", "all_abandoned", "all_passed")


def _prospect_to_json(prospect: Prospect) -> Json:
    numbers = {name: str(getattr(prospect, name)) for name in _PROSPECT_NUMBERS}
    return {
        **numbers,
        "fee": str(prospect.fee.amount),
        "settle_days": prospect.settle_days,
        "asks_to_confirm": prospect.asks_to_confirm,
        "challenges": {name: str(getattr(prospect.challenges, name)) for name in _CHALLENGES},
        "fee_rule": prospect.fee_rule,
    }


def _prospect_from_json(row: Json, amount: Money) -> Prospect:
    numbers: Json = {name: Decimal(row[name]) for name in _PROSPECT_NUMBERS}
    return Prospect(
        fee=Money(row["fee"], amount.currency),
        settle_days=row["settle_days"],
        asks_to_confirm=row["asks_to_confirm"],
        # Decisions of before they were counted have none.
        challenges=ChallengeRecord(
            **{name: Decimal(value) for name, value in row.get("challenges", {}).items()}
        ),
        fee_rule=row["fee_rule"],
        **numbers,
    )
