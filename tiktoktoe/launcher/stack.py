"""The whole product as a set of programs: which are ours to start, and with what settings."""

import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import FrameType

from tiktoktoe.env import read_env_file
from tiktoktoe.launcher import places
from tiktoktoe.launcher.children import Children, Program
from tiktoktoe.launcher.console import Console, LauncherError
from tiktoktoe.launcher.servers import Postgres, Valkey

APP_ROLE = "tiktoktoe_app"


class Stack:
    """PostgreSQL, Valkey, sandbox, web, worker and beat; those the environment names are used."""

    def __init__(self, base: Path, console: Console, *, lossy: bool = False) -> None:
        self.base = base
        self.console = console
        self.lossy = lossy
        self.sockets = places.socket_folder(base)
        self.children = Children(base / "log", console)
        self.env = {
            **os.environ,
            "TTT_DATA": str(base),
            "DJANGO_SETTINGS_MODULE": "tiktoktoe.settings",
            "PYTHONUNBUFFERED": "1",
        }

    def start_database(self) -> None:
        """PostgreSQL, unless DATABASE_URL names one."""
        if self.env.get("DATABASE_URL"):
            self.console.say("  using the PostgreSQL of DATABASE_URL")
            return
        postgres = Postgres(self.base / "postgres", self.sockets, self.lossy)
        with self.console.step("PostgreSQL 18"):
            postgres.prepare()
            postgres.start(self.children)
        self.env["DATABASE_URL"] = postgres.url()

    def start_broker(self) -> None:
        """Valkey, unless CELERY_BROKER_URL names a Redis."""
        if self.env.get("CELERY_BROKER_URL"):
            self.console.say("  using the Redis of CELERY_BROKER_URL")
            return
        valkey = Valkey(self.base / "valkey", self.sockets)
        with self.console.step("Valkey"):
            valkey.start(self.children)
        self.env["CELERY_BROKER_URL"] = valkey.url

    def start_sandbox(self) -> None:
        """The local Stripe, unless STRIPE_API_HOST names one or a real key is set."""
        if any(self.env.get(f"STRIPE_{n}") for n in ("API_HOST", "TEST_SECRET_KEY", "LIVE_MODE")):
            self.console.say("  using the Stripe of the environment")
            return
        port = self.port("SANDBOX_PORT", 8430)
        command = [sys.executable, "-m", "tiktoktoe.sandbox.stripe"]
        command += ["--port", str(port), "--data", str(self.base / "sandbox")]
        with self.console.step("payment sandbox"):
            self.children.start(Program(name="sandbox", command=command), self.env, places.ROOT)
            self.children.wait_for("sandbox", lambda: listens(port))
        self.env["STRIPE_API_HOST"] = f"http://127.0.0.1:{port}"
        self.env["CSP_FORM_ACTION"] = f"http://127.0.0.1:{port}"

    def start_application(self, port: int) -> None:
        """Web, worker and beat, as the role that cannot rewrite the books."""
        env = {**self.env, "DATABASE_ROLE": self.env.get("DATABASE_ROLE", APP_ROLE)}
        celery = [sys.executable, "-m", "celery", "-A", "tiktoktoe"]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        web = [sys.executable, "-m", "granian", "--interface", "wsgi", "tiktoktoe.wsgi:application"]
        web += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        web += ["--blocking-threads", "8", "--no-ws"]
        programs = [
            Program(name="web", command=web),
            Program(
                name="worker",
                command=[*celery, "worker", "-c", "2", "-l", "INFO", *quiet],
                stop_seconds=30,
            ),
            Program(name="beat", command=[*celery, "beat", "-l", "INFO", "--pidfile="]),
        ]
        with self.console.step("web, worker and beat"):
            for program in programs:
                self.children.start(program, env, places.ROOT)
            self.children.wait_for("web", lambda: listens(port))

    def port(self, name: str, default: int) -> int:
        """The port that an environment variable asks for, else a free one near the default."""
        asked = self.env.get(name)
        try:
            wanted = int(asked or default)
        except ValueError:
            raise LauncherError(f"{name} must be a number, not {asked!r}") from None
        return places.free_port(wanted, is_strict=bool(asked), name=name, console=self.console)

    def manage(self, *arguments: str, is_shown: bool = False) -> None:
        """Run a management command as the database's owner.

        Raises:
            LauncherError: If it fails; with the end of what it printed.
        """
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            env=self.env,
            cwd=places.ROOT,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=None if is_shown else subprocess.PIPE,
            stderr=None if is_shown else subprocess.STDOUT,
            text=True,
        )
        if done.returncode != 0:
            tail = "\n".join((done.stdout or "").splitlines()[-15:])
            raise LauncherError(f"manage.py {' '.join(arguments)} failed\n{tail}")

    def stop(self) -> None:
        """Stop everything that was started."""
        self.children.stop()
        for path in self.sockets.glob("*"):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.sockets.rmdir()


def listens(port: int) -> bool:
    """Whether somebody answers on a port of this machine."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
        return True
    return False


def interrupt_on_signals() -> None:
    """Let SIGTERM and SIGHUP end the launcher as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def environment_of_file() -> None:
    """Take what .env sets, so that the launcher and the product agree."""
    read_env_file(places.ROOT / ".env")


def fingerprint(*patterns: str) -> str:
    """What a set of the project's files contains, and which packages are installed."""
    digest = hashlib.sha256((places.ROOT / "requirements" / "run.txt").read_bytes())
    for pattern in patterns:
        for path in sorted(places.ROOT.glob(pattern)):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(places.ROOT)).encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()
