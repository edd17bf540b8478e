"""The golden scenarios: numbers from the public test suites of Lago and Kill Bill."""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tiktoktoe.kernel.money import Money, from_minor, to_minor

PATH = Path(__file__).resolve().parents[2] / "shared" / "golden" / "billing.yaml"


@cache
def scenarios() -> dict[str, dict[str, Any]]:
    """All by their ids, for nobody to write into."""
    if not PATH.is_file():
        pytest.skip(f"the golden scenarios are not there: {PATH}")
    rows = yaml.load(PATH.read_text(), Loader=yaml.CSafeLoader)["scenarios"]
    return {row["id"]: row for row in rows}


def scenario(scenario_id: str) -> dict[str, Any]:
    """One scenario by its id; skips the test where the file is not there."""
    return deepcopy(scenarios()[scenario_id])


def cents(amount: int, currency: str = "EUR") -> Money:
    """Money of so many cents."""
    return from_minor(amount, currency)


def in_cents(money: Money) -> int:
    """So many cents."""
    return to_minor(money)
