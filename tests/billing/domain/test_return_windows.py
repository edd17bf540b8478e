"""Until when banks may take debits back."""

from datetime import date

import pytest

from billing.domain.bank_reasons import bank_decline, ends_mandate
from billing.domain.decline_codes import DeclineClass
from billing.domain.return_windows import WINDOWS, late_return, window_of

FRIDAY = date(2026, 3, 6)


@pytest.mark.parametrize(
    ("code", "last", "words"),
    [
        ("AM04", date(2026, 3, 13), "5 bank days after the debit"),
        ("MS03", date(2026, 3, 13), "5 bank days after the debit"),
        ("MD06", date(2026, 5, 1), "8 weeks after the debit"),
        ("MD01", date(2027, 4, 6), "13 months after the debit"),
        ("R01", date(2026, 3, 10), "2 bank days after the debit"),
        ("R29", date(2026, 3, 10), "2 bank days after the debit"),
        ("R10", date(2026, 5, 6), "60 days after the debit"),
        ("R11", date(2026, 5, 6), "60 days after the debit"),
    ],
)
def test_a_debit_may_come_back_until_a_day(code: str, last: date, words: str) -> None:
    the_day_after = date.fromordinal(last.toordinal() + 1)

    in_time = late_return(code=code, debited_on=FRIDAY, returned_on=last)
    late = late_return(code=code, debited_on=FRIDAY, returned_on=the_day_after)

    assert "object" not in in_time
    assert late == f"taken back more than {words}: object to it"


@pytest.mark.parametrize("code", ["R06", "R31"])
def test_what_our_own_bank_asked_for_is_never_late(code: str) -> None:
    assert late_return(code=code, debited_on=FRIDAY, returned_on=date(2026, 9, 1)) == ""


def test_after_8_weeks_the_bank_is_shown_the_mandate() -> None:
    told = late_return(code="MD01", debited_on=FRIDAY, returned_on=date(2026, 5, 2))

    assert told == "taken back for want of a mandate after 8 weeks: send the bank the mandate"


def test_of_a_debit_whose_day_is_not_known_nothing_is_said() -> None:
    assert late_return(code="AM04", debited_on=None, returned_on=FRIDAY) == ""


def test_holidays_of_each_bank_system_are_left_out() -> None:
    before_easter = date(2026, 4, 2)

    assert window_of("AM04").ends_on(before_easter) == date(2026, 4, 13)
    assert window_of("R01").ends_on(before_easter) == date(2026, 4, 6)


def test_every_window_has_a_source_and_one_kind_of_time() -> None:
    for window in WINDOWS:
        assert window.source
        assert sum(bool(time) for time in (window.bank_days, window.days, window.months)) == 1


def test_an_entry_that_was_wrong_is_for_a_person_and_its_permission_stands() -> None:
    assert bank_decline("R11").decline_class == DeclineClass.REVIEW
    assert not ends_mandate("R11")
    assert ends_mandate("R10")
