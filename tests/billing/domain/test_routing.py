"""Routing: every exclusion has its reason, the score follows its terms, decisions repeat."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.eligibility import (
    WORDS,
    GatewayFacts,
    MethodFacts,
    Need,
    Why,
    reasons_against,
)
from billing.domain.routing import Decision, Policy, decide
from billing.domain.routing_rules import Circumstances, Effect, RoutingRule
from billing.domain.scoring import Economics, Objectives, Prospect, score
from tiktoktoe.kernel.money import Money

TODAY = date(2026, 3, 1)
HUNDRED = Money("100.00", "USD")
ALPHA = GatewayFacts(name="alpha")
BETA = GatewayFacts(name="beta")
CARD = MethodFacts(reference="card", kind="card", held_by=frozenset({"alpha", "beta"}))
DEBIT = MethodFacts(reference="debit", kind="bank_debit", held_by=frozenset({"alpha"}))
NEED = Need(amount=HUNDRED, on=TODAY)
PLAIN = Policy()
USUAL = Prospect(success_rate=Decimal("0.9"), fee=Money("3.20", "USD"))

_BROKEN: dict[Why, tuple[GatewayFacts, MethodFacts, Need]] = {
    Why.GATEWAY_DISABLED: (replace(ALPHA, is_enabled=False), CARD, NEED),
    Why.KIND_NOT_TAKEN: (replace(ALPHA, kinds=frozenset({"wallet"})), CARD, NEED),
    Why.CURRENCY_NOT_TAKEN: (replace(ALPHA, currencies=frozenset({"EUR"})), CARD, NEED),
    Why.NOT_ITS_CURRENCY: (ALPHA, replace(DEBIT, currencies=frozenset({"EUR"})), NEED),
    Why.COUNTRY_NOT_TAKEN: (
        replace(ALPHA, countries=frozenset({"DE"})),
        replace(CARD, country="US"),
        NEED,
    ),
    Why.AMOUNT_TOO_SMALL: (replace(ALPHA, minimum={"USD": Money("100.01", "USD")}), CARD, NEED),
    Why.AMOUNT_TOO_LARGE: (replace(ALPHA, maximum={"USD": Money("99.99", "USD")}), CARD, NEED),
    Why.NOT_HELD: (ALPHA, replace(CARD, held_by=frozenset({"beta"})), NEED),
    Why.METHOD_REMOVED: (ALPHA, replace(CARD, is_removed=True), NEED),
    Why.METHOD_EXPIRED: (ALPHA, replace(CARD, expires_on=date(2026, 2, 28)), NEED),
    Why.METHOD_IS_DEAD: (ALPHA, replace(CARD, is_dead=True), NEED),
    Why.MANDATE_MISSING: (ALPHA, replace(DEBIT, needs_mandate=True), NEED),
    Why.MANDATE_INACTIVE: (
        ALPHA,
        replace(DEBIT, needs_mandate=True, mandate_state="revoked"),
        NEED,
    ),
    Why.CAPABILITY_MISSING: (ALPHA, CARD, replace(NEED, abilities=frozenset({"partial_capture"}))),
    Why.BREAKER_OPEN: (replace(ALPHA, breaker_is_open=True), CARD, NEED),
    Why.BUDGET_USED_UP: (ALPHA, replace(CARD, spent_budgets=frozenset({"alpha"})), NEED),
    Why.TRIED_ALREADY: (ALPHA, CARD, replace(NEED, tried=frozenset({("alpha", "card")}))),
    Why.AUTHENTICATION_IMPOSSIBLE: (ALPHA, CARD, replace(NEED, needs_authentication=True)),
}


def _decide(
    *,
    gateways: tuple[GatewayFacts, ...] = (ALPHA, BETA),
    methods: tuple[MethodFacts, ...] = (CARD,),
    prospects: dict[str, Prospect] | None = None,
    policy: Policy = PLAIN,
    seed: str = "p1",
    may_explore: bool = False,
    amount: Money = HUNDRED,
) -> Decision:
    known = prospects or {}

    def prospect_of(gateway: GatewayFacts, method: MethodFacts) -> Prospect:
        return known.get(gateway.name, USUAL)

    return decide(
        gateways=gateways,
        methods=methods,
        need=replace(NEED, amount=amount),
        circumstances=Circumstances(amount=amount, seed=seed),
        prospect_of=prospect_of,
        policy=policy,
        may_explore=may_explore,
    )


@pytest.mark.parametrize("why", [why for why in Why if why != Why.RULED_OUT])
def test_each_reason_leaves_a_candidate_out_and_is_the_only_one_told(why: Why) -> None:
    gateway, method, need = _BROKEN[why]

    assert reasons_against(ALPHA, CARD, NEED) == ()
    assert reasons_against(gateway, method, need) == (why,)


def test_all_reasons_are_told_at_once_and_each_has_words() -> None:
    gateway = replace(ALPHA, is_enabled=False, breaker_is_open=True)

    reasons = reasons_against(gateway, replace(CARD, is_removed=True), NEED)

    assert set(reasons) == {Why.GATEWAY_DISABLED, Why.BREAKER_OPEN, Why.METHOD_REMOVED}
    assert set(WORDS) == set(Why)


def test_every_method_at_every_gateway_is_a_candidate_whether_it_can_be_charged_or_not() -> None:
    decision = _decide(methods=(CARD, DEBIT))

    assert [(c.gateway, c.method, c.is_eligible) for c in decision.candidates] == [
        ("alpha", "card", True),
        ("alpha", "debit", True),
        ("beta", "card", True),
        ("beta", "debit", False),
    ]
    assert decision.candidates[-1].why_not == (Why.NOT_HELD,)


def test_a_large_invoice_goes_to_the_bank_and_the_card_waits_behind_it() -> None:
    """The design's example: a card costs 58.30, a debit 5.00 but four days and some returns."""
    amount = Money("2000.00", "USD")
    card = Prospect(
        success_rate=Decimal("0.95"), fee=Money("58.30", "USD"), dispute_bps=Decimal(10)
    )
    debit = Prospect(
        success_rate=Decimal("0.97"),
        fee=Money("5.00", "USD"),
        return_bps=Decimal(50),
        return_fee=Decimal(5),
        settle_days=4,
    )

    decision = _decide(
        gateways=(ALPHA, BETA), prospects={"alpha": card, "beta": debit}, amount=amount
    )

    assert decision.chosen is not None
    assert decision.chosen.gateway == "beta"
    assert [c.gateway for c in decision.fallbacks] == ["alpha"]


def test_the_score_is_the_formula_term_by_term() -> None:
    prospect = Prospect(
        success_rate=Decimal("0.9"),
        fee=Money("3.20", "USD"),
        decline_fee=Decimal("0.10"),
        dispute_bps=Decimal(20),
        dispute_fee=Decimal(15),
        settle_days=73,
    )
    economics = Economics(
        margin_bps=Decimal(8_000), capital_bps=Decimal(1_000), decline_bps=Decimal(100)
    )

    result = score(HUNDRED, prospect, economics=economics)

    assert result.value == 80
    assert result.risk == Fraction("0.23")  # 0.2 % of 115.00
    assert result.time == 2  # 10 % a year for a fifth of it
    assert result.decline_cost == 1
    assert result.expected_value == Fraction("0.9") * Fraction("74.57") - Fraction("0.11")


def test_who_has_to_confirm_may_leave_but_a_dispute_is_the_issuers() -> None:
    risky = replace(USUAL, dispute_bps=Decimal(100))

    confirmed = score(HUNDRED, replace(risky, asks_to_confirm=True))

    assert confirmed.risk == 0
    assert confirmed.success_rate == Fraction("0.792")  # 12 % of 90 % leave


def test_objectives_weigh_what_they_name() -> None:
    slow = replace(USUAL, settle_days=30, fee=Money("0.50", "USD"), return_bps=Decimal(100))
    fast = replace(USUAL, fee=Money("1.50", "USD"))
    both = {"alpha": slow, "beta": fast}

    def chosen(**weights: int) -> str:
        objectives = Objectives(**{name: Decimal(value) for name, value in weights.items()})
        decision = _decide(prospects=both, policy=Policy(objectives=objectives))
        assert decision.chosen is not None
        return decision.chosen.gateway

    assert chosen(fees=5) == "alpha"
    assert chosen(speed=10) == "beta"
    assert chosen(security=10) == "beta"


def test_the_first_rule_that_holds_decides_and_is_named() -> None:
    large = RoutingRule(
        name="large", effect=Effect.ONLY, minimum=HUNDRED, kinds=frozenset({"bank_debit"})
    )
    beta = RoutingRule(name="beta first", effect=Effect.PREFER, gateways=frozenset({"beta"}))
    policy = Policy(rules=(large, beta))

    at_bound = _decide(methods=(CARD, DEBIT), policy=policy)
    below = _decide(policy=policy, amount=Money("99.99", "USD"))

    assert at_bound.rule == "large"
    assert [(c.gateway, c.method) for c in at_bound.eligible] == [("alpha", "debit")]
    assert at_bound.candidates[1].why_not == (Why.RULED_OUT,)
    assert below.rule == "beta first"
    assert [c.gateway for c in below.eligible] == ["beta", "alpha"]


def test_a_bound_in_another_currency_does_not_hold() -> None:
    rule = RoutingRule(name="large", effect=Effect.ONLY, minimum=Money("1.00", "EUR"))

    assert _decide(policy=Policy(rules=(rule,))).rule == ""


def test_a_split_sends_its_share_and_a_payment_keeps_its_arm() -> None:
    split = RoutingRule(name="trial", effect=Effect.SPLIT, shares=(("beta", 30),))
    policy = Policy(rules=(split,))

    def chosen(number: int) -> str:
        decision = _decide(seed=f"payment-{number}", policy=policy)
        assert decision.chosen is not None
        return decision.chosen.gateway

    first, again = ([chosen(number) for number in range(1_000)] for _ in range(2))

    assert first == again
    assert 250 < first.count("beta") < 350


def test_exploring_is_rare_near_the_best_and_only_where_it_may_be() -> None:
    near = {"alpha": USUAL, "beta": replace(USUAL, success_rate=Decimal("0.895"))}
    far = {"alpha": USUAL, "beta": replace(USUAL, success_rate=Decimal("0.8"))}

    def explored(prospects: dict[str, Prospect], *, may_explore: bool = True) -> int:
        decisions = (
            _decide(seed=f"p{n}", prospects=prospects, may_explore=may_explore)
            for n in range(1_000)
        )
        return sum(decision.is_explored for decision in decisions)

    assert 15 < explored(near) < 50
    assert explored(far) == 0
    assert explored(near, may_explore=False) == 0


def test_exploring_never_goes_against_a_rule() -> None:
    rule = RoutingRule(name="beta", effect=Effect.PREFER, gateways=frozenset({"beta"}))
    policy = Policy(rules=(rule,), explored_share=Fraction(1))

    assert not _decide(policy=policy, may_explore=True).is_explored


_prospects = st.builds(
    Prospect,
    success_rate=st.decimals("0.01", "0.99", places=4),
    fee=st.integers(0, 1_000).map(lambda minor: Money(Decimal(minor) / 100, "USD")),
    decline_fee=st.decimals(0, 1, places=2),
    dispute_bps=st.decimals(0, 100, places=1),
    dispute_fee=st.decimals(0, 30, places=2),
    return_bps=st.decimals(0, 100, places=1),
    return_fee=st.decimals(0, 10, places=2),
    settle_days=st.integers(0, 30),
    asks_to_confirm=st.booleans(),
)


@given(_prospects, st.integers(1, 1_000))
def test_a_dearer_or_slower_candidate_is_never_worth_more(prospect: Prospect, more: int) -> None:
    usual = score(HUNDRED, prospect).expected_value
    dearer = replace(prospect, fee=prospect.fee + Money(Decimal(more) / 100, "USD"))
    slower = replace(prospect, settle_days=prospect.settle_days + more)

    assert score(HUNDRED, dearer).expected_value < usual
    assert score(HUNDRED, slower).expected_value < usual


@given(_prospects, st.decimals("0.001", "0.009", places=3))
def test_a_likelier_candidate_is_always_worth_more(prospect: Prospect, more: Decimal) -> None:
    likelier = replace(prospect, success_rate=prospect.success_rate + more)

    assert score(HUNDRED, likelier).expected_value > score(HUNDRED, prospect).expected_value


@given(st.lists(_prospects, min_size=1, max_size=4), st.text(max_size=20), st.booleans())
def test_the_same_facts_and_seed_give_the_same_decision_in_any_order(
    prospects: list[Prospect], seed: str, explores: bool
) -> None:
    gateways = tuple(GatewayFacts(name=f"g{n}") for n in range(len(prospects)))
    method = replace(CARD, held_by=frozenset(gateway.name for gateway in gateways))
    known = {f"g{n}": prospect for n, prospect in enumerate(prospects)}

    one, two = (
        _decide(gateways=order, methods=(method,), prospects=known, seed=seed, may_explore=explores)
        for order in (gateways, gateways[::-1])
    )

    assert one == two
    assert len(one.candidates) == len(prospects)
