"""The example of a .env file lists what can be set, and nothing that cannot."""

import os
import re
from math import prod
from pathlib import Path

import pytest

from tiktoktoe.env import read_env_file
from tiktoktoe.launcher.places import ROOT

READ_BY_SETTINGS = re.compile(r'env_(?:str|bool|int|list|secret)\(\s*"([A-Z_]+)"')
READ_BY_LAUNCHER = {
    "PORT",
    "SANDBOX_PORT",
    "ADYEN_PORT",
    "BANK_PORT",
    "PAYPAL_PORT",
    "NO_DEMO",
    "DEMO",
    "CHROMIUM",
}
ACCOUNTS = re.compile(r'env_accounts\(\s*"(\w+)".*?\*\(([^)]*)\)', re.DOTALL)
LISTED = re.compile(r"^# ([A-Z_]+)=", re.MULTILINE)


def test_each_variable_is_listed_once() -> None:
    settings = (ROOT / "tiktoktoe" / "settings.py").read_text(encoding="utf-8")
    of_accounts = {
        f"{kind.upper()}_{field}"
        for kind, fields in ACCOUNTS.findall(settings)
        for field in re.findall(r"[A-Z_]+", fields)
    }
    listed = LISTED.findall((ROOT / ".env.example").read_text(encoding="utf-8"))

    assert sorted(listed) == sorted(
        {*READ_BY_SETTINGS.findall(settings), *of_accounts, *READ_BY_LAUNCHER, *_of_live_suite()}
    )


def _of_live_suite() -> set[str]:
    """What tests/live/ asks the environment for."""
    suite = (ROOT / "tests" / "live" / "test_gateways.py").read_text(encoding="utf-8")
    asked = re.findall(r"parts = \(([^)]*)\)\n.*TTT_LIVE_([A-Z]+)_", suite)
    assert [gateway for _, gateway in asked] == ["ADYEN", "PAYPAL"]
    return {"TTT_LIVE_STRIPE_KEY"} | {
        f"TTT_LIVE_{gateway}_{part}"
        for parts, gateway in asked
        for part in re.findall(r'"([A-Z_]+)"', parts)
    }


def test_the_example_as_it_is_changes_nothing() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if line and not line.startswith("#")] == []


def test_the_readme_lists_the_same_defaults() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `([A-Z_]+)` \| (?:`(.*?)`|–) \|", readme, re.MULTILINE))
    shown = {
        name: rest.split(" #", 1)[0].strip()
        for name, rest in re.findall(r"^# ([A-Z_]+)=(.*)$", example, re.MULTILINE)
    }

    assert told == {name: value for name, value in shown.items() if "TTT_LIVE" not in name}


def test_the_defaults_that_are_listed_are_those_of_the_code() -> None:
    settings = (ROOT / "tiktoktoe" / "settings.py").read_text(encoding="utf-8")
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^# ([A-Z_]+)=(.*?)(?: +#.*)?$", example, re.MULTILINE))
    numbers = re.findall(r'env_int\(\s*"([A-Z_]+)", ([\d_ *]+)\)', settings)
    texts = re.findall(r'env_str\(\s*"([A-Z_]+)", "([^"]+)"\)', settings)

    assert len(numbers) >= 20
    for name, value in numbers:
        assert int(shown[name]) == prod(int(part) for part in value.split("*"))
    for name, value in texts:
        assert shown[name] in {value, ""}  # empty: what `make run` starts


def test_a_line_without_its_mark_sets_the_value_and_not_the_comment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", {"SET_BEFORE": "kept"})
    file = tmp_path / ".env"
    file.write_text("PORT=8000   # this one or none\nSET_BEFORE=lost\n# NO_DEMO=1\nNAME='A B'\n")

    read_env_file(file)

    assert os.environ == {"SET_BEFORE": "kept", "PORT": "8000", "NAME": "A B"}
