"""A no is understood, and asked again only where that can help."""

import pytest

from billing.domain.decline_codes import CLASS_OF_STRIPE_CODE
from billing.domain.declines import POLICIES, DeclineClass, stripe_decline


def test_every_class_has_a_policy() -> None:
    assert set(POLICIES) == set(DeclineClass)


@pytest.mark.parametrize(
    ("decline_code", "decline_class"),
    [
        ("insufficient_funds", DeclineClass.SOFT_FUNDS),
        ("generic_decline", DeclineClass.SOFT_GENERIC),
        ("processing_error", DeclineClass.TECHNICAL),
        ("authentication_required", DeclineClass.AUTH_REQUIRED),
        ("incorrect_cvc", DeclineClass.DATA_FIX),
        ("lost_card", DeclineClass.HARD_INSTRUMENT),
        ("stolen_card", DeclineClass.HARD_INSTRUMENT),
        ("revocation_of_authorization", DeclineClass.HARD_REVOKED),
        ("fraudulent", DeclineClass.FRAUD),
        ("duplicate_transaction", DeclineClass.REVIEW),
        ("currency_not_supported", DeclineClass.CONFIG),
    ],
)
def test_stripes_reasons_by_class(decline_code: str, decline_class: DeclineClass) -> None:
    decline = stripe_decline(code="card_declined", decline_code=decline_code)

    assert decline.decline_class == decline_class
    assert decline.code == decline_code


def test_without_the_issuers_reason_the_gateways_code_counts() -> None:
    assert stripe_decline(code="expired_card").decline_class == DeclineClass.HARD_INSTRUMENT
    assert stripe_decline(code="card_declined").decline_class == DeclineClass.SOFT_GENERIC


def test_a_reason_that_nobody_knows_is_kept_and_treated_with_care() -> None:
    decline = stripe_decline(decline_code="the_stars_are_wrong")

    assert decline.code == "the_stars_are_wrong"
    assert decline.decline_class == DeclineClass.UNCLASSIFIED
    assert not decline.policy.other_gateway


def test_an_unknown_reason_falls_back_on_the_known_code_beside_it() -> None:
    decline = stripe_decline(code="expired_card", decline_code="new_word")

    assert decline.decline_class == DeclineClass.HARD_INSTRUMENT
    assert decline.code == "new_word"


def test_no_answer_at_all_is_still_a_decline() -> None:
    assert stripe_decline().code == "unknown"


def test_advice_not_to_try_again_is_obeyed() -> None:
    decline = stripe_decline(decline_code="insufficient_funds", advice_code="do_not_try_again")

    assert not decline.policy.retry_later


@pytest.mark.parametrize(
    "decline_class",
    [
        DeclineClass.FRAUD,
        DeclineClass.HARD_REVOKED,
        DeclineClass.HARD_INSTRUMENT,
        DeclineClass.REVIEW,
    ],
)
def test_what_is_final_is_retried_nowhere(decline_class: DeclineClass) -> None:
    policy = POLICIES[decline_class]

    assert not policy.retry_later
    assert not policy.other_gateway


def test_the_customer_is_not_told_of_a_suspicion_of_fraud() -> None:
    assert "fraud" not in POLICIES[DeclineClass.FRAUD].advice.lower()


def test_every_code_is_one_word_in_small_letters() -> None:
    assert all(code == code.lower() and " " not in code for code in CLASS_OF_STRIPE_CODE)
