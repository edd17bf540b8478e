"""What routing needs to know, in a fixed number of queries for any number of customers."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import QuerySet

from billing.domain.breakers import Breaker, BreakerState
from billing.domain.budgets import spent_budget
from billing.domain.challenges import PREFIX, ChallengeRates
from billing.domain.debit_schemes import SCHEMES, amount_limit
from billing.domain.declines import POLICIES
from billing.domain.eligibility import GatewayFacts, MethodFacts
from billing.domain.experiments import is_variant
from billing.domain.fees import FeeRule
from billing.domain.mandates import state_on
from billing.domain.routing import Policy
from billing.domain.routing_rules import Effect
from billing.domain.routing_rules import RoutingRule as Rule
from billing.domain.same_card import CardFacts, is_same_card
from billing.domain.scoring import Economics, Objectives
from billing.domain.success import Cell, SuccessRates
from billing.gateways.base import Capabilities
from billing.gateways.registry import gateway_named, gateway_names
from billing.models import (
    GatewayCustomer,
    GatewayHealth,
    GatewayMandate,
    InstrumentToken,
    Mandate,
    OutcomeStatistic,
    PaymentAttempt,
    PaymentMethod,
    ProcessorFeeRule,
    RoutingPolicy,
    RoutingRule,
)
from billing.queries.risk import Record
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.rates import basis_points
from tiktoktoe.standing import standing

_DEAD_CLASSES = {str(name) for name, policy in POLICIES.items() if policy.instrument_is_dead}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What holds for every payment of a moment: the policy, the gateways, the fees, the record."""

    policy_row: RoutingPolicy
    policy: Policy
    trial_row: RoutingPolicy | None
    trial: Policy | None
    gateways: tuple[GatewayFacts, ...]
    fee_rules: tuple[FeeRule, ...]
    rates: SuccessRates
    challenges: ChallengeRates
    troubled: frozenset[str]  # gateways whose breaker is not closed

    def policy_for(self, seed: str) -> tuple[RoutingPolicy, Policy, str]:
        """The version that decides about a payment, and its arm of a trial."""
        if self.trial_row is None or self.trial is None:
            return self.policy_row, self.policy, ""
        if is_variant(seed, self.trial_row.trial_percent):
            return self.trial_row, self.trial, "variant"
        return self.policy_row, self.policy, "control"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMethod:
    """A customer's method: the row, what routing asks about it, and whether it is foreign."""

    row: PaymentMethod
    facts: MethodFacts


def surroundings(at: datetime) -> Surroundings:
    """Everything that does not depend on the customer, as it is now."""
    by_state = {row.state: row for row in _policies.rows()}
    active, trial = by_state["active"], by_state.get("trial")
    statistics = _statistics.rows()
    health = {row.gateway: row for row in _health.rows()}
    return Surroundings(
        policy_row=active,
        policy=policy_of(active),
        trial_row=trial,
        trial=policy_of(trial) if trial else None,
        gateways=tuple(_facts_of(name, health.get(name), at) for name in gateway_names()),
        fee_rules=fee_rules(at.date()),
        rates=success_rates(statistics),
        challenges=challenge_rates(statistics),
        troubled=frozenset(name for name, row in health.items() if row.state != "closed"),
    )


@standing
def _policies() -> "QuerySet[RoutingPolicy]":
    return RoutingPolicy.objects.prefetch_related("rules").filter(state__in=["active", "trial"])


@standing
def _statistics() -> "QuerySet[OutcomeStatistic]":
    return OutcomeStatistic.objects.all()


@standing
def _health() -> "QuerySet[GatewayHealth]":
    return GatewayHealth.objects.all()


@standing
def _fee_rules(on: date) -> "QuerySet[ProcessorFeeRule]":
    return ProcessorFeeRule.objects.valid_on(on).order_by("pk")


def policy_of(row: RoutingPolicy) -> Policy:
    """The rules and weights of a version, for the domain."""
    return Policy(
        rules=tuple(_rule_of(rule) for rule in row.rules.all()),
        objectives=Objectives(
            fees=row.fees_weight, speed=row.speed_weight, security=row.security_weight
        ),
        economics=Economics(
            margin_bps=row.margin_bps,
            capital_bps=row.capital_bps,
            decline_bps=row.decline_bps,
            abandon_bps=row.abandon_bps,
        ),
        explored_share=basis_points(row.explored_bps),
        explored_within=basis_points(row.explored_within_bps),
    )


def breaker_of(health: GatewayHealth) -> Breaker:
    """A gateway's breaker, for the domain."""
    return Breaker(
        state=BreakerState(health.state),
        failures_in_a_row=health.failures_in_a_row,
        opened_times=health.opened_times,
        opens_until=health.opens_until,
    )


def fee_rules(on: date) -> tuple[FeeRule, ...]:
    """The fee rules that are valid on a day."""
    return tuple(fee_rule_of(row) for row in _fee_rules.rows(on=on))


def fee_rule_of(row: ProcessorFeeRule) -> FeeRule:
    """A row, for the domain."""
    return FeeRule(
        gateway=row.gateway,
        kind=row.kind,
        currency=row.currency,
        share_bps=row.share_bps,
        fixed_amount=row.fixed_amount,
        cross_border_bps=row.cross_border_bps,
        minimum=row.minimum,
        maximum=row.maximum,
        decline_fee=row.decline_fee,
        dispute_fee=row.dispute_fee,
        return_fee=row.return_fee,
        settle_days=row.settle_days,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        source=row.source,
    )


def success_rates(statistics: Sequence[OutcomeStatistic]) -> SuccessRates:
    """What is to be expected, by everything that was counted so far; challenges are apart."""
    rows = [row for row in statistics if not row.segment.startswith(PREFIX)]
    return SuccessRates([cell_of(row) for row in rows], _seen(rows))


def challenge_rates(statistics: Sequence[OutcomeStatistic]) -> ChallengeRates:
    """How many leave when asked to confirm, by everything that was counted so far."""
    rows = [row for row in statistics if row.segment.startswith(PREFIX)]
    return ChallengeRates([cell_of(row) for row in rows], _seen(rows))


def _seen(statistics: Sequence[OutcomeStatistic]) -> Mapping[str, int]:
    """How many of each segment were counted, by whatever gateway."""
    seen: dict[str, int] = defaultdict(int)
    for row in statistics:
        seen[row.segment] = max(seen[row.segment], row.seen)
    return seen


def cell_of(row: OutcomeStatistic) -> Cell:
    """A row, for the domain."""
    return Cell(
        gateway=row.gateway,
        segment=row.segment,
        successes=row.successes,
        failures=row.failures,
        seen=row.seen,
    )


def stored_methods(record: Record) -> Mapping[int, list[StoredMethod]]:
    """The usable methods of the customers of a record, the default ones first."""
    at = record.at
    rows = [method for customer in record.methods for method in record.usable(customer)]
    if not rows:
        return {}
    known = {*_known_to.rows(customers=[*{row.customer_id for row in rows}])}
    holders: dict[int, set[str]] = defaultdict(set)
    for row in rows:
        holders[row.pk].add(row.gateway)
    for method, gateway in _tokens.rows(methods=[row.pk for row in rows]):
        holders[method].add(gateway)
    dead = _dead_methods(rows)
    mandates = _mandate_states(rows, at)
    found: dict[int, list[StoredMethod]] = defaultdict(list)
    for row in rows:
        held_by = frozenset(g for g in holders[row.pk] if (row.customer_id, g) in known)
        declined_at = _declined_at(row, record)
        network = (row.network or row.brand).lower()
        budget = spent_budget(network=network, declined_at=declined_at, at=at)
        facts = MethodFacts(
            reference=str(row.pk),
            kind=row.kind,
            country=row.country,
            brand=row.brand,
            held_by=held_by,
            is_dead=row.pk in dead,
            expires_on=row.expires_on,
            needs_mandate=row.pk in mandates,
            mandate_state=mandates.get(row.pk, ""),
            spent_budgets=held_by if budget else frozenset(),
            currencies=_currencies(row),
            limits=_limits(row, at),
        )
        found[row.customer_id].append(StoredMethod(row=row, facts=facts))
    return found


@standing
def _known_to(customers: list[int]) -> "QuerySet[GatewayCustomer, tuple[int, str]]":
    holding = GatewayCustomer.objects.filter(customer__any_of=customers)
    return holding.values_list("customer", "gateway")


@standing
def _tokens(methods: list[int]) -> "QuerySet[InstrumentToken, tuple[int, str]]":
    tokens = InstrumentToken.objects.usable().filter(method__any_of=methods)
    return tokens.values_list("method", "gateway")


def _facts_of(name: str, health: GatewayHealth | None, at: datetime) -> GatewayFacts:
    able = gateway_named(name).capabilities
    return GatewayFacts(
        name=name,
        is_enabled=health is None or health.is_enabled,
        kinds=able.kinds,
        currencies=able.currencies,
        countries=able.countries,
        minimum=able.minimum,
        maximum=able.maximum,
        abilities=_abilities(able),
        has_authentication=able.has_three_d_secure,
        breaker_is_open=health is not None and breaker_of(health).blocks(at),
    )


def _abilities(able: Capabilities) -> frozenset[str]:
    """What a gateway can do beside charging."""
    return frozenset({"hold"}) if able.authorization_lasts is not None else frozenset()


def _rule_of(row: RoutingRule) -> Rule:
    def bound(value: object) -> Money | None:
        return None if value is None else Money(str(value), row.currency)

    return Rule(
        name=row.name,
        effect=Effect(row.effect),
        currency=row.currency,
        minimum=bound(row.minimum),
        maximum=bound(row.maximum),
        customer_country=row.customer_country,
        session=row.session,
        buyer=row.buyer,
        gateways=frozenset(row.gateways),
        kinds=frozenset(row.kinds),
        shares=tuple((gateway, int(percent)) for gateway, percent in row.shares),
    )


def _currencies(row: PaymentMethod) -> frozenset[str]:
    scheme = SCHEMES.get(row.brand) if row.kind == "bank_debit" else None
    return frozenset({scheme.currency}) if scheme else frozenset()


def _limits(row: PaymentMethod, at: datetime) -> Mapping[str, Money]:
    """The most that the method's own gateway takes by one debit."""
    limit = amount_limit(gateway=row.gateway, scheme=row.brand, on=at.date())
    return {row.gateway: Money(limit.amount, SCHEMES[row.brand].currency)} if limit else {}


def _mandate_states(rows: Sequence[PaymentMethod], at: datetime) -> Mapping[int, str]:
    """What the mandates of methods that need one are; empty where there is none."""
    used = {row.gateway for row in rows} & set(gateway_names())
    strict = {name for name in used if gateway_named(name).capabilities.needs_mandate}
    found = {row.pk: "" for row in rows if row.gateway in strict}
    if found:
        fields = ("method", "state", "signed_on", "last_used_on")
        for method, state, signed, used in Mandate.objects.filter(method__in=found).values_list(
            *fields
        ):
            known = state_on(at.date(), state=state, signed_on=signed, last_used_on=used)
            found[method] = str(known)
    return {**found, **_kept_mandates(rows)}


def _kept_mandates(rows: Sequence[PaymentMethod]) -> Mapping[int, str]:
    """What the mandates of debits are that their gateways keep themselves."""
    debits = [row for row in rows if row.kind == "bank_debit"]
    used = {row.gateway for row in debits} & set(gateway_names())
    keeping = {name for name in used if gateway_named(name).capabilities.keeps_mandates}
    found = {row.pk: "" for row in debits if row.gateway in keeping}
    if found:
        rows_of = GatewayMandate.objects.filter(method__in=found)
        found |= dict(rows_of.values_list("method", "state"))
    return found


def _dead_methods(rows: Sequence[PaymentMethod]) -> set[int | None]:
    """Those whose last try was answered by a no for good."""
    last = _last_tries.rows(methods=[row.pk for row in rows])
    return {method for method, decline_class in last if decline_class in _DEAD_CLASSES}


@standing
def _last_tries(methods: list[int]) -> "QuerySet[PaymentAttempt, tuple[int | None, str]]":
    tried = PaymentAttempt.objects.filter(method__any_of=methods, resolved_at__isnull=False)
    last = tried.order_by("method_id", "-resolved_at", "-sequence").distinct("method_id")
    return last.values_list("method_id", "decline_class")


def _declined_at(row: PaymentMethod, record: Record) -> list[datetime]:
    """When a card was declined, under whatever row it is or was stored: a network counts cards.

    One that was removed and stored again has used up as much as before; so has one that another
    customer holds too, where the gateway tells that it is the same card.
    """
    card = CardFacts(
        kind=row.kind,
        network=row.brand,
        last4=row.last4,
        expires_on=row.expires_on,
        country=row.country,
    )
    own = {
        no.attempt: no.at
        for no in record.declines.get(row.customer_id, ())
        if no.method == row.pk or is_same_card(card, no.card)
    }
    return list({**own, **record.of_cards.get((row.gateway, row.fingerprint), {})}.values())
