"""The launcher's door: run, test, lint, reset, bench, demo-trace, payment-drill."""

import os
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
SHORT_TIMEOUTS = {"STRIPE_TIMEOUT_SECONDS": "2", "GATEWAY_TIMEOUT_SECONDS": "2"}


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


def gateway_names() -> list[str]:
    """The variables of our environment, or of its file, that speak of further gateways."""
    read_env_file(places.ROOT / ".env")
    accounts = ("ADYEN", "PAYPAL", "BANK", "NACHA")
    listed = {one for name in accounts for one in os.environ.get(f"{name}_ACCOUNTS", "").split(",")}
    prefixes = {*accounts, *(one.strip().upper() for one in listed if one.strip())}
    return [name for name in os.environ if name.startswith(tuple(f"{one}_" for one in prefixes))]


def on_scratch_servers(*command: str, with_wallet: bool = False, **environment: str) -> None:
    """Run a program of ours on servers of its own, which are thrown away after it.

    Servers that the environment names are left alone: they may hold somebody's books. So are
    its gateways: they may move somebody's money.

    Args:
        with_wallet: Whether PayPal's sandbox is started, too.
        environment: What else to set for the programs.

    Raises:
        LauncherError: If it fails.
    """
    interrupt_on_signals()
    base = Path(tempfile.mkdtemp(prefix="ttt-scratch-"))
    places.make_folders(base)
    blanked = {**dict.fromkeys((*SERVER_NAMES, "BASE_URL", *gateway_names()), ""), **environment}
    stack = Stack(base, Console(), environment=blanked)
    try:
        stack.start_servers()
        if with_wallet:
            stack.start_wallet()
        with stack.console.step("tables"):
            stack.manage("migrate", "--no-input", "-v0", "--skip-checks")
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
            case "payment-drill":
                drill = ("manage.py", "payment_drill", *rest)
                on_scratch_servers(*drill, with_wallet=True, **SHORT_TIMEOUTS)
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
