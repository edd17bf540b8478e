"""Answers that are errors, whatever their shape."""

from typing import Any


class ApiError(Exception):
    """An error answer: HTTP status and body; each stand-in makes its vendor's body."""

    def __init__(self, status: int, message: str, body: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = body if body is not None else {"error": {"message": message}}


class ContractBroken(Exception):
    """An answer of ours is not what the vendor's document says: a fault of the sandbox."""


class NotThere(LookupError):
    """No object of that kind has this id."""
