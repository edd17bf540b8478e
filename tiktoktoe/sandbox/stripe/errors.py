"""Answers that are errors, in Stripe's shape."""

from typing import Any


class ApiError(Exception):
    """An error answer: HTTP status, and the `error` object."""

    def __init__(
        self, status: int, message: str, *, kind: str = "invalid_request_error", **details: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        known = {name: value for name, value in details.items() if value is not None}
        self.body = {"error": {"type": kind, "message": message, **known}}


class ContractBroken(Exception):
    """An answer of ours is not what Stripe's document says: a fault of the sandbox."""
