"""One API request: let in, held against Adyen's document, executed, its answer checked too."""

import re
from urllib.parse import parse_qsl

import msgspec

from tiktoktoe.sandbox.adyen import disputes, links, payments, routes, tokens
from tiktoktoe.sandbox.adyen.errors import ApiError
from tiktoktoe.sandbox.adyen.merchant import Merchant
from tiktoktoe.sandbox.adyen.routes import Route
from tiktoktoe.sandbox.adyen.spec import VERSION
from tiktoktoe.sandbox.core.account import snapshot
from tiktoktoe.sandbox.core.api import Api as CoreApi
from tiktoktoe.sandbox.core.idempotency import Keys, Rules
from tiktoktoe.sandbox.core.messages import Answer, Request
from tiktoktoe.sandbox.core.schemas import Json

__all__ = ["PREFIX", "Api", "disputes", "links", "payments", "tokens"]  # these register the routes

PREFIX = f"/{VERSION}"
TEST_KEY = re.compile(r"AQE\w{10,}")
KEY_LENGTH_MAX = 64
DAY = 86_400
# Source: docs.adyen.com/development-resources/api-idempotency: at least 7 days.
KEPT_FOR_SECONDS = 7 * DAY
IN_PROGRESS = "request already processed or in progress"


def _was_executed(answer: Answer) -> bool:
    return answer.status < 400 or answer.status >= 500


RULES = Rules(
    length_max=KEY_LENGTH_MAX,
    kept_for_seconds=KEPT_FOR_SECONDS,
    cannot_be_one=lambda: ApiError(422, "Invalid Idempotency-Key", code="702"),
    is_in_use=lambda: ApiError(422, IN_PROGRESS, code="704"),
    was_other_request=lambda: ApiError(422, IN_PROGRESS, code="704"),
    was_executed=_was_executed,
    replayed=lambda _request: {"Idempotent-Replayed": "true"},
)


class Api(CoreApi):
    """Answers requests to /v72; each is one change of state, or none."""

    def __init__(self, merchant: Merchant) -> None:
        super().__init__(merchant, Keys(merchant, RULES))
        self._merchant = merchant

    def admit(self, request: Request) -> tuple[Route, list[str]]:
        """The operation that is asked for.

        Raises:
            ApiError: 401, without a test key; 404, if the sandbox has no such operation.
        """
        if not TEST_KEY.fullmatch(request.authorization):
            message = "HTTP Status Response - Unauthorized"
            raise ApiError(401, message, code="000", kind="security")
        found = routes.find(request.method, request.path.removeprefix(PREFIX))
        if found is None:
            raise ApiError(404, f"The sandbox does not have {request.method} {request.path}.")
        return found

    def run(self, request: Request, admitted: tuple[Route, list[str]]) -> Answer:
        """Do what is asked for."""
        known, parts = admitted
        given = self._given(request)
        if request.method in {"POST", "PATCH"}:
            self._merchant.spec.check_request(known.operation, given)
        account = given.get("merchantAccount") or given.get("merchantAccountCode")
        account = account or self._merchant.terms.merchant
        if account != self._merchant.terms.merchant:
            raise ApiError(403, "Invalid Merchant Account", code="901", kind="security")
        body = snapshot(known.handler(self._merchant, given, *parts))
        status = routes.status_of(request.method, known.operation)
        if status != 204:
            self._merchant.spec.check_answer(known.operation, status, body)
        return Answer(status, body)

    def failed(self, message: str) -> Answer:
        """A 500 in Adyen's shape."""
        error = ApiError(500, message, code="905", kind="internal")
        return Answer(error.status, error.body)

    def problem_of(self, answer: Answer) -> str | None:
        """The message of a ServiceError."""
        return answer.body.get("message") if answer.status >= 400 else None

    def _given(self, request: Request) -> Json:
        if request.method in {"GET", "DELETE"}:
            return routes.query_of(parse_qsl(request.query))
        try:
            given = msgspec.json.decode(request.content or b"{}")
        except msgspec.DecodeError:
            raise ApiError(400, "The body is no JSON", code="702") from None
        if not isinstance(given, dict):
            raise ApiError(400, "The body is no object", code="702")
        return given
