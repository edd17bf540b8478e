"""The payments that were collected, as the routing in force would route them now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.conf import settings

from billing.domain.decision_record import route, situation_from_json
from billing.domain.fee_savings import Routed, Savings, savings_of
from billing.domain.fees import is_cross_border
from billing.gateways.registry import DEFAULT_GATEWAY
from billing.models import Payment, PaymentAttempt, PaymentDecision, ProcessorFeeRule, RoutingPolicy
from billing.queries.routing import fee_rule_of, policy_of


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeSavings:
    """By currency: as the routing in force decides, and as it was really charged in the end.

    They differ where the better gateway refused and another was charged.
    """

    as_decided: Mapping[str, Savings]
    as_charged: Mapping[str, Savings]


def fee_savings() -> FeeSavings:
    """What routing saves on everything that was paid, by the fee rules; reads only."""
    rules = [fee_rule_of(row) for row in ProcessorFeeRule.objects.all()]
    decided, charged = [], []
    policy = policy_of(RoutingPolicy.objects.prefetch_related("rules").get(state="active"))
    for attempt, decision in _collected():
        as_charged = _as_charged(attempt)
        charged.append(as_charged)
        if decision is None:  # on a page, which the customer chose
            decided.append(as_charged)
            continue
        situation = situation_from_json(decision.inputs)
        made = route(situation, policy)
        if made.chosen is None:
            continue
        countries = {method.reference: method.country for method in situation.methods}
        decided.append(
            Routed(
                amount=situation.need.amount,
                gateway=made.chosen.gateway,
                kind=made.chosen.kind,
                is_cross_border=_is_abroad(countries[made.chosen.method]),
                on=situation.need.on,
                could_choose=len(made.eligible) > 1,
            )
        )
    return FeeSavings(
        as_decided=savings_of(decided, first=DEFAULT_GATEWAY, rules=rules),
        as_charged=savings_of(charged, first=DEFAULT_GATEWAY, rules=rules),
    )


def _collected() -> Iterator[tuple[PaymentAttempt, PaymentDecision | None]]:
    """The attempt that has paid each payment, and the decision by which it was routed."""
    paid = PaymentAttempt.objects.filter(state="succeeded", payment__state=Payment.State.PAID)
    attempts = paid.select_related("payment__customer", "method", "decision")
    for attempt in attempts.order_by("resolved_at", "pk"):
        is_routed = attempt.channel == "stored_method"
        yield attempt, attempt.decision if is_routed else None


def _as_charged(attempt: PaymentAttempt) -> Routed:
    method, payment = attempt.method, attempt.payment
    country = method.country if method is not None else payment.customer.country
    return Routed(
        amount=payment.amount,
        gateway=attempt.gateway,
        kind=method.kind if method is not None else "card",
        is_cross_border=_is_abroad(country),
        on=attempt.dispatched_at.date(),
        could_choose=False,
    )


def _is_abroad(country: str) -> bool:
    return is_cross_border(country, account_country=settings.COMPANY["country"])
