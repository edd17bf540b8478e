"""Where things are: the data folder, its lock, the sockets, the ports."""

import fcntl
import hashlib
import os
import secrets
import shutil
import socket
from io import TextIOWrapper
from pathlib import Path

from tiktoktoe.launcher.console import Console, LauncherError

ROOT = Path(__file__).resolve().parent.parent.parent
PORTS_TO_TRY = 20


def data_dir() -> Path:
    """The folder of everything that survives between runs (TTT_DATA moves it)."""
    return Path(os.environ.get("TTT_DATA") or ROOT / ".data").absolute()


def make_folders(base: Path) -> None:
    """Make the data folder and its parts.

    Raises:
        LauncherError: If it cannot be written to.
    """
    try:
        for name in ("", "log", "postgres", "valkey", "sandbox"):
            (base / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = base / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as problem:
        raise LauncherError(
            f"the data folder {base} cannot be written to ({problem.strerror}); "
            "make it writable, or choose another with TTT_DATA=folder"
        ) from None


def take_lock(base: Path) -> TextIOWrapper:
    """Hold the data folder for this launcher; it is released when the process ends.

    Raises:
        LauncherError: If another launcher holds it; says where that one is.
    """
    lock = (base / "lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        address = lock.read().strip()
        raise LauncherError(f"it is running already: {address or 'still starting'}") from None
    return lock


def write_lock(lock: TextIOWrapper, address: str) -> None:
    """Leave the address for whoever finds the folder locked."""
    lock.truncate(0)
    lock.write(address)
    lock.flush()


def socket_folder(base: Path) -> Path:
    """A short private folder for unix sockets, whose paths may have 107 characters at most."""
    name = hashlib.sha256(str(base).encode()).hexdigest()[:12]
    folder = Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp") / f"ttt-{name}"  # noqa: S108
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    return folder


def secret_key(base: Path) -> None:
    """Make the secret that signs sessions, once; only its owner may read it."""
    path = base / "secret_key"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))


def free_port(wanted: int, *, is_strict: bool, name: str, console: Console) -> int:
    """The wanted port of 127.0.0.1, or the next free one.

    Raises:
        LauncherError: If it was asked for by name and is taken, or none nearby is free.
    """
    if is_strict and not _is_free(wanted):
        raise LauncherError(f"port {wanted} is taken; free it, or choose another with {name}=")
    for port in range(wanted, wanted + PORTS_TO_TRY):
        if _is_free(port):
            if port != wanted:
                console.say(f"  port {wanted} is taken, so it is {port}")
            return port
    raise LauncherError(f"no port is free from {wanted} on; choose one with {name}=")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
