"""The launcher's door: run, test, lint, reset, bench, demo-trace."""

import shutil
import sys
import tempfile
from pathlib import Path

from tiktoktoe.env import read_env_file
from tiktoktoe.launcher import places
from tiktoktoe.launcher.checks import lint, test
from tiktoktoe.launcher.console import Console, LauncherError
from tiktoktoe.launcher.run import run
from tiktoktoe.launcher.stack import SERVER_NAMES, Stack, interrupt_on_signals

INTERRUPTED = 130


def reset() -> None:
    """Forget all data.

    Raises:
        LauncherError: If it is running, or the folder cannot be removed.
    """
    base = places.data_dir()
    if not base.exists():
        return
    with places.take_lock(base, Console()):
        try:
            shutil.rmtree(base)
        except OSError as problem:
            raise LauncherError(f"{base} cannot be removed ({problem.strerror})") from None


def on_scratch_servers(*command: str) -> None:
    """Run a program of ours on servers of its own, which are thrown away after it.

    Servers that the environment names are left alone: they may hold somebody's books.

    Raises:
        LauncherError: If it fails.
    """
    interrupt_on_signals()
    base = Path(tempfile.mkdtemp(prefix="ttt-scratch-"))
    places.make_folders(base)
    stack = Stack(base, Console(), environment=dict.fromkeys(SERVER_NAMES, ""))
    try:
        stack.start_servers()
        with stack.console.step("tables"):
            stack.manage("migrate", "--no-input", "-v0")
        stack.python(*command, is_shown=True)
    finally:
        stack.stop()
        shutil.rmtree(base, ignore_errors=True)


def main(arguments: list[str]) -> int:
    """Do what the first word says; errors are one sentence and exit code 1."""
    word, *rest = arguments or ["run"]
    try:
        match word:
            case "run":
                read_env_file(places.ROOT / ".env")
                run()
            case "test":
                return test(rest)
            case "lint":
                return lint()
            case "reset":
                read_env_file(places.ROOT / ".env")
                reset()
            case "bench":
                on_scratch_servers("-m", "tests.benchmarks", *rest)
            case "demo-trace":
                on_scratch_servers("manage.py", "demo_trace", *rest)
            case _:
                print(f"TikTokToe: {word!r} is no command; see `make help`", file=sys.stderr)
                return 2
    except LauncherError as problem:
        print(f"TikTokToe: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
