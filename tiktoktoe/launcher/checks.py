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
from tiktoktoe.launcher.chromium import need_chromium
from tiktoktoe.launcher.console import Console
from tiktoktoe.launcher.stack import STRIPE_NAMES, Stack, interrupt_on_signals

BIN = Path(sys.executable).parent
FAILURE_CHARACTERS = 8_000
WORKERS = 3  # for two cores: now and then each waits for PostgreSQL, Chromium or a stand-in


@dataclass(frozen=True)
class Check:
    """A command that must succeed."""

    name: str
    command: Sequence[str | Path]


@dataclass(frozen=True)
class Result:
    """How a check went."""

    name: str
    seconds: float
    output: str
    is_ok: bool

    def __str__(self) -> str:
        return f"  {'✓' if self.is_ok else '✗'} {self.name:<45} {self.seconds:6.1f} s"


# A cache for the next run takes a quarter of the time of the first; in CI none comes.
UNCACHED = ("--cache-dir", os.devnull) if os.environ.get("CI") else ()
TYPES = Check("types", (BIN / "mypy", *UNCACHED, "."))
OTHER_STATIC_CHECKS = (
    Check("format", (BIN / "ruff", "format", "--check", ".")),
    Check("lint", (BIN / "ruff", "check", ".")),
    Check("import direction", (BIN / "lint-imports",)),
    Check(
        "template indent",
        (BIN / "djhtml", "--tabwidth", "4", "--check", places.ROOT / "templates"),
    ),
    Check("template lint", (BIN / "djlint", "--lint", "templates")),
)
STATIC_CHECKS = (TYPES, *OTHER_STATIC_CHECKS)  # the longest begins first
DJANGO_CHECKS = (
    # What each worker would do for itself at the same time: compile the tests, migrate.
    Check("tests are found", (sys.executable, "-m", "pytest", "--collect-only", "-q")),
    Check(
        "system check, no missing migration, databases",
        (sys.executable, "-m", "tests.before_workers", str(WORKERS)),
    ),
)


def lint() -> int:
    """The static checks alone; gives the exit code."""
    interrupt_on_signals()
    results = run_all(Console(), STATIC_CHECKS, os.environ)
    return report(Console(), results)


def test(arguments: Sequence[str]) -> int:
    """Every check and every test; gives the exit code.

    The last line is pytest's own closing line.
    """
    console = Console()
    interrupt_on_signals()
    need_chromium(console)
    base = Path(tempfile.mkdtemp(prefix="ttt-test-"))
    places.make_folders(base)
    environment = {**dict.fromkeys(STRIPE_NAMES, ""), "DATABASE_ROLE": ""}
    stack = Stack(base, console, lossy=True, environment=environment)
    stack.env["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    try:
        stack.start_servers(with_sandbox=False)
        with ThreadPoolExecutor(1) as beside:  # no core waits until the longest check has ended
            types = beside.submit(run_all, console, [TYPES], stack.env)
            results = run_all(console, [*OTHER_STATIC_CHECKS, *DJANGO_CHECKS], stack.env)
            tests = run_tests(console, arguments, stack.env)
            results = [*types.result(), *results]
    finally:
        stack.stop()
        shutil.rmtree(base, ignore_errors=True)
    console.say(f"\nAll checks, {console.elapsed:.0f} s")
    code = report(console, [*results, tests])
    console.say(tests.output)
    return code


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
        result = Result(check.name, seconds, done.stdout + done.stderr, done.returncode == 0)
        console.say(str(result))
        return result

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(run_one, checks))


def run_tests(console: Console, arguments: Sequence[str], env: Mapping[str, str]) -> Result:
    """Run pytest on both cores, showing what it prints; the output kept is its closing line."""
    started = time.monotonic()
    options = ["-q", f"-n{WORKERS}", "--dist=worksteal"]
    command = [sys.executable, "-m", "pytest", *options, *arguments]
    closing = ""
    with subprocess.Popen(
        command,
        env=dict(env),
        cwd=places.ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as tests:
        assert tests.stdout is not None
        for line in tests.stdout:
            console.say(line, end="")
            closing = line.strip() or closing
    is_ok = tests.returncode == 0
    return Result("tests", time.monotonic() - started, closing, is_ok)


def report(console: Console, results: Sequence[Result]) -> int:
    """Show all, and of what failed what it said; gives the exit code."""
    failed = [result for result in results if not result.is_ok]
    for result in failed:
        if result.name != "tests":
            console.say(f"\n── {result.name} ──\n{result.output[-FAILURE_CHARACTERS:]}")
    for result in results:
        console.say(str(result))
    if failed:
        console.say("Failed: " + ", ".join(result.name for result in failed))
    return 1 if failed else 0
