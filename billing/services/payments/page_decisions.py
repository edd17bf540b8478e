"""What a payment page is expected to be worth at each gateway, written down when one is opened.

The customer chooses where to pay; the decision keeps what spoke for it and what against, so that
it can be told, and how many leave when their bank asks can be weighed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db.models import Max

from billing.domain.authentication import Authentication
from billing.domain.challenges import challenge_segment
from billing.domain.decision_record import Situation, candidates_to_json, route, situation_to_json
from billing.domain.eligibility import GatewayFacts, MethodFacts, Need
from billing.domain.fees import is_cross_border
from billing.domain.prospects import prospect_of, segment_of
from billing.domain.routing import Decision
from billing.domain.routing_rules import Circumstances, Effect, RoutingRule
from billing.domain.scoring import Prospect
from billing.gateways.registry import gateway_named
from billing.models import Payment, PaymentDecision
from billing.queries.routing import Surroundings, surroundings
from billing.services.payments.authentication import as_kept

CHOICE = "the customer's choice"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRoute:
    """The decision about a page, and what its outcome counts for: a challenge, or nothing."""

    decision: PaymentDecision
    segment: str


def decide_page(
    *,
    payment: Payment,
    gateway: str,
    asked: Mapping[str, Authentication],
    risk: Mapping[str, int],
    at: datetime,
) -> PageRoute:
    """Write down what the pages of these gateways are worth for a payment, the chosen one first.

    Args:
        asked: What each gateway's page would ask the holder's bank; `gateway` is among them.
        risk: The risk rules that hit, with their points.
    """
    around = surroundings(at)
    is_abroad = is_cross_border(
        payment.customer.country, account_country=settings.COMPANY["country"]
    )
    situation = _situation(payment, asked, around, is_abroad=is_abroad, at=at)
    chosen = RoutingRule(name=CHOICE, effect=Effect.PREFER, gateways=frozenset({gateway}))
    decided = route(situation, replace(around.policy, rules=(chosen,)))
    decision = PaymentDecision.objects.create(
        payment=payment,
        round=(payment.decisions.aggregate(last=Max("round"))["last"] or 0) + 1,
        at=at,
        policy=around.policy_row,
        inputs={
            **situation_to_json(situation),
            "risk": dict(risk),
            "authentication": as_kept(asked[gateway], gateway=gateway, is_there=True),
        },
        candidates=candidates_to_json(decided.candidates),
        rule=decided.rule,
        chosen_gateway=gateway,
        fee_expected=_fee_at(gateway, decided),
        seed=decided.seed,
    )
    is_card = any(facts.name == gateway and _kind(facts) == "card" for facts in situation.gateways)
    is_asked = is_card and asked[gateway].expects_challenge
    segment = challenge_segment(currency=payment.currency, is_cross_border=is_abroad)
    return PageRoute(decision=decision, segment=segment if is_asked else "")


def _situation(
    payment: Payment,
    asked: Mapping[str, Authentication],
    around: Surroundings,
    *,
    is_abroad: bool,
    at: datetime,
) -> Situation:
    """What there is to choose between: each of these gateways' pages, and what it is worth."""
    customer = payment.customer
    pages = [facts for facts in around.gateways if facts.name in asked]
    methods = _page_methods(pages, customer.country)
    return Situation(
        gateways=tuple(pages),
        methods=methods,
        need=Need(amount=payment.amount, on=at.date(), is_on_session=True),
        circumstances=Circumstances(
            amount=payment.amount,
            customer_country=customer.country,
            is_on_session=True,
            is_business=bool(customer.tax_number),
            seed=str(payment.pk),
        ),
        prospects={
            (facts.name, method.reference): _prospect(
                payment, facts.name, method, asked[facts.name], around, is_abroad=is_abroad, at=at
            )
            for facts in pages
            for method in methods
        },
        may_explore=False,
    )


def _page_methods(pages: Sequence[GatewayFacts], country: str) -> tuple[MethodFacts, ...]:
    """What pages are paid with, one of each kind; the customer's country stands in for its own."""
    kinds = {facts.name: _kind(facts) for facts in pages}
    return tuple(
        MethodFacts(
            reference=f"page-{kind}",
            kind=kind,
            country=country,
            held_by=frozenset(name for name, its in kinds.items() if its == kind),
        )
        for kind in sorted(set(kinds.values()))
    )


def _fee_at(gateway: str, decided: Decision) -> Decimal | None:
    found = (c.prospect.fee.amount for c in decided.eligible if c.gateway == gateway and c.prospect)
    return next(found, None)


def page_gateways(names: list[str]) -> list[str]:
    """Those of these gateways that have a payment page."""
    return [name for name in names if gateway_named(name).capabilities.has_hosted_page]


def _kind(facts: GatewayFacts) -> str:
    """What a gateway's page is mostly paid with."""
    return "card" if "card" in facts.kinds else min(facts.kinds)


def _prospect(
    payment: Payment,
    gateway: str,
    method: MethodFacts,
    asked: Authentication,
    around: Surroundings,
    *,
    is_abroad: bool,
    at: datetime,
) -> Prospect:
    """What is expected of one page; no card is known yet, so the customer's country stands in."""
    known_as = segment_of(
        kind=method.kind, currency=payment.currency, is_cross_border=is_abroad, is_on_session=True
    )
    return prospect_of(
        payment.amount,
        gateway=gateway,
        kind=method.kind,
        is_cross_border=is_abroad,
        on=at.date(),
        rules=around.fee_rules,
        success_rate=around.rates.of(gateway, known_as).rate,
        asks_to_confirm=method.kind == "card" and asked.expects_challenge,
        challenges=around.challenges.of(
            gateway, challenge_segment(currency=payment.currency, is_cross_border=is_abroad)
        ),
    )
