"""Numbers of the public test suites of Lago and Kill Bill, played through our own services."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.golden import scenarios
from tiktoktoe.simulator.playing import check
from tiktoktoe.simulator.scenario.timeline import read_scenarios

FOLDER = Path(__file__).resolve().parents[1] / "golden"
FILES = sorted(FOLDER.glob("*.yaml"))
OTHERS = sorted(FOLDER.glob("*/*.yaml"))  # more of the same suites, several scenarios a file
# What a scenario waits for; strict: one that comes out right must be taken off this list.
WAITING: dict[str, str] = {}
ASIDE = {"notes", "source", "title", "arithmetic", "tax_rate"}
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def cases() -> Iterator[Any]:
    for path in [*FILES, *OTHERS]:
        texts = path.read_text(encoding="utf-8").split("\n---\n")
        whole = path.relative_to(FOLDER).with_suffix("").as_posix()
        for number, text in enumerate(texts, start=1):
            name = f"{whole}-{number}" if len(texts) > 1 else whole
            reason = WAITING.get(name) or WAITING.get(whole)
            marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
            yield pytest.param(text, id=name, marks=marks)


@pytest.mark.django_db
@pytest.mark.parametrize("text", list(cases()))
def test_the_golden_scenario_comes_out_as_in_its_source(text: str) -> None:
    (scenario,) = read_scenarios(text)

    assert [str(difference) for difference in check(scenario)] == []


def numbers(value: object) -> Iterator[str]:
    """Every number in something, without its sign and its zeros at the end."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from numbers(str(key))
            yield from numbers(item)
    elif isinstance(value, list):
        for item in value:
            yield from numbers(item)
    else:
        for found in NUMBER.findall(str(value)):
            bare = found.lstrip("-").lstrip("0") or "0"
            yield bare.rstrip("0").rstrip(".") if "." in bare else bare


def test_every_golden_scenario_is_here() -> None:
    assert [path.stem for path in FILES] == sorted(scenarios())


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_no_number_is_another_than_in_the_source(path: Path) -> None:
    row = scenarios()[path.stem]
    text = path.read_text(encoding="utf-8")
    (first, *_) = text.split("\n---\n")
    source = yaml.safe_load(first)["source"]
    facts = {key: item for key, item in row.items() if key not in ASIDE}

    assert source["repo"] == row["source"]["repo"]
    assert source["file"] == row["source"]["file"]
    assert str(source["lines"]) == str(row["source"]["lines"])
    missing = Counter(numbers(facts)).keys() - set(numbers(text))
    assert missing == set()
