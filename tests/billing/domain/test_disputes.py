"""The table of a dispute's moves, what reasons mean, and whose loss a lost one is."""

from datetime import date

import pytest

from billing.domain.disputes import (
    DISPUTE_MOVES,
    OPEN_DISPUTE_STATES,
    DisputeClass,
    DisputeState,
    LossRule,
    LossTerms,
    classify_reason,
    ensure_dispute_move,
    loss_rule_of,
    next_dispute_state,
)
from billing.errors import StateMoveNotAllowed
from billing.models import Dispute
from billing.models.disputes import OPEN_DISPUTE_STATES as OPEN_IN_SQL

DAY = date(2026, 3, 1)


def test_the_table_has_every_state_and_the_models_agree() -> None:
    assert set(DISPUTE_MOVES) == set(DisputeState)
    assert set(Dispute.State.values) == {str(state) for state in DisputeState}
    assert set(OPEN_IN_SQL) == {str(state) for state in OPEN_DISPUTE_STATES}


def test_a_move_that_is_not_in_the_table_is_refused() -> None:
    ensure_dispute_move("needs_response", "under_review")

    with pytest.raises(StateMoveNotAllowed, match="dispute that is accepted cannot become won"):
        ensure_dispute_move("accepted", "won")


@pytest.mark.parametrize(
    ("current", "reported", "next_state"),
    [
        ("needs_response", DisputeState.UNDER_REVIEW, DisputeState.UNDER_REVIEW),
        ("accepted", DisputeState.LOST, None),  # no news
        ("expired", DisputeState.LOST, None),
        ("under_review", DisputeState.EXPIRED, None),  # we have answered
        ("won", DisputeState.LOST, DisputeState.LOST),  # a second chargeback
        ("lost", DisputeState.NEEDS_RESPONSE, None),
    ],
)
def test_a_gateways_word_moves_it_only_where_the_table_allows(
    current: str, reported: DisputeState, next_state: DisputeState | None
) -> None:
    assert next_dispute_state(current, reported) == next_state


@pytest.mark.parametrize("reported", [DisputeState.EXPIRED, DisputeState.ACCEPTED])
def test_one_that_is_over_is_lost_by_whatever_word(reported: DisputeState) -> None:
    assert next_dispute_state("under_review", reported) is None
    assert next_dispute_state("under_review", reported, is_decided=True) == DisputeState.LOST
    assert next_dispute_state("needs_response", reported, is_decided=True) == reported
    assert next_dispute_state("expired", DisputeState.ACCEPTED, is_decided=True) is None


@pytest.mark.parametrize(
    ("reason", "meaning"),
    [
        ("fraudulent", DisputeClass.FRAUD),
        ("10.4", DisputeClass.FRAUD),
        (" 4837 ", DisputeClass.FRAUD),
        ("13.1", DisputeClass.NOT_RECEIVED),
        ("13.2", DisputeClass.CANCELED),
        ("11.3", DisputeClass.PROCESSING),
        ("10", DisputeClass.OTHER),  # a family alone is no code
        ("a new code", DisputeClass.OTHER),
        ("", DisputeClass.OTHER),
    ],
)
def test_reasons_of_both_gateways_are_classified_and_new_ones_are_other(
    reason: str, meaning: DisputeClass
) -> None:
    assert classify_reason(reason) == meaning


def test_the_latest_rule_for_the_reason_counts_and_without_one_we_bear_the_loss() -> None:
    def terms(rule: LossRule, since: str, reason_class: str = "") -> LossTerms:
        return LossTerms(valid_from=date.fromisoformat(since), reason_class=reason_class, rule=rule)

    rules = [
        terms(LossRule.REOPEN, "2026-01-01"),
        terms(LossRule.WRITE_OFF, "2026-02-01", "fraud"),
        terms(LossRule.WRITE_OFF, "2026-04-01"),
    ]

    assert loss_rule_of([], reason_class="fraud", on=DAY) == LossRule.WRITE_OFF
    assert loss_rule_of(rules, reason_class="canceled", on=DAY) == LossRule.REOPEN
    assert loss_rule_of(rules, reason_class="fraud", on=DAY) == LossRule.WRITE_OFF
    assert loss_rule_of(rules, reason_class="canceled", on=date(2026, 4, 1)) == LossRule.WRITE_OFF
