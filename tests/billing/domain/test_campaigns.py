"""When a campaign does what: the calendar, and what is refused."""

from datetime import UTC, datetime

import pytest

from billing.domain.campaigns import (
    STANDARD,
    CampaignTerms,
    Declined,
    Step,
    StepKind,
    calendar,
    days_after,
    ensure_campaign,
    plan_retry,
)
from billing.domain.declines import DeclineClass
from billing.errors import CampaignInvalid

MARCH_2 = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)  # a Monday


def campaign(text: str, **terms: int) -> CampaignTerms:
    """Steps written as "0 email, 3 retry"."""
    parts = [part.split() for part in text.split(",")] if text else []
    steps = tuple(
        Step(position=n, day=int(day), kind=StepKind(kind))
        for n, (day, kind) in enumerate(parts, start=1)
    )
    return CampaignTerms(steps=steps, **terms)


FULL = campaign("0 email, 3 retry, 5 banner, 10 retry, 14 restrict, 30 cancel, 45 write_off")


def dates(terms: CampaignTerms, *declines: Declined, zone: str = "UTC") -> list[tuple[str, str]]:
    found = calendar(terms=terms, past_due_from=MARCH_2, declines=declines, time_zone=zone)
    return [(f"{step.at:%m-%d %H:%M}", str(step.kind)) for step in found]


def test_steps_fall_on_the_same_time_of_their_days() -> None:
    assert dates(FULL) == [
        ("03-02 09:30", "email"),
        ("03-05 09:30", "retry"),
        ("03-07 09:30", "banner"),
        ("03-12 09:30", "retry"),
        ("03-16 09:30", "restrict"),
        ("04-01 09:30", "cancel"),
        ("04-16 09:30", "write_off"),
    ]


def test_days_are_the_customers_own_so_that_summer_time_moves_no_step() -> None:
    assert dates(campaign("26 email, 28 email"), zone="Europe/Berlin") == [
        ("03-28 09:30", "email"),
        ("03-30 08:30", "email"),  # 10:30 there, as before
    ]
    assert days_after(MARCH_2, 0, "Asia/Kathmandu") == MARCH_2


def test_without_retry_steps_the_reason_of_the_decline_says_when_to_retry() -> None:
    declined = Declined(at=MARCH_2, decline_class=DeclineClass.SOFT_GENERIC)

    assert dates(STANDARD, declined) == [
        (f"03-{day} 09:30", "retry") for day in ("03", "05", "07", "09")
    ]
    assert dates(STANDARD) == []


def test_retries_so_many_days_apart_go_on_until_their_number_is_reached() -> None:
    declined = Declined(at=MARCH_2, decline_class=DeclineClass.SOFT_FUNDS)

    found = dates(campaign("", retry_every_days=8, retries_max=3), declined)

    assert found == [("03-10 09:30", "retry"), ("03-18 09:30", "retry"), ("03-26 09:30", "retry")]


def test_nothing_is_foretold_behind_a_write_off() -> None:
    declined = Declined(at=MARCH_2, decline_class=DeclineClass.SOFT_GENERIC)

    assert dates(campaign("6 write_off"), declined) == [
        ("03-03 09:30", "retry"),
        ("03-05 09:30", "retry"),
        ("03-07 09:30", "retry"),
        ("03-08 09:30", "write_off"),
    ]


@pytest.mark.parametrize("terms", [FULL, campaign("", retry_every_days=8), STANDARD])
def test_no_campaign_retries_what_cannot_help(terms: CampaignTerms) -> None:
    retry = plan_retry(
        terms=terms,
        past_due_from=MARCH_2,
        decline_class=DeclineClass.HARD_INSTRUMENT,
        retries_done=0,
        first_failed_at=MARCH_2,
        failed_at=MARCH_2,
        time_zone="UTC",
    )

    assert (retry.at, retry.reason) == (None, "hard_instrument: trying again cannot help")


def test_a_retry_step_that_cannot_help_is_shown_as_refused() -> None:
    declined = Declined(at=MARCH_2, decline_class=DeclineClass.FRAUD)

    steps = calendar(terms=FULL, past_due_from=MARCH_2, declines=[declined], time_zone="UTC")

    assert [(s.day, s.reason) for s in steps if s.is_refused] == [
        (3, "fraud: trying again cannot help"),
        (10, "fraud: trying again cannot help"),
    ]


def test_retry_steps_are_taken_in_turn_and_then_no_more() -> None:
    def planned(day: int, done: int) -> datetime | None:
        return plan_retry(
            terms=FULL,
            past_due_from=MARCH_2,
            decline_class=DeclineClass.SOFT_GENERIC,
            retries_done=done,
            first_failed_at=MARCH_2,
            failed_at=days_after(MARCH_2, day, "UTC"),
            time_zone="UTC",
        ).at

    assert planned(0, 0) == datetime(2026, 3, 5, 9, 30, tzinfo=UTC)
    assert planned(3, 1) == datetime(2026, 3, 12, 9, 30, tzinfo=UTC)
    assert planned(10, 2) is None


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (campaign("3 retry, 2 email"), "step 2 is before the one above it"),
        (campaign("3 cancel, 4 cancel"), "cancel is there already"),
        (campaign("3 write_off, 4 email"), "comes after the write-off"),
        (campaign("3 cancel, 4 pause"), "what is canceled cannot be paused"),
        (campaign("366 email"), "between 0 and 365"),
        (campaign("3 retry", retry_every_days=8), "not both"),
        (campaign("", retries_max=8), "every how many days"),
        (campaign(", ".join(["1 email"] * 31)), "more than 30 steps"),
    ],
)
def test_a_campaign_that_contradicts_itself_is_refused(terms: CampaignTerms, words: str) -> None:
    with pytest.raises(CampaignInvalid, match=words):
        ensure_campaign(terms)


def test_a_sensible_campaign_is_not_refused() -> None:
    ensure_campaign(FULL)
    ensure_campaign(STANDARD)
