"""Which Python the virtual environment is made with."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "tiktoktoe/launcher/quickest_python.py"


def python_in(folder: Path, says: str) -> Path:
    """A program named python3 that answers every question with these words."""
    folder.mkdir()
    program = folder / "python3"
    program.write_text(f"#!/bin/sh\n{says}\n")
    program.chmod(0o755)
    return program


def choose(*folders: Path, asked_for: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, SCRIPT, *filter(None, [asked_for])],
        env={"PATH": ":".join(map(str, folders))},
        capture_output=True,
        text=True,
        check=False,
    )


def test_one_that_is_clearly_quicker_is_taken_before_the_first(tmp_path: Path) -> None:
    python_in(tmp_path / "shims", "echo 3 11 0.040")
    quick = python_in(tmp_path / "system", "echo 3 11 0.030")

    assert choose(tmp_path / "shims", tmp_path / "system").stdout == f"{quick}\n"


def test_the_first_stays_when_the_others_are_hardly_quicker(tmp_path: Path) -> None:
    first = python_in(tmp_path / "first", "echo 3 12 0.040")
    python_in(tmp_path / "second", "echo 3 11 0.038")

    assert choose(tmp_path / "first", tmp_path / "second").stdout == f"{first}\n"


def test_a_moment_in_which_the_machine_is_busy_changes_nothing(tmp_path: Path) -> None:
    python_in(tmp_path / "slow", "echo 3 11 0.040")
    tried = tmp_path / "tried"
    quick = python_in(
        tmp_path / "quick",
        f"test -e {tried} && echo 3 11 0.028 || echo 3 11 0.090; : > {tried}",
    )

    assert choose(tmp_path / "slow", tmp_path / "quick").stdout == f"{quick}\n"


def test_too_old_ones_and_ones_without_venv_are_passed_over(tmp_path: Path) -> None:
    python_in(tmp_path / "old", "echo 3 10 0.010")
    python_in(tmp_path / "bare", "exit 1")
    fit = python_in(tmp_path / "fit", "echo 3 11 0.040")

    chosen = choose(tmp_path / "old", tmp_path / "bare", tmp_path / "nowhere", tmp_path / "fit")

    assert chosen.stdout == f"{fit}\n"


def test_the_one_that_was_asked_for_is_taken_or_refused(tmp_path: Path) -> None:
    python_in(tmp_path / "quick", "echo 3 13 0.010")
    asked_for = python_in(tmp_path / "asked", "echo 3 11 0.050")
    old = python_in(tmp_path / "old", "echo 3 9 0.010")

    taken = choose(tmp_path / "quick", asked_for=str(asked_for))
    refused = choose(tmp_path / "quick", asked_for=str(old))

    assert taken.stdout == f"{asked_for}\n"
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        f"TikTokToe needs Python 3.11 or newer with venv, and {old} is not."
        " Say which to use: make run PYTHON=python3.11\n"
    )


def test_none_at_all_is_one_clear_sentence(tmp_path: Path) -> None:
    refused = choose(tmp_path)

    assert refused.returncode == 1
    assert refused.stderr == (
        "TikTokToe needs Python 3.11 or newer with venv, and no python3 on the PATH is one."
        " Say which to use: make run PYTHON=python3.11\n"
    )
