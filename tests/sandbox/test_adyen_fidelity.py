"""docs/fidelity-adyen.md and the sandbox say the same."""

import re

from tests.sandbox.server import ROOT
from tiktoktoe.sandbox.adyen import api, routes
from tiktoktoe.sandbox.adyen.cards import CARDS, REFUSALS
from tiktoktoe.sandbox.adyen.control import Control

PAGE = (ROOT / "docs" / "fidelity-adyen.md").read_text(encoding="utf-8")


def test_every_operation_that_is_answered_is_on_the_page_and_no_other() -> None:
    assert api.PREFIX == "/v72"
    listed = set(re.findall(r"`((?:GET|POST|PATCH|DELETE) /[^`]+)`", PAGE))

    assert listed == routes.answered()


def test_every_card_and_every_refusal_is_on_the_page() -> None:
    plain = PAGE.replace(" ", "")

    assert [number for number in CARDS if number not in plain] == []
    assert [name for name in REFUSALS if name not in PAGE] == []


def test_every_control_of_its_own_is_on_the_page() -> None:
    listed = set(re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE))

    assert set(Control.own(Control.__new__(Control))) == listed
