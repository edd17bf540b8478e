"""The launcher's child processes: each dies with it, however it ends."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tiktoktoe.launcher.console import Console, LauncherError

PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec a child may do next to nothing.
LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program to start: how it is told to stop, and how long it may take to."""

    name: str
    command: Sequence[str | Path]
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 15


class Children:
    """Programs that run until the launcher ends; stopped in the opposite order.

    Each inherits the lock of the data folder, so that it is free when the last has ended.
    """

    def __init__(self, log_dir: Path, console: Console, lock: int | None = None) -> None:
        self._log_dir = log_dir
        self._console = console
        self._inherited = () if lock is None else (lock,)
        self._running: list[tuple[Program, subprocess.Popen[bytes]]] = []

    def start(self, program: Program, env: Mapping[str, str], cwd: Path) -> None:
        """Start a program; what it prints goes to a file of its name.

        Call this from the main thread: Linux counts a thread's end as its children's loss.
        """
        path = self.log(program.name)
        if path.exists():
            path.replace(path.with_suffix(".before.log"))
        with path.open("wb") as log:
            process = subprocess.Popen(
                [str(part) for part in program.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
                pass_fds=self._inherited,
                preexec_fn=die_with_parent(program.stop_signal),  # noqa: PLW1509 - only prctl
            )
        self._running.append((program, process))

    def names(self) -> list[str]:
        """What was started, in that order."""
        return [program.name for program, _ in self._running]

    def log(self, name: str) -> Path:
        """Where a program's output goes."""
        return self._log_dir / f"{name}.log"

    def wait_for(self, name: str, is_ready: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until something is ready.

        Raises:
            LauncherError: If a program ended meanwhile, or the time is up.
        """
        deadline = time.monotonic() + seconds
        while not is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise LauncherError(f"{name} was not ready in {seconds:.0f} s; {self._end(name)}")
            time.sleep(0.05)

    def check(self) -> None:
        """Notice a program that has ended by itself.

        Raises:
            LauncherError: With its name and the end of its log.
        """
        for program, process in self._running:
            if process.poll() is not None:
                raise LauncherError(
                    f"{program.name} ended with {process.returncode}; {self._end(program.name)}"
                )

    def stop(self) -> None:
        """Stop all, the last started first; one that does not stop in time is killed."""
        while self._running:
            program, process = self._running.pop()
            if process.poll() is None:
                process.send_signal(program.stop_signal)
                try:
                    process.wait(program.stop_seconds)
                except subprocess.TimeoutExpired:
                    self._console.say(f"  {program.name} did not stop in time and was killed")
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _end(self, name: str) -> str:
        path = self.log(name)
        lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
        return f"the end of {path} says\n    " + "\n    ".join(lines[-5:] or ["(nothing)"])


def die_with_parent(stop_signal: signal.Signals) -> Callable[[], None]:
    """Ask Linux to send the child a signal when its parent dies; elsewhere do nothing."""
    parent = os.getpid()

    def prepare() -> None:
        if hasattr(LIBC, "prctl"):
            LIBC.prctl(PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)
            if os.getppid() != parent:  # it died before it could be asked
                os._exit(1)

    return prepare
