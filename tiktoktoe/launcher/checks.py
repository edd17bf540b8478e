"""`make test` and `make lint`: every check, on servers of their own."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tiktoktoe.launcher import places
from tiktoktoe.launcher.console import Console, LauncherError
from tiktoktoe.launcher.stack import Stack, interrupt_on_signals

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Check:
    """A command that must succeed."""

    name: str
    command: Sequence[str]


@dataclass(frozen=True)
class Result:
    """How a check went."""

    name: str
    seconds: float
    output: str
    is_ok: bool


STATIC_CHECKS = (
    Check("format", (str(BIN / "ruff"), "format", "--check", ".")),
    Check("lint", (str(BIN / "ruff"), "check", ".")),
    Check("import direction", (str(BIN / "lint-imports"),)),
    Check(
        "template indent",
        ("sh", "-c", f"find templates -name '*.html' | xargs {BIN}/djhtml --tabwidth 4 --check"),
    ),
    Check("template lint", (str(BIN / "djlint"), "--lint", "templates")),
    Check("types", (str(BIN / "mypy"), ".")),
)
DJANGO_CHECKS = (
    Check("system check", (sys.executable, "manage.py", "check", "--fail-level", "ERROR")),
    Check(
        "no missing migration",
        (sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"),
    ),
)


def lint() -> None:
    """The static checks alone.

    Raises:
        LauncherError: If one fails.
    """
    console = Console()
    judge(console, run_all(console, STATIC_CHECKS, os.environ))


def test(arguments: Sequence[str]) -> None:
    """Every check and every test.

    Raises:
        LauncherError: If one fails.
    """
    console = Console()
    interrupt_on_signals()
    need_chromium(console)
    base = Path(tempfile.mkdtemp(prefix="ttt-test-"))
    places.make_folders(base)
    stack = Stack(base, console, lossy=True)
    stack.env["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    try:
        stack.start_database()
        stack.start_broker()
        results = run_all(console, [*STATIC_CHECKS, *DJANGO_CHECKS], stack.env)
        console.say("  pytest")
        tests = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadscope", *arguments],
            env=stack.env,
            cwd=places.ROOT,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        judge(console, results)
        if tests.returncode != 0:
            raise LauncherError("tests failed")
    except KeyboardInterrupt:
        raise LauncherError("interrupted") from None
    finally:
        stack.stop()
        shutil.rmtree(base, ignore_errors=True)


def run_all(console: Console, checks: Sequence[Check], env: Mapping[str, str]) -> list[Result]:
    """Run checks two at a time, and say of each how it went."""

    def run_one(check: Check) -> Result:
        started = time.monotonic()
        done = subprocess.run(
            check.command,
            env=dict(env),
            cwd=places.ROOT,
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        seconds = time.monotonic() - started
        mark = "✓" if done.returncode == 0 else "✗"
        console.say(f"  {mark} {check.name:<44} {seconds:6.1f} s")
        return Result(check.name, seconds, done.stdout + done.stderr, done.returncode == 0)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(run_one, sorted(checks, key=lambda c: c.name != "types")))


def judge(console: Console, results: Sequence[Result]) -> None:
    """Show what failed.

    Raises:
        LauncherError: If anything did.
    """
    failed = [result for result in results if not result.is_ok]
    for result in failed:
        console.say(f"\n── {result.name} ──\n{result.output[-6000:]}")
    if failed:
        raise LauncherError("failed: " + ", ".join(result.name for result in failed))


def need_chromium(console: Console) -> None:
    """Use the Chromium that is there; install it where we may; else say what will be skipped."""
    asked = os.environ.get("CHROMIUM")
    if (asked and shutil.which(asked)) or any(shutil.which(name) for name in CHROMIUM_NAMES):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        with console.step("Chromium, for the browser tests"):
            env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            for command in (
                ("apt-get", "update", "-qq"),
                ("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"),
            ):
                subprocess.run(command, env=env, check=False, capture_output=True)
    if not any(shutil.which(name) for name in CHROMIUM_NAMES):
        console.say("  browser tests are skipped: install chromium, or set CHROMIUM=/path/to/it")
