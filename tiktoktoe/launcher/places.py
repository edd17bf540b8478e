"""Where things are: the data folder, its lock, the sockets, the ports."""

import contextlib
import fcntl
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Container
from io import TextIOWrapper
from pathlib import Path

from tiktoktoe.launcher.console import Console, LauncherError

ROOT = Path(__file__).resolve().parent.parent.parent
PORTS_TO_TRY = 20
SOCKET_PATH_MAX = 90  # of the 107 bytes that Linux allows, with room for the file's name
STOPPING_SECONDS = 60


def data_dir() -> Path:
    """The folder of everything that survives between runs (TTT_DATA moves it)."""
    return Path(os.environ.get("TTT_DATA") or ROOT / ".data").absolute()


def make_folders(base: Path) -> None:
    """Make the data folder and its parts.

    Raises:
        LauncherError: If it cannot be written to.
    """
    try:
        for name in ("", "log", "postgres", "valkey", "sandbox", "marks"):
            (base / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=base):
            pass
    except OSError as problem:
        raise LauncherError(
            f"the data folder {base} cannot be written to ({problem.strerror}); "
            "make it writable, or choose another with TTT_DATA=folder"
        ) from None


def take_lock(base: Path, console: Console) -> TextIOWrapper:
    """Hold the data folder until this launcher and its children have ended.

    Waits for the children of one that was killed.

    Raises:
        LauncherError: If another launcher holds it; says where that one is.
    """
    lock = (base / "lock").open("a+", encoding="utf-8")
    deadline = time.monotonic() + STOPPING_SECONDS
    is_told = False
    while not _try_lock(lock):
        lock.seek(0)
        pid, _, address = lock.read().partition(" ")
        if _is_alive(pid):
            raise LauncherError(f"it is running already: {address.strip() or 'still starting'}")
        if time.monotonic() > deadline:
            raise LauncherError(f"programs of the last run still hold {base}; end them first")
        if not is_told:
            console.say("  waiting for the last run's programs to end")
            is_told = True
        time.sleep(0.1)
    write_lock(lock, "")
    return lock


def write_lock(lock: TextIOWrapper, address: str) -> None:
    """Leave our process and address for whoever finds the folder locked."""
    lock.seek(0)
    lock.truncate()
    lock.write(f"{os.getpid()} {address}")
    lock.flush()


def socket_folder(base: Path) -> Path:
    """A private folder for unix sockets: in the data folder, unless its path is too long."""
    folder = base / "run"
    if len(os.fsencode(folder)) > SOCKET_PATH_MAX:
        return Path(tempfile.mkdtemp(prefix="ttt-"))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return folder


def secret_key(base: Path) -> None:
    """Make the secret that signs sessions, once; only its owner may read it."""
    path = base / "secret_key"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))


def free_port(
    wanted: int, *, is_strict: bool, name: str, console: Console, promised: Container[int] = ()
) -> int:
    """The wanted port of 127.0.0.1, or the next that is free and promised to nobody else.

    Raises:
        LauncherError: If it was asked for by name and is taken, or none nearby is free.
    """
    if not 0 < wanted < 65_536:
        raise LauncherError(f"{name} must be between 1 and 65535, not {wanted}")
    if is_strict and (wanted in promised or not _is_free(wanted)):
        raise LauncherError(f"port {wanted} is taken; free it, or choose another with {name}=")
    for port in range(wanted, min(wanted + PORTS_TO_TRY, 65_536)):
        if port not in promised and _is_free(port):
            if port != wanted:
                console.say(f"  port {wanted} is taken, so it is {port}")
            return port
    raise LauncherError(f"no port is free from {wanted} on; choose one with {name}=")


def _try_lock(lock: TextIOWrapper) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _is_alive(pid: str) -> bool:
    """Whether a process of this number runs; another user's counts."""
    if not pid.isdigit():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
