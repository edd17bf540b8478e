"""The way to a bank: two folders, as an EBICS client or an SFTP account keeps them.

A file is put into the outgoing folder under its own name, whole or not at all: written beside it
and renamed. What the bank sends lies in the incoming folder until it is stored here, and is
moved aside then. Putting the same file there twice is safe: banks refuse a MsgId they know.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from billing.errors import GatewayUnavailable

DONE = "read"
_NOT_YET = (".tmp", ".part")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A file that the bank has left."""

    name: str
    body: bytes


class BankDoor:
    """Two folders that are shared with a bank."""

    def __init__(self, *, outgoing: Path, incoming: Path) -> None:
        self._outgoing = outgoing
        self._incoming = incoming

    def send(self, name: str, body: bytes) -> None:
        """Put a file where the bank fetches it.

        Raises:
            GatewayUnavailable: If the folder cannot be written to; sending it again is safe.
        """
        try:
            unfinished = self._outgoing / f".{name}.part"
            unfinished.write_bytes(body)
            unfinished.replace(self._outgoing / name)
        except OSError as error:
            raise GatewayUnavailable(f"the bank's folder cannot be written to: {error}") from error

    def deliveries(self) -> Iterator[Delivery]:
        """What lies in the incoming folder, in the order of the names.

        Raises:
            GatewayUnavailable: If it cannot be read.
        """
        try:
            for path in sorted(self._incoming.iterdir(), key=lambda path: path.name):
                if path.is_file() and path.suffix not in _NOT_YET and path.name[0] != ".":
                    yield Delivery(name=path.name, body=path.read_bytes())
        except OSError as error:
            raise GatewayUnavailable(f"the bank's folder cannot be read: {error}") from error

    def put_aside(self, name: str) -> None:
        """Move a delivery that is stored out of the way; one that is gone already is no error."""
        aside = self._incoming / DONE
        try:
            aside.mkdir(exist_ok=True)
            (self._incoming / name).replace(aside / name)
        except FileNotFoundError:
            return
        except OSError as error:
            raise GatewayUnavailable(f"{name} cannot be moved aside: {error}") from error
