"""What a mandate allows."""

from datetime import date

import pytest

from billing.domain.mandate_words import consent_text
from billing.domain.mandates import (
    MANDATE_MOVES,
    MandateState,
    ensure_collectable,
    ensure_mandate_move,
    expires_on,
    state_on,
)
from billing.errors import MandateNotUsable, StateMoveNotAllowed

SIGNED = date(2023, 3, 15)


def test_a_mandate_that_was_never_used_expires_36_months_after_it_was_signed() -> None:
    assert expires_on(signed_on=SIGNED, last_used_on=None) == date(2026, 3, 15)


def test_each_use_gives_it_36_months_more() -> None:
    last = date(2025, 1, 31)

    assert expires_on(signed_on=SIGNED, last_used_on=last) == date(2028, 1, 31)


@pytest.mark.parametrize(
    ("day", "state"), [(date(2026, 3, 14), "active"), (date(2026, 3, 15), "expired")]
)
def test_it_is_over_on_the_day_itself_although_nobody_has_written_it_down(
    day: date, state: str
) -> None:
    assert state_on(day, state="active", signed_on=SIGNED, last_used_on=None) == state


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("revoked", "it was withdrawn"),
        ("used", "it was for one payment"),
        ("expired", "is not used for 36 months expires"),
    ],
)
def test_nothing_is_collected_by_one_that_is_not_active_and_the_way_out_is_told(
    state: str, words: str
) -> None:
    with pytest.raises(MandateNotUsable, match=f"mandate M-1: .*{words}.*give a new one"):
        ensure_collectable(
            reference="M-1",
            state=state,
            signed_on=date(2026, 1, 1),
            last_used_on=None,
            collect_on=date(2026, 3, 4),
        )


def test_only_the_moves_of_the_table_are_allowed() -> None:
    for before in MandateState:
        for after in MandateState:
            if after in MANDATE_MOVES[before]:
                ensure_mandate_move(before, after)
            else:
                with pytest.raises(StateMoveNotAllowed):
                    ensure_mandate_move(before, after)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Your rights are explained in a statement that you can obtain from your bank."),
        ("de", "Meine Rechte sind in einem Merkblatt enthalten, das ich von meinem"),
        ("fr", "Vos droits sont expliqués dans un document que vous pouvez obtenir"),
    ],
)
def test_a_mandate_names_who_debits_the_8_weeks_and_where_rights_are_told(
    language: str, words: str
) -> None:
    text = consent_text(language=language, creditor="ACME Corporation", days=14)

    assert text.count("ACME Corporation") == 2
    assert "8 weeks" in text or "acht Wochen" in text or "8 semaines" in text
    assert words in text
