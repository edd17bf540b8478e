"""What banks are told of the customer's browser is what it says, or nothing."""

import pytest

from billing.domain.presence import Presence, presence_of

HEADERS = {"User-Agent": "Browser 1", "Accept": "text/html", "Accept-Language": "de-DE,de;q=0.8"}


def of(told: str) -> Presence:
    return presence_of(address="203.0.113.7", headers=HEADERS, told=told)


def test_the_browser_is_told_of_as_its_headers_and_script_say() -> None:
    assert of("24,1080,1920,-60").as_kept() == {
        "userAgent": "Browser 1",
        "acceptHeader": "text/html",
        "language": "de-DE",
        "colorDepth": 24,
        "screenHeight": 1080,
        "screenWidth": 1920,
        "timeZoneOffset": -60,
        "javaEnabled": False,
        "javaScriptEnabled": True,
    }


@pytest.mark.parametrize(
    "told", ["", "24,1080,1920", "7,1,1,0", "24,1,1,9999", "24,x,1,0", "24,-5,1,0", "9" * 500]
)
def test_nonsense_counts_as_a_browser_that_runs_no_scripts(told: str) -> None:
    assert of(told) == of("")
    assert of(told).runs_scripts is False
