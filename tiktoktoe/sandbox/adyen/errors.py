"""Answers that are errors, in Adyen's shape."""

from tiktoktoe.sandbox.core.errors import ApiError as CoreApiError


class ApiError(CoreApiError):
    """A ServiceError: HTTP status, Adyen's own code, and the kind of error."""

    def __init__(
        self, status: int, message: str, *, code: str = "702", kind: str = "validation"
    ) -> None:
        body = {"status": status, "errorCode": code, "message": message, "errorType": kind}
        super().__init__(status, message, body)
