"""`make test` fails when any check does, and says what that one said."""

import os
import sys

import pytest

from tiktoktoe.launcher.checks import Check, Result, report, run_all, run_tests
from tiktoktoe.launcher.console import Console


def python(name: str, code: str) -> Check:
    """A check that is a piece of Python."""
    return Check(name, (sys.executable, "-c", code))


def test_every_check_runs_although_the_first_fails(capsys: pytest.CaptureFixture[str]) -> None:
    checks = [python("bad", "import sys; sys.exit('it is bad')"), python("good", "print('fine')")]

    results = run_all(Console(), checks, os.environ)

    assert [(result.name, result.is_ok) for result in results] == [("bad", False), ("good", True)]
    assert "✗ bad" in capsys.readouterr().out


def test_one_failure_fails_the_whole_and_shows_what_it_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    results = [Result("bad", 1.0, "it is bad\n", is_ok=False), Result("good", 2.0, "fine", True)]

    assert report(Console(), results) == 1

    said = capsys.readouterr().out
    assert "it is bad" in said
    assert "fine" not in said
    assert said.endswith("Failed: bad\n")


def test_all_good_is_exit_code_zero() -> None:
    assert report(Console(), [Result("good", 2.0, "fine", is_ok=True)]) == 0


def test_the_output_kept_of_pytest_is_its_closing_line() -> None:
    result = run_tests(
        Console(), ["-p", "no:django", "--noconftest", "--no-such-option"], os.environ
    )

    assert not result.is_ok
    assert result.output != ""
