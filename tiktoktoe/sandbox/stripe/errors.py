"""Answers that are errors, in Stripe's shape."""

from typing import Any

from tiktoktoe.sandbox.core.errors import ApiError as CoreApiError
from tiktoktoe.sandbox.core.errors import ContractBroken

__all__ = ["ApiError", "ContractBroken"]


class ApiError(CoreApiError):
    """An error answer: HTTP status, and the `error` object."""

    def __init__(
        self, status: int, message: str, *, kind: str = "invalid_request_error", **details: Any
    ) -> None:
        known = {name: value for name, value in details.items() if value is not None}
        super().__init__(status, message, {"error": {"type": kind, "message": message, **known}})
