"""Banks' reasons, by what they mean here."""

import pytest

from billing.domain.bank_reasons import (
    CLASS_OF_ISO_CODE,
    CLASS_OF_NACHA_CODE,
    ENDS_MANDATE,
    bank_decline,
    ends_mandate,
)
from billing.domain.declines import DeclineClass


@pytest.mark.parametrize(
    ("code", "decline_class"),
    [
        ("AM04", "soft_funds"),
        ("AC01", "data_fix"),
        ("AC04", "hard_instrument"),
        ("MD01", "hard_revoked"),
        ("MD06", "hard_revoked"),
        ("MS03", "soft_generic"),
        ("DUPL", "review"),
        ("FF01", "config"),
    ],
)
def test_a_known_reason_has_its_class(code: str, decline_class: str) -> None:
    assert bank_decline(code).decline_class == decline_class


def test_an_unknown_reason_is_kept_as_it_came_and_treated_with_care() -> None:
    decline = bank_decline("ZZ99")

    assert (decline.code, decline.decline_class) == ("ZZ99", DeclineClass.UNCLASSIFIED)
    assert not decline.policy.other_gateway


def test_whatever_ends_a_mandate_is_a_hard_no() -> None:
    hard = {DeclineClass.HARD_INSTRUMENT, DeclineClass.HARD_REVOKED}

    classes = {**CLASS_OF_ISO_CODE, **CLASS_OF_NACHA_CODE}
    assert {classes[code] for code in ENDS_MANDATE} == hard
    assert ends_mandate("MD06")
    assert not ends_mandate("AM04")
