"""Answers that are errors, in PayPal's shape."""

from tiktoktoe.sandbox.core.errors import ApiError as CoreApiError

NAMES = {
    400: "INVALID_REQUEST",
    401: "AUTHENTICATION_FAILURE",
    404: "RESOURCE_NOT_FOUND",
    409: "RESOURCE_CONFLICT",
    413: "INVALID_REQUEST",
    422: "UNPROCESSABLE_ENTITY",
    429: "RATE_LIMIT_REACHED",
    500: "INTERNAL_SERVER_ERROR",
}


class ApiError(CoreApiError):
    """An error: HTTP status, its name, and the issue in its details."""

    def __init__(self, status: int, message: str, *, issue: str = "") -> None:
        body: dict[str, object] = {"name": NAMES[status], "message": message, "debug_id": "sandbox"}
        if issue:
            body["details"] = [{"issue": issue, "description": message}]
        super().__init__(status, message, body)
