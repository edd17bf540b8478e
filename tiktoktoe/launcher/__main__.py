"""The launcher's door: run, test, lint, reset, bench, demo-trace."""

import shutil
import sys
import tempfile
from pathlib import Path

from tiktoktoe.launcher import places
from tiktoktoe.launcher.checks import lint, test
from tiktoktoe.launcher.console import Console, LauncherError
from tiktoktoe.launcher.run import run
from tiktoktoe.launcher.stack import Stack, interrupt_on_signals


def reset() -> None:
    """Forget all data.

    Raises:
        LauncherError: If it is running.
    """
    base = places.data_dir()
    if not base.exists():
        return
    with places.take_lock(base):
        shutil.rmtree(base)


def on_scratch_servers(command: str, arguments: list[str]) -> None:
    """Run a management command on servers of its own, which are thrown away after it.

    Raises:
        LauncherError: If it fails.
    """
    interrupt_on_signals()
    base = Path(tempfile.mkdtemp(prefix="ttt-scratch-"))
    places.make_folders(base)
    stack = Stack(base, Console())
    try:
        stack.start_database()
        stack.start_broker()
        stack.start_sandbox()
        with stack.console.step("tables"):
            stack.manage("migrate", "--no-input", "-v0")
        stack.manage(command, *arguments, is_shown=True)
    except KeyboardInterrupt:
        raise LauncherError("interrupted") from None
    finally:
        stack.stop()
        shutil.rmtree(base, ignore_errors=True)


def main(arguments: list[str]) -> int:
    """Do what the first word says; errors are one sentence and exit code 1."""
    word, *rest = arguments or ["run"]
    try:
        match word:
            case "run":
                run()
            case "test":
                test(rest)
            case "lint":
                lint()
            case "reset":
                reset()
            case "bench":
                on_scratch_servers("bench", rest)
            case "demo-trace":
                on_scratch_servers("demo_trace", rest)
            case _:
                print(f"TikTokToe: {word!r} is no command; see `make help`", file=sys.stderr)
                return 2
    except LauncherError as problem:
        print(f"TikTokToe: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
