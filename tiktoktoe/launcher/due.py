"""Work that is done again only when what it depends on has changed."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from tiktoktoe.launcher import places


def once(base: Path, name: str, depends_on: str, work: Callable[[], None]) -> None:
    """Do a piece of work, unless it was done for the same things before."""
    mark = base / "marks" / name
    wanted = hashlib.sha256(depends_on.encode()).hexdigest()  # it may hold a password
    if mark.exists() and mark.read_text(encoding="utf-8") == wanted:
        return
    work()
    mark.write_text(wanted, encoding="utf-8")


def fingerprint(*patterns: str) -> str:
    """What a set of the project's files contains, and which packages are installed."""
    digest = hashlib.sha256()
    for pattern in ("requirements/*.txt", *patterns):
        for path in sorted(places.ROOT.glob(pattern)):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(places.ROOT)).encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()
