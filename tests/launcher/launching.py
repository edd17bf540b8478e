"""Launchers started by tests, and what is left of them."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tiktoktoe.launcher.places import ROOT
from tiktoktoe.launcher.stack import SERVER_NAMES

WHOLE = ("-m", "tiktoktoe.launcher", "run")
SERVERS_ONLY = ("-m", "tests.launcher.servers_only")
UNWANTED = {*SERVER_NAMES, "PORT", "SANDBOX_PORT", "DJANGO_SETTINGS_MODULE", "BASE_URL"}


def environment(data: Path, **changes: str) -> dict[str, str]:
    """What a newcomer's launcher is told: where the data are, and nothing about servers."""
    own = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    return {**own, "TTT_DATA": str(data), "NO_DEMO": "1", **changes}


def run_to_end(arguments: tuple[str, ...], **env: str) -> subprocess.CompletedProcess[str]:
    """Start a launcher that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@contextmanager
def launcher(
    arguments: tuple[str, ...], data: Path, **changes: str
) -> Iterator[subprocess.Popen[str]]:
    """A launcher that has said that it is ready; ended at the latest with the test."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment(data, **changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if line.startswith("Ready"):
                    break
            else:
                raise AssertionError("".join(said))
            yield process
        finally:
            process.terminate()


def left_over(data: Path) -> list[str]:
    """The commands of programs that were told of a data folder, or work in it."""
    mark = b"TTT_DATA=" + os.fsencode(data)
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            is_told = mark in (folder / "environ").read_bytes().split(b"\0")
            if is_told or (folder / "cwd").readlink().is_relative_to(data):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def wait_until_gone(data: Path, seconds: float = 20) -> list[str]:
    """What is left of a launcher's programs after they had time to end."""
    deadline = time.monotonic() + seconds
    while (found := left_over(data)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found
