"""What comes in, and what goes out."""

from dataclasses import dataclass, field

from tiktoktoe.sandbox.core.schemas import Json


@dataclass(frozen=True, kw_only=True)
class Request:
    """What came in."""

    identity: str
    method: str
    path: str
    query: str
    content: bytes
    authorization: str
    idempotency_key: str | None
    version: str | None


@dataclass(frozen=True)
class Answer:
    """What goes out."""

    status: int
    body: Json
    headers: dict[str, str] = field(default_factory=dict)
