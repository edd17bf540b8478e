"""Badges, bars, sparklines and figures."""

from decimal import Decimal

import pytest
from django.utils.safestring import SafeString

from tiktoktoe.web.templatetags.pages import badge, figure_script, percent_of, sparkline, url_if_any
from tiktoktoe.web.tones import TONE_BY_STATE, TONES


@pytest.mark.parametrize(
    ("state", "html"),
    [
        ("paid", '<span class="badge badge-good">Paid</span>'),
        ("past_due", '<span class="badge badge-bad">Past due</span>'),
        ("never_heard_of", '<span class="badge badge-quiet">Never heard of</span>'),
        ("paypal", '<span class="badge badge-quiet">PayPal</span>'),
    ],
)
def test_a_state_is_told_in_words_and_a_tone(state: str, html: str) -> None:
    assert badge(state) == html


def test_the_words_of_a_badge_are_escaped() -> None:
    assert "<script>" not in badge("paid", "<script>")


def test_no_state_has_two_tones() -> None:
    assert len(TONE_BY_STATE) == sum(len(states) for states in TONES.values())


@pytest.mark.parametrize(
    ("part", "whole", "full"), [(50, 200, 25), (Decimal("62.5"), 50, 100), (0, 0, 0), (3, 0, 100)]
)
def test_a_bar_is_between_empty_and_full(part: Decimal, whole: int, full: int) -> None:
    assert percent_of(part, whole) == full


def test_a_sparkline_runs_from_the_lowest_to_the_highest_value() -> None:
    drawing = sparkline([1, 3, 2])

    assert '<polyline points="2.0,26.0 48.0,2.0 94.0,14.0"/>' in drawing
    assert sparkline([5]) == ""
    assert sparkline([]) == ""


def test_a_flat_sparkline_is_drawn_too() -> None:
    assert 'points="2.0,26.0 94.0,26.0"' in sparkline([4, 4])


def test_a_figure_cannot_end_its_own_script() -> None:
    script = figure_script({"data": [], "layout": {"title": "</script><b>"}}, "x-figure")

    assert isinstance(script, SafeString)
    assert script.count("</script>") == 1
    assert 'id="x-figure" type="application/json"' in script


def test_a_page_that_does_not_exist_has_no_address() -> None:
    assert url_if_any("no_such_page") == ""
    assert url_if_any("sign_in") == "/sign-in/"
