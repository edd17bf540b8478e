"""`make run`: everything up, then watched until Ctrl-C."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tiktoktoe.launcher import places
from tiktoktoe.launcher.console import Console
from tiktoktoe.launcher.stack import (
    Stack,
    environment_of_file,
    fingerprint,
    interrupt_on_signals,
)

SCHEMA_FILES = ("*/migrations/*.py", "tiktoktoe/*/migrations/*.py", "tiktoktoe/settings.py")
STATIC_FILES = ("static/**/*", "tiktoktoe/web/*.py", "tiktoktoe/settings.py")
SIGN_INS = (
    ("finance", "finance@tiktoktoe.example"),
    ("support", "support@tiktoktoe.example"),
    ("customer", "customer@tiktoktoe.example"),
)
DEMO_PASSWORD = "three in a row"  # noqa: S105 - printed on purpose, for the demo company


def run() -> None:
    """Start all, say where to sign in, and keep watch; stop all at the end, however it comes.

    Raises:
        LauncherError: If something cannot start, or a program ends by itself.
    """
    environment_of_file()
    console = Console()
    base = places.data_dir()
    places.make_folders(base)
    lock = places.take_lock(base)
    interrupt_on_signals()
    places.secret_key(base)
    stack = Stack(base, console)
    console.say("Starting TikTokToe")
    try:
        port = stack.port("PORT", 8000)
        address = f"http://127.0.0.1:{port}"
        stack.env.setdefault("BASE_URL", address)
        stack.start_database()
        stack.start_broker()
        stack.start_sandbox()
        prepare(stack, base)
        stack.start_application(port)
        with console.step("webhook endpoint"):
            stack.manage("setup_stripe")
        places.write_lock(lock, address)
        say_ready(console, address)
        while True:
            stack.children.check()
            time.sleep(0.5)
    except KeyboardInterrupt:
        console.say("\nStopping")
    finally:
        stack.stop()


def prepare(stack: Stack, base: Path) -> None:
    """Tables, static files, schedules and the demo company, each only when it is due."""
    static = threading.Thread(target=once, args=(stack, base, "static", STATIC_FILES, collect))
    static.start()
    once(stack, base, "schema", SCHEMA_FILES, migrate)
    static.join()
    if not (base / "demo.done").exists() and not stack.env.get("NO_DEMO"):
        stack.console.say("  making the demo company")
        stack.manage("seed_demo", "--if-empty", is_shown=True)
        (base / "demo.done").touch()


def once(
    stack: Stack, base: Path, name: str, patterns: tuple[str, ...], work: Callable[[Stack], None]
) -> None:
    """Do a piece of work unless it was done for the same files and database."""
    mark = base / f"{name}.done"
    wanted = f"{fingerprint(*patterns)} {os.environ.get('DATABASE_URL', '')}"
    if mark.exists() and mark.read_text() == wanted:
        return
    work(stack)
    mark.write_text(wanted)


def migrate(stack: Stack) -> None:
    """Bring the tables up to date."""
    with stack.console.step("tables"):
        stack.manage("migrate", "--no-input", "-v0")
        stack.manage("setup_schedules")


def collect(stack: Stack) -> None:
    """Bring the static files together."""
    with stack.console.step("static files"):
        stack.manage("collectstatic", "--no-input", "--clear", "-v0")


def say_ready(console: Console, address: str) -> None:
    """The address, and who can sign in."""
    console.say(f"\nReady after {console.elapsed:.0f} s:  {address}\n")
    for role, email in SIGN_INS:
        console.say(f"  {role:<9} {email:<30} {DEMO_PASSWORD}")
    console.say("\nCtrl-C stops everything; the data stay. `make reset` starts afresh.")
