"""`make run`: everything up, then watched until Ctrl-C."""

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tiktoktoe.demo.sign_ins import PASSWORD, SIGN_INS
from tiktoktoe.launcher import places
from tiktoktoe.launcher.console import Console
from tiktoktoe.launcher.due import fingerprint, once
from tiktoktoe.launcher.stack import Stack, interrupt_on_signals

SCHEMA_FILES = ("*/migrations/*.py", "tiktoktoe/*/migrations/*.py", "tiktoktoe/settings.py")
TASK_FILES = ("*/tasks.py", "tiktoktoe/web/management/commands/*.py")
STATIC_FILES = ("static/**/*", "tiktoktoe/web/*.py", "tiktoktoe/settings.py")
WEBHOOK_FILES = ("billing/webhooks.py", "billing/services/payments/stripe_setup.py")
DEMO_BEGUN = "demo-begun"
DEMO_DONE = "demo-done"


def run() -> None:
    """Start all, say where to sign in, and keep watch; stop all at the end, however it comes.

    Raises:
        LauncherError: If something cannot start, or a program ends by itself.
    """
    console = Console()
    console.say("Starting TikTokToe")
    keep_running(places.data_dir(), console, start_everything)


def keep_running(base: Path, console: Console, start: Callable[[Stack], str]) -> None:
    """Hold the data folder, start what is asked, and watch it until a signal comes.

    Args:
        start: Starts programs of the stack, and gives the address to tell others.

    Raises:
        LauncherError: If something cannot start, or a program ends by itself.
    """
    places.make_folders(base)
    with places.take_lock(base, console) as lock:
        interrupt_on_signals()
        forget_half_a_demo(base, console)
        places.secret_key(base)
        stack = Stack(base, console, lock=lock.fileno())
        try:
            places.write_lock(lock, start(stack))
            while True:
                stack.children.check()
                time.sleep(0.3)
        except KeyboardInterrupt:
            console.say("\nStopping")
        finally:
            stack.stop()


def start_everything(stack: Stack) -> str:
    """All servers and programs, with tables, static files and a company to look at."""
    port = stack.port("PORT", 8000)
    address = f"http://127.0.0.1:{port}"
    stack.env["BASE_URL"] = stack.env.get("BASE_URL") or address
    stack.start_servers()
    prepare(stack)
    stack.start_bank()
    stack.start_wallet()
    with ThreadPoolExecutor(1) as beside:
        webhook = beside.submit(register_webhook, stack) if stack.has_own_stripe else None
        stack.start_application(port)
        if webhook is not None:
            webhook.result()
    say_ready(stack, address)
    return address


def prepare(stack: Stack) -> None:
    """Tables, schedules, static files and the demo company, each only when it is due.

    The demo company waits for tables and schedules alone: static files are made beside it.
    """
    with ThreadPoolExecutor(1) as beside:
        static = beside.submit(
            once, stack.base, "static", fingerprint(*STATIC_FILES), collect(stack)
        )
        bring_up(stack)
        make_demo(stack)
        static.result()


def bring_up(stack: Stack) -> None:
    """Bring the database up to date; somebody else's, always."""

    def work() -> None:
        with stack.console.step("tables and schedules"):
            stack.python("-m", "tiktoktoe.launcher.bringing_up")

    if stack.has_own_database:
        once(stack.base, "tables", fingerprint(*SCHEMA_FILES, *TASK_FILES), work)
    else:
        work()


def collect(stack: Stack) -> Callable[[], None]:
    """Brings the static files together."""

    def work() -> None:
        with stack.console.step("static files"):
            stack.manage("collectstatic", "--no-input", "--clear", "-v0", "--skip-checks")

    return work


def wants_demo(stack: Stack) -> bool:
    """Whether there is to be a demo company.

    It pays in the sandbox, so there is none with a Stripe of the environment. A database of
    the environment gets one, with its published passwords, only when DEMO asks for it.
    """
    is_asked = stack.has_own_database or bool(stack.env.get("DEMO"))
    return is_asked and stack.has_own_stripe and not stack.env.get("NO_DEMO")


def make_demo(stack: Stack) -> None:
    """Make the demo company where there is none; one cut short is made anew at the next start."""
    marks = stack.base / "marks"
    if not wants_demo(stack) or (stack.has_own_database and (marks / DEMO_DONE).exists()):
        return
    if stack.has_own_database:
        (marks / DEMO_BEGUN).touch()
    with stack.console.step("demo company"):
        stack.manage("seed_demo", "--if-empty", "--skip-checks", is_shown=True)
    if stack.has_own_database:
        (marks / DEMO_BEGUN).replace(marks / DEMO_DONE)


def forget_half_a_demo(base: Path, console: Console) -> None:
    """Clear a data folder whose demo company was cut short: nobody has worked in it yet."""
    if (base / "marks" / DEMO_BEGUN).exists():
        console.say("  the demo company was cut short, so it is made anew")
        for name in ("postgres", "valkey", "sandbox", "adyen", "paypal", "marks"):
            shutil.rmtree(base / name, ignore_errors=name in {"adyen", "paypal"})
        places.make_folders(base)


def register_webhook(stack: Stack) -> None:
    """Tell the sandbox where our webhook is, when it has not heard of this address."""

    def work() -> None:
        with stack.console.step("webhook endpoint"):
            stack.manage("setup_stripe", "--skip-checks")

    names = ("BASE_URL", "STRIPE_API_HOST", "DATABASE_URL")
    wanted = [stack.env.get(name, "") for name in names]
    once(stack.base, "webhook", " ".join([*wanted, fingerprint(*WEBHOOK_FILES)]), work)


def say_ready(stack: Stack, address: str) -> None:
    """The address, and who can sign in."""
    say = stack.console.say
    say(f"\nReady after {stack.console.elapsed:.0f} s:  {address}\n")
    if wants_demo(stack):
        for role, email in SIGN_INS.items():
            say(f"  {role:<9} {email:<30} {PASSWORD}")
    else:
        say("  no demo company here; `manage.py createsuperuser` makes the first who can sign in")
    say("\nCtrl-C stops everything; the data stay. `make reset` starts afresh.")
