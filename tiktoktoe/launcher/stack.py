"""The whole product as a set of programs: which are ours to start, and with what settings."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

import psycopg

from tiktoktoe.launcher import places
from tiktoktoe.launcher.children import Children, Program, die_with_parent
from tiktoktoe.launcher.console import Console, LauncherError
from tiktoktoe.launcher.servers import Postgres, Valkey

APP_ROLE = "tiktoktoe_app"
STRIPE_NAMES = tuple(
    f"STRIPE_{end}" for end in ("API_HOST", "LIVE_MODE", "TEST_SECRET_KEY", "LIVE_SECRET_KEY")
)
SERVER_NAMES = ("DATABASE_URL", "DATABASE_ROLE", "CELERY_BROKER_URL", *STRIPE_NAMES)
# Any test key will do for the sandbox; its notifications are signed with a key of its own.
# The account of mock-bank's own company, with a short notice so that something is to be seen.
BANK = {
    "BANK_IBAN": "NL41MOCK0000000001",
    "BANK_HOLDER": "Noughts & Crosses GmbH",
    "BANK_BIC": "MOCKNL2A",
    "BANK_CREDITOR_ID": "DE98ZZZ09999999999",
    "BANK_NOTICE_DAYS": "1",
}
ADYEN = {
    "ADYEN_API_KEY": "AQE" + "sandbox0" * 4,
    "ADYEN_MERCHANT_ACCOUNT": "Sandbox",
    "ADYEN_HMAC_KEY": "5a" * 32,
}
PAYPAL = {
    "PAYPAL_CLIENT_ID": "sandbox-client",
    "PAYPAL_SECRET": "sandbox-secret-of-nobody",
    "PAYPAL_WEBHOOK_ID": "WHSANDBOX",
}
Wait = tuple[str, Callable[[], None]]
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stack:
    """PostgreSQL, Valkey, sandbox, web, worker and beat; those the environment names are used."""

    def __init__(
        self,
        base: Path,
        console: Console,
        *,
        lock: int | None = None,
        lossy: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Nothing is started yet.

        Args:
            base: The data folder.
            lock: The open file that holds it, for the programs to inherit.
            lossy: Whether the database may lose everything when the machine fails.
            environment: What to set for the programs, beside what we were given.
        """
        self.base = base
        self.console = console
        self.lossy = lossy
        self.ports: dict[str, int] = {}  # by the variable that asks for each
        self.sockets = places.socket_folder(base)
        self.children = Children(base / "log", console, lock)
        self.env = {
            **os.environ,
            **(environment or {}),
            "TTT_DATA": str(base),
            "DJANGO_SETTINGS_MODULE": "tiktoktoe.settings",
            "PYTHONUNBUFFERED": "1",
        }
        self.has_own_database = not self.env.get("DATABASE_URL")
        self.has_own_broker = not self.env.get("CELERY_BROKER_URL")
        self.has_own_stripe = not any(self.env.get(name) for name in STRIPE_NAMES)
        self.has_own_bank = self.has_own_stripe and not self.env.get("BANK_IBAN")
        self.has_own_adyen = self.has_own_stripe and not self.env.get("ADYEN_API_KEY")
        self.has_own_paypal = self.has_own_stripe and not self.env.get("PAYPAL_CLIENT_ID")

    def start_servers(self, *, with_sandbox: bool = True) -> None:
        """PostgreSQL, Valkey and the payment sandbox, except those that the environment names."""
        waits = [self._database(), self._broker()]
        if with_sandbox:
            waits += [self._sandbox(), self._adyen()]
        for name, wait in filter(None, waits):
            with self.console.step(name):
                wait()

    def _database(self) -> Wait | None:
        if not self.has_own_database:
            self.console.say("  using the PostgreSQL of DATABASE_URL")
            return None
        postgres = Postgres(self.base / "postgres", self.sockets, self.lossy)
        if not (postgres.data_dir / "PG_VERSION").exists():
            with self.console.step("making a PostgreSQL 18 cluster"):
                postgres.prepare()
        else:
            postgres.prepare()
        postgres.launch(self.children)
        self.env["DATABASE_URL"] = postgres.url()
        return "PostgreSQL 18", lambda: postgres.await_ready(self.children)

    def _broker(self) -> Wait | None:
        if not self.has_own_broker:
            self.console.say("  using the Redis of CELERY_BROKER_URL")
            return None
        valkey = Valkey(self.base / "valkey", self.sockets)
        valkey.launch(self.children)
        self.env["CELERY_BROKER_URL"] = valkey.url
        return "Valkey", lambda: valkey.await_ready(self.children)

    def _sandbox(self) -> Wait | None:
        if not self.has_own_stripe:
            self.console.say("  using the Stripe of the environment")
            return None
        port = self.port("SANDBOX_PORT", 8430)
        command = [sys.executable, "-m", "tiktoktoe.sandbox.stripe"]
        command += ["--port", str(port), "--data", str(self.base / "sandbox")]
        self.children.start(Program(name="sandbox", command=command), self.env, places.ROOT)
        self.env["STRIPE_API_HOST"] = f"http://127.0.0.1:{port}"
        self.env["CSP_FORM_ACTION"] = f"http://127.0.0.1:{port}"
        return "payment sandbox", lambda: self.children.wait_for("sandbox", lambda: listens(port))

    def _adyen(self) -> Wait | None:
        """A second gateway beside the sandbox of the first, and never beside real money."""
        if not self.has_own_adyen:
            return None
        port = self.port("ADYEN_PORT", 8431)
        address = f"http://127.0.0.1:{port}"
        self.env.update(ADYEN, ADYEN_API_HOST=address)
        self.env["CSP_FORM_ACTION"] = f"{self.env['CSP_FORM_ACTION']},{address}"
        command = [sys.executable, "-m", "tiktoktoe.sandbox.adyen", "--port", str(port)]
        command += ["--data", str(self.base / "adyen"), "--hmac", ADYEN["ADYEN_HMAC_KEY"]]
        command += ["--merchant", ADYEN["ADYEN_MERCHANT_ACCOUNT"]]
        if self.env.get("BASE_URL"):
            command += ["--webhook", f"{self.env['BASE_URL']}/gateways/adyen/events/"]
        self.children.start(Program(name="adyen", command=command), self.env, places.ROOT)
        return "Adyen sandbox", lambda: self.children.wait_for("adyen", lambda: listens(port))

    def start_bank(self) -> None:
        """Somebody else's bank (mock-bank) with two folders between it and us; no real one.

        After the demo company was made: that one pays by card, and knows of no bank.
        """
        if not self.has_own_bank:
            return
        folder = self.base / "bank"
        outgoing, incoming = folder / "out", folder / "in"
        for made in (outgoing, incoming):
            made.mkdir(parents=True, exist_ok=True)
        port = self.port("BANK_PORT", 8433)
        command = [sys.executable, "-m", "mockbank", "--quiet", "--port", str(port)]
        command += ["--db", str(folder / "bank.db"), "--timezone", "Europe/Berlin"]
        command += ["--drop-dir", str(outgoing), "--pickup-dir", str(incoming)]
        self.children.start(Program(name="bank", command=command), self.env, places.ROOT)
        folders = {"BANK_OUT_FOLDER": str(outgoing), "BANK_IN_FOLDER": str(incoming)}
        self.env.update(BANK, **folders)
        with self.console.step("bank"):
            self.children.wait_for("bank", lambda: listens(port))

    def start_wallet(self) -> None:
        """PayPal's sandbox, and never beside real money; after the demo company, as the bank."""
        if not self.has_own_paypal:
            return
        port = self.port("PAYPAL_PORT", 8432)
        address = f"http://127.0.0.1:{port}"
        self.env.update(PAYPAL, PAYPAL_API_HOST=address)
        self.env["CSP_FORM_ACTION"] = f"{self.env['CSP_FORM_ACTION']},{address}"
        command = [sys.executable, "-m", "tiktoktoe.sandbox.paypal", "--port", str(port)]
        command += ["--data", str(self.base / "paypal")]
        command += ["--webhook-id", PAYPAL["PAYPAL_WEBHOOK_ID"]]
        if self.env.get("BASE_URL"):
            command += ["--webhook", f"{self.env['BASE_URL']}/gateways/paypal/events/"]
        self.children.start(Program(name="paypal", command=command), self.env, places.ROOT)
        with self.console.step("PayPal sandbox"):
            self.children.wait_for("paypal", lambda: listens(port))

    def start_application(self, port: int) -> None:
        """Web, worker and beat, as the role that cannot rewrite the books."""
        env = {**self.env, "DATABASE_ROLE": self.database_role()}
        celery = [sys.executable, "-m", "celery", "-A", "tiktoktoe"]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        web = [sys.executable, "-m", "granian", "--interface", "wsgi", "tiktoktoe.wsgi:application"]
        web += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        web += ["--blocking-threads", "4", "--no-ws", "--workers-kill-timeout", "5"]
        worker = [*celery, "worker", "-c", "2", "-l", "INFO", *quiet]
        for program in (
            Program(name="web", command=web),
            Program(name="worker", command=worker, stop_seconds=30),
            Program(name="beat", command=[*celery, "beat", "-l", "INFO", "--pidfile="]),
        ):
            self.children.start(program, env, places.ROOT)
        with self.console.step("web, worker and beat"):
            self.children.wait_for("web", lambda: answers(port))

    def database_role(self) -> str:
        """The role that the application takes on: what the environment says, else ours."""
        role = self.env.get("DATABASE_ROLE", APP_ROLE)
        if role and not self.has_own_database and not can_be(role, self.env["DATABASE_URL"]):
            self.console.say(f"  the PostgreSQL has no role {role} for us: the owner is used")
            return ""
        return role

    def port(self, name: str, default: int) -> int:
        """The port that an environment variable asks for, else a free one near the default."""
        asked = self.env.get(name)
        try:
            wanted = int(asked or default)
        except ValueError:
            raise LauncherError(f"{name} must be a number, not {asked!r}") from None
        self.ports[name] = places.free_port(
            wanted,
            is_strict=bool(asked),
            name=name,
            console=self.console,
            promised={port for other, port in self.ports.items() if other != name},
        )
        return self.ports[name]

    def manage(self, *arguments: str, is_shown: bool = False) -> None:
        """Run a management command as the database's owner; see `python`."""
        self.python("manage.py", *arguments, is_shown=is_shown)

    def python(self, *arguments: str, is_shown: bool = False) -> None:
        """Run a program of ours as the database's owner.

        Args:
            is_shown: Whether what it prints goes to the terminal; then without its log.

        Raises:
            LauncherError: If it fails; with the end of what it printed.
        """
        quiet = {"LOG_LEVEL": self.env.get("LOG_LEVEL") or "WARNING"} if is_shown else {}
        done = subprocess.run(
            [sys.executable, *arguments],
            env={**self.env, **quiet},
            cwd=places.ROOT,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=None if is_shown else subprocess.PIPE,
            stderr=None if is_shown else subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C is for us alone; we end it
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
        if done.returncode != 0:
            tail = "\n".join((done.stdout or "").splitlines()[-15:])
            raise LauncherError(f"{' '.join(arguments)} failed\n{tail}")

    def stop(self) -> None:
        """Stop everything that was started; a second Ctrl-C changes nothing."""
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        self.children.stop()
        shutil.rmtree(self.sockets, ignore_errors=True)


def interrupt_on_signals() -> None:
    """Let SIGTERM and SIGHUP end the launcher as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in STOP_SIGNALS:
        signal.signal(number, interrupt)


def can_be(role: str, database_url: str) -> bool:
    """Whether whoever connects to a database may take on a role."""
    question = "SELECT pg_has_role(oid, 'MEMBER') FROM pg_roles WHERE rolname = %s"
    with psycopg.connect(database_url) as database:
        return database.execute(question, [role]).fetchone() == (True,)


def listens(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
        return True
    return False


def answers(port: int) -> bool:
    """Whether somebody answers HTTP on a port of this machine, whatever the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/")
        connection.getresponse()
        return True
    return False
