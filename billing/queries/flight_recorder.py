"""Why a payment went where it went, and where another policy would have sent it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing.domain.decision_record import candidates_to_json, route, situation_from_json
from billing.domain.eligibility import WORDS, Why
from billing.models import Payment, PaymentDecision, PaymentMethod, RoutingPolicy
from billing.queries.routing import policy_of
from tiktoktoe.kernel.money import Money, quantize_amount


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRow:
    """One candidate as staff read it: its terms, or every reason against it."""

    gateway: str
    method: str
    is_chosen: bool
    reasons: tuple[str, ...] = ()
    success_percent: Decimal | None = None
    fee: Money | None = None
    fee_rule: str = ""
    abandoned_percent: Decimal | None = None
    risk: Money | None = None
    time: Money | None = None
    expected_value: Money | None = None
    is_ruled_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionView:
    """One round of deciding."""

    decision: PaymentDecision
    candidates: tuple[CandidateRow, ...]
    asked: Mapping[str, Any]  # what the holder's bank is asked; empty where nothing was chosen
    is_of_hold: bool
    risk: Mapping[str, int]  # the rules that hit, with their points


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """The same facts under another policy; nothing was written."""

    policy: RoutingPolicy
    candidates: tuple[CandidateRow, ...]
    rule: str
    gateway: str
    goes_elsewhere: bool
    fee_difference: Money | None  # of what is expected; less is negative


def decisions_of(payment: Payment) -> list[DecisionView]:
    """Every round of a payment, the latest first."""
    decisions = list(payment.decisions.select_related("policy").order_by("-round"))
    methods = _methods([c for decision in decisions for c in decision.candidates])
    return [
        DecisionView(
            decision=decision,
            candidates=_rows(decision.candidates, methods, payment.currency),
            asked=decision.inputs.get("authentication") or {},
            is_of_hold="hold" in decision.inputs.get("abilities", ()),
            risk=decision.inputs.get("risk") or {},
        )
        for decision in decisions
    ]


def replay(decision: PaymentDecision, policy: RoutingPolicy) -> Counterfactual:
    """Make a decision again, of the facts as they were, by a policy."""
    again = route(situation_from_json(decision.inputs), policy_of(policy))
    candidates = candidates_to_json(again.candidates)
    chosen = again.chosen
    currency = str(decision.inputs["currency"])
    difference = None
    if chosen and chosen.prospect and decision.fee_expected is not None:
        difference = quantize_amount(chosen.prospect.fee.amount - decision.fee_expected, currency)
    method = chosen.method if chosen and chosen.method.isdecimal() else ""
    was = (decision.chosen_gateway, str(decision.chosen_method_id or ""))
    return Counterfactual(
        policy=policy,
        candidates=_rows(candidates, _methods(candidates), currency),
        rule=again.rule,
        gateway=chosen.gateway if chosen else "",
        goes_elsewhere=(chosen.gateway if chosen else "", method) != was,
        fee_difference=difference,
    )


def _rows(
    candidates: Sequence[Mapping[str, Any]], methods: Mapping[str, PaymentMethod], currency: str
) -> tuple[CandidateRow, ...]:
    return tuple(
        _row(candidate, methods, currency, is_first=number == 0)
        for number, candidate in enumerate(candidates)
    )


def _row(
    candidate: Mapping[str, Any],
    methods: Mapping[str, PaymentMethod],
    currency: str,
    *,
    is_first: bool,
) -> CandidateRow:
    kind = f"{candidate['kind']} on its page".capitalize()
    method = str(methods.get(candidate["method"], kind))
    if candidate["why_not"]:
        reasons = tuple(WORDS[Why(why)] for why in candidate["why_not"])
        return CandidateRow(
            gateway=candidate["gateway"], method=method, is_chosen=False, reasons=reasons
        )

    def money(term: str) -> Money:
        return quantize_amount(Decimal(candidate[term]), currency)

    return CandidateRow(
        gateway=candidate["gateway"],
        method=method,
        is_chosen=is_first,
        success_percent=Decimal(candidate["success_rate"]) * 100,
        # Decisions of before it was measured do not say it.
        abandoned_percent=Decimal(candidate.get("abandoned", 0)) * 100 or None,
        fee=Money(candidate["fee"], currency),
        fee_rule=candidate["fee_rule"],
        risk=money("risk"),
        time=money("time"),
        expected_value=money("expected_value"),
        is_ruled_first=candidate["is_ruled_first"],
    )


def _methods(candidates: Sequence[Mapping[str, Any]]) -> Mapping[str, PaymentMethod]:
    named = {str(candidate["method"]) for candidate in candidates}
    wanted = {int(name) for name in named if name.isdecimal()}  # a page has no stored method
    return {str(row.pk): row for row in PaymentMethod.objects.filter(pk__in=wanted)}
