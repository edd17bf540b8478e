"""Which stored method is charged at which gateway: decided, and written down with its reasons."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet

from billing.domain.authentication import Authentication
from billing.domain.budgets import spent_representments
from billing.domain.challenges import challenge_segment
from billing.domain.decision_record import Situation, candidates_to_json, route, situation_to_json
from billing.domain.declines import POLICIES, DeclineClass
from billing.domain.eligibility import WORDS, MethodFacts, Need, Why
from billing.domain.fees import is_cross_border
from billing.domain.prospects import prospect_of, segment_of
from billing.domain.risk import RiskAction, RiskVerdict
from billing.domain.routing import Decision
from billing.domain.routing_rules import Circumstances
from billing.domain.scoring import Objectives
from billing.models import (
    InstrumentToken,
    Payment,
    PaymentAttempt,
    PaymentDecision,
    PaymentMethod,
    PaymentReview,
    RoutingPolicy,
)
from billing.queries.risk import Record, record_of
from billing.queries.routing import StoredMethod, Surroundings, stored_methods, surroundings
from billing.services.payments.authentication import (
    as_kept,
    authentication_of_charge,
    authentications_of_present,
)
from billing.services.payments.channels import Channel
from billing.services.payments.gateway_calls import start_probe
from subscriptions.models import Customer
from tiktoktoe.standing import standing

HARMLESS = RiskVerdict(hits={})
FALLBACK_WITHIN = timedelta(hours=1)
Asks = Mapping[tuple[str, str], Authentication]  # by gateway and method; empty: nobody is there
# What only the customer can mend; the rest may pass by itself.
_FOR_GOOD = frozenset(
    {
        Why.METHOD_REMOVED,
        Why.METHOD_EXPIRED,
        Why.METHOD_IS_DEAD,
        Why.MANDATE_MISSING,
        Why.MANDATE_INACTIVE,
        Why.AUTHENTICATION_IMPOSSIBLE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """What decisions of one moment share, for some customers; loaded in a few queries."""

    around: Surroundings
    record: Record
    methods: Mapping[int, Sequence[StoredMethod]]
    have_paid: frozenset[int]  # customers


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where an attempt goes."""

    decision: PaymentDecision
    gateway: str
    method: PaymentMethod
    segment: str
    fee_expected: Decimal
    authentication: Mapping[str, object]
    is_fallback: bool = False


def load_pool(*, customers: Collection[int], at: datetime) -> Pool:
    """Everything that deciding for these customers needs."""
    record = record_of(customers, at=at)
    return Pool(
        around=surroundings(at),
        record=record,
        methods=stored_methods(record),
        have_paid=frozenset(_have_paid.rows(customers=list(customers))),
    )


@standing
def _have_paid(customers: list[int]) -> "QuerySet[Payment, int]":
    paid = Payment.objects.filter(customer__any_of=customers, state="paid").order_by()
    return paid.values_list("customer", flat=True).distinct()


def find_route(
    *,
    payment: Payment,
    earlier: Sequence[PaymentAttempt],
    pool: Pool,
    at: datetime,
    wanted: PaymentMethod | None = None,
    objectives: Objectives | None = None,
    verdict: RiskVerdict = HARMLESS,
    abilities: frozenset[str] = frozenset(),
) -> Route | PaymentDecision:
    """Where the payment's next attempt goes; a decision without a choice if nowhere.

    After a no that another gateway may answer differently, the earlier decision's next
    candidate is tried, once; else a new round is decided. The caller holds the invoice's lock.

    Args:
        abilities: What the gateway must be able to do beside charging.
    """
    policy_row, policy, _ = pool.around.policy_for(str(payment.pk))
    chosen = _candidates_among(pool, policy_row, payment.customer_id, wanted)
    asks = _asks(payment, chosen, pool, verdict, at)
    fallback = _fallback(payment, earlier, chosen, pool, at, asks=asks)
    if fallback is not None:
        return fallback
    situation = _situation(payment, chosen, pool, objectives, at, asks=asks)
    situation = replace(situation, need=replace(situation.need, abilities=abilities))
    if verdict.action == RiskAction.CONFIRM and not _is_approved(payment):
        situation = replace(situation, need=replace(situation.need, needs_authentication=True))
    decided = route(situation, policy)
    if decided.chosen is not None and decided.chosen.gateway in pool.around.troubled:
        start_probe(gateway=decided.chosen.gateway, at=at)
    candidate, asked = decided.chosen, {}
    if candidate is not None:
        held = _held(chosen, candidate.method)
        asked = dict(_authentication(payment, candidate.gateway, held, asks, at=at))
    decision = _record(
        payment, situation, decided, pool=pool, verdict=verdict, authentication=asked, at=at
    )
    if candidate is None:
        return decision
    return _route(decision, decision.candidates[0], chosen, authentication=asked)


def has_fallback(attempt: PaymentAttempt) -> bool:
    """Whether another gateway, which holds the method still, may be tried after a proven no."""
    if not _may_try_elsewhere(attempt):
        return False
    candidate = _next_candidate(attempt)
    return candidate is not None and _is_held(int(candidate["method"]), candidate["gateway"])


def is_for_good(decision: PaymentDecision) -> bool:
    """Whether nothing can be charged before the customer does something."""
    reasons = [set(candidate["why_not"]) for candidate in decision.candidates]
    held = [found for found in reasons if Why.NOT_HELD not in found]
    return bool(held) and all(found & _FOR_GOOD for found in held)


def must_confirm(decision: PaymentDecision) -> bool:
    """Whether all that is missing is that the customer confirms the payment."""
    reasons = [set(candidate["why_not"]) for candidate in decision.candidates]
    return any(found == {Why.AUTHENTICATION_IMPOSSIBLE} for found in reasons)


def reasons_in_words(decision: PaymentDecision) -> str:
    """Why nothing can be charged, for people; the reasons of methods that are held somewhere."""
    told = [
        f"{candidate['gateway']}: {WORDS[Why(why)]}"
        for candidate in decision.candidates
        for why in candidate["why_not"]
        if "not_held" not in candidate["why_not"]
    ]
    return "; ".join(dict.fromkeys(told)) or WORDS[Why.NOT_HELD]


def _candidates_among(
    pool: Pool, policy: RoutingPolicy, customer: int, wanted: PaymentMethod | None
) -> list[StoredMethod]:
    """The wanted method, or the default one, or all, if the policy may choose."""
    stored = pool.methods.get(customer, [])
    if wanted is not None:
        return [method for method in stored if method.row.pk == wanted.pk]
    if policy.uses_other_methods:
        return list(stored)
    return [method for method in stored if method.row.is_default]


def _situation(
    payment: Payment,
    methods: Sequence[StoredMethod],
    pool: Pool,
    objectives: Objectives | None,
    at: datetime,
    *,
    asks: Asks,
) -> Situation:
    customer: Customer = payment.customer
    is_on_session = _is_on_session(payment)
    is_first = customer.pk not in pool.have_paid
    around = pool.around
    return Situation(
        gateways=around.gateways,
        methods=tuple(_within_budget(method, payment, pool, at) for method in methods),
        need=Need(amount=payment.amount, on=at.date(), is_on_session=is_on_session),
        circumstances=Circumstances(
            amount=payment.amount,
            customer_country=customer.country,
            is_on_session=is_on_session,
            is_business=bool(customer.tax_number),
            seed=str(payment.pk),
        ),
        prospects={
            (gateway.name, method.facts.reference): prospect_of(
                payment.amount,
                gateway=gateway.name,
                kind=method.facts.kind,
                is_cross_border=_is_cross_border(method),
                on=at.date(),
                rules=around.fee_rules,
                success_rate=around.rates.of(gateway.name, _segment(payment, method)).rate,
                asks_to_confirm=_expects_challenge(asks, gateway.name, method),
                challenges=around.challenges.of(gateway.name, _challenges(payment, method)),
            )
            for gateway in around.gateways
            for method in methods
        },
        may_explore=is_on_session or not is_first,
        objectives=objectives,
    )


def _within_budget(method: StoredMethod, payment: Payment, pool: Pool, at: datetime) -> MethodFacts:
    """What is known of a method; without a try where this debt was presented often enough."""
    returns = pool.record.returns.get((payment.invoice_id, method.facts.brand), ())
    if not spent_representments(brand=method.facts.brand, returns=returns, at=at):
        return method.facts
    return replace(method.facts, spent_budgets=method.facts.held_by)


def _is_cross_border(method: StoredMethod) -> bool:
    return is_cross_border(method.facts.country, account_country=settings.COMPANY["country"])


def _segment(payment: Payment, method: StoredMethod) -> str:
    return segment_of(
        kind=method.facts.kind,
        currency=payment.currency,
        is_cross_border=_is_cross_border(method),
        is_on_session=_is_on_session(payment),
    )


def _challenges(payment: Payment, method: StoredMethod) -> str:
    """The challenges that this one would be like."""
    return challenge_segment(currency=payment.currency, is_cross_border=_is_cross_border(method))


def _is_on_session(payment: Payment) -> bool:
    return payment.purpose == "on_session"


def _asks(
    payment: Payment,
    methods: Sequence[StoredMethod],
    pool: Pool,
    verdict: RiskVerdict,
    at: datetime,
) -> Asks:
    """What would be asked of each method's bank at each gateway, if the customer is there."""
    if not _is_on_session(payment):
        return {}
    return authentications_of_present(
        invoice=payment.invoice,
        methods=[method.row for method in methods],
        gateways=[gateway.name for gateway in pool.around.gateways],
        amount=payment.amount,
        is_risky=verdict.action != RiskAction.ALLOW,
        at=at,
    )


def _expects_challenge(asks: Asks, gateway: str, method: StoredMethod) -> bool:
    found = asks.get((gateway, method.facts.reference))
    return found is not None and found.expects_challenge and method.facts.kind == "card"


def _is_approved(payment: Payment) -> bool:
    return PaymentReview.objects.filter(payment=payment, state="approved").exists()


def _authentication(
    payment: Payment, gateway: str, method: StoredMethod, asks: Asks, *, at: datetime
) -> Mapping[str, object]:
    """What the holder's bank is asked, and the fields by which the gateway is told so."""
    if asks:
        return as_kept(asks[gateway, method.facts.reference], gateway=gateway, is_there=True)
    found = authentication_of_charge(
        invoice=payment.invoice,
        method=method.row,
        gateway=gateway,
        amount=payment.amount,
        at=at,
    )
    return as_kept(found, gateway=gateway, is_there=False)


def _held(methods: Sequence[StoredMethod], reference: str) -> StoredMethod:
    return next(method for method in methods if method.facts.reference == reference)


def _record(
    payment: Payment,
    situation: Situation,
    decided: Decision,
    *,
    pool: Pool,
    verdict: RiskVerdict,
    authentication: Mapping[str, object],
    at: datetime,
) -> PaymentDecision:
    chosen = decided.chosen
    policy, _, arm = pool.around.policy_for(str(payment.pk))
    return PaymentDecision.objects.create(
        payment=payment,
        round=pool.record.rounds.get(payment.pk, 0) + 1,
        at=at,
        policy=policy,
        arm=arm,
        inputs={
            **situation_to_json(situation),
            "risk": dict(verdict.hits),
            "authentication": dict(authentication),
        },
        candidates=candidates_to_json(decided.candidates),
        rule=decided.rule,
        chosen_gateway=chosen.gateway if chosen else "",
        chosen_method_id=int(chosen.method) if chosen else None,
        fee_expected=chosen.prospect.fee.amount if chosen and chosen.prospect else None,
        is_explored=decided.is_explored,
        seed=decided.seed,
    )


def _route(
    decision: PaymentDecision,
    candidate: Mapping[str, Any],
    methods: Sequence[StoredMethod],
    *,
    authentication: Mapping[str, object],
    is_fallback: bool = False,
) -> Route:
    method = _held(methods, candidate["method"])
    return Route(
        decision=decision,
        gateway=candidate["gateway"],
        method=method.row,
        segment=_segment(decision.payment, method),
        fee_expected=Decimal(candidate["fee"]),
        authentication=authentication,
        is_fallback=is_fallback,
    )


def _fallback(
    payment: Payment,
    earlier: Sequence[PaymentAttempt],
    methods: Sequence[StoredMethod],
    pool: Pool,
    at: datetime,
    *,
    asks: Asks,
) -> Route | None:
    last = max(earlier, key=lambda attempt: attempt.sequence, default=None)
    if last is None or last.decision is None or not _may_try_elsewhere(last):
        return None
    candidate = _next_candidate(last)
    if candidate is None or last.resolved_at is None or at - last.resolved_at > FALLBACK_WITHIN:
        return None
    usable = {
        gateway.name
        for gateway in pool.around.gateways
        if gateway.is_enabled and not gateway.breaker_is_open
    }
    known = {method.facts.reference: method.facts for method in methods}
    facts = known.get(candidate["method"])
    # Meanwhile it may have been let go of there, and the no may have been its network's last.
    if facts is None or candidate["gateway"] not in (usable & facts.held_by) - facts.spent_budgets:
        return None
    held = _held(methods, candidate["method"])
    asked = _authentication(payment, candidate["gateway"], held, asks, at=at)
    return _route(last.decision, candidate, methods, authentication=asked, is_fallback=True)


def _may_try_elsewhere(attempt: PaymentAttempt) -> bool:
    """Proven not executed, or declined for a reason that is not the customer's; only once."""
    is_routed = attempt.decision_id is not None and attempt.channel == Channel.STORED_METHOD
    if attempt.is_fallback or not is_routed:
        return False
    named = DeclineClass(attempt.decline_class or DeclineClass.UNCLASSIFIED)
    if attempt.state == PaymentAttempt.State.NOT_SENT and not attempt.decline_class:
        return True
    is_proven = attempt.state in {PaymentAttempt.State.NOT_SENT, PaymentAttempt.State.DECLINED}
    return is_proven and POLICIES[named].other_gateway


def _is_held(method: int, gateway: str) -> bool:
    """Whether a gateway has a method under a name of its own now."""
    usable = PaymentMethod.objects.usable().filter(pk=method)
    tokens = InstrumentToken.objects.usable().filter(gateway=gateway)
    return usable.filter(Q(gateway=gateway) | Q(tokens__in=tokens)).exists()


def _next_candidate(attempt: PaymentAttempt) -> Mapping[str, Any] | None:
    """The best candidate of the attempt's decision at another gateway."""
    assert attempt.decision is not None
    candidates: list[Mapping[str, Any]] = attempt.decision.candidates
    others = (c for c in candidates if not c["why_not"] and c["gateway"] != attempt.gateway)
    return next(others, None)
