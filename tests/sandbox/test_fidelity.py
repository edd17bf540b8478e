"""docs/fidelity-stripe.md and the sandbox say the same."""

import re

import pytest

from tests.sandbox.server import CACHE, ROOT, WEB, RunningSandbox
from tests.sandbox.test_protocol import AUTHORIZATION
from tiktoktoe.sandbox.core.faults import Mode
from tiktoktoe.sandbox.stripe import resources, routes
from tiktoktoe.sandbox.stripe.cards import READY_MADE, READY_MADE_ACCOUNTS
from tiktoktoe.sandbox.stripe.resources.nothing import EMPTY
from tiktoktoe.sandbox.stripe.spec import load_spec

PAGE = (ROOT / "docs" / "fidelity-stripe.md").read_text(encoding="utf-8")


def test_every_operation_that_is_answered_is_on_the_page_and_no_other() -> None:
    assert resources.__all__
    listed = set(re.findall(r"`((?:GET|POST|DELETE) /v1/[^`]+)`", PAGE))

    assert listed == routes.answered()


def test_every_operation_that_is_answered_is_one_of_stripes() -> None:
    spec = load_spec(CACHE)

    for operation in sorted(routes.answered()):
        method, path = operation.split()
        assert spec.operation(method, path.replace("{}", "x_1")).method == method


def test_every_fault_is_on_the_page() -> None:
    listed = set(re.findall(r"^\| `(\w+)` \|.*\|.*\|$", PAGE, flags=re.MULTILINE))

    assert {str(mode) for mode in Mode} <= listed


def test_every_ready_made_name_on_the_page_exists() -> None:
    assert set(re.findall(r"`(pm_\w+)`", PAGE)) <= set(READY_MADE) | set(READY_MADE_ACCOUNTS)


@pytest.mark.parametrize("path", EMPTY)
def test_what_is_not_here_is_listed_as_nothing(sandbox: RunningSandbox, path: str) -> None:
    answer = WEB.get(f"{sandbox.address}{path}", headers=AUTHORIZATION)

    assert (answer.status_code, answer.json()["data"]) == (200, [])
