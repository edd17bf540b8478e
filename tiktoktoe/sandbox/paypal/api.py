"""One API request: a token, an order or what hangs on it, or a question about a signature."""

import base64
import binascii
from urllib.parse import parse_qsl

import msgspec

from tiktoktoe.sandbox.core.account import random_text, snapshot
from tiktoktoe.sandbox.core.api import Api as CoreApi
from tiktoktoe.sandbox.core.idempotency import Keys, Rules
from tiktoktoe.sandbox.core.messages import Answer, Request
from tiktoktoe.sandbox.core.multipart import multipart
from tiktoktoe.sandbox.core.schemas import Json
from tiktoktoe.sandbox.paypal import disputes, notifications, orders, payments, routes
from tiktoktoe.sandbox.paypal.business import Business, signature
from tiktoktoe.sandbox.paypal.errors import ApiError
from tiktoktoe.sandbox.paypal.routes import route

__all__ = ["Api", "disputes", "notifications", "orders", "payments"]  # these register the routes

TOKEN_PATH = "/v1/oauth2/token"  # noqa: S105 - an address
TOKEN_LASTS_SECONDS = 9 * 3600
# Source: developer.paypal.com/api/rest/reference/idempotency: keys of orders live for 6 hours.
RULES = Rules(
    length_max=108,
    kept_for_seconds=6 * 3600,
    cannot_be_one=lambda: ApiError(400, "PayPal-Request-Id is too long."),
    is_in_use=lambda: ApiError(409, "A request with this id is running.", issue="DUPLICATE"),
    was_other_request=lambda: ApiError(
        422, "The id was used for another request.", issue="DUPLICATE_REQUEST_ID"
    ),
    was_executed=lambda answer: answer.status < 400 or answer.status >= 500,
    replayed=lambda _request: {"Idempotent-Replayed": "true"},
)


@route("POST", "/v1/notifications/verify-webhook-signature")
def verify(business: Business, body: Json) -> tuple[int, Json]:
    """Whether an event was signed by us for this endpoint."""
    event = msgspec.json.encode(body["webhook_event"])
    parts = (body["transmission_id"], body["transmission_time"], business.terms.webhook_id)
    is_ours = body["webhook_id"] == business.terms.webhook_id
    is_ours = is_ours and body["transmission_sig"] == signature(event, *parts)
    return 200, {"verification_status": "SUCCESS" if is_ours else "FAILURE"}


class Api(CoreApi):
    """Answers requests; each is one change of state, or none."""

    def __init__(self, business: Business) -> None:
        super().__init__(business, Keys(business, RULES))
        self._business = business
        self._tokens: set[str] = set()

    def admit(self, request: Request) -> object:
        """The operation that is asked for.

        Raises:
            ApiError: 401, without a token; 404, if the sandbox has no such operation.
        """
        if request.path == TOKEN_PATH:
            return None
        if request.authorization.removeprefix("Bearer ") not in self._tokens:
            raise ApiError(401, "Authentication failed.", issue="INVALID_TOKEN")
        found = routes.find(request.method, request.path)
        if found is None:
            raise ApiError(404, f"The sandbox does not have {request.method} {request.path}.")
        return found

    def run(self, request: Request, admitted: object) -> Answer:
        """Do what is asked for."""
        if not isinstance(admitted, tuple):
            return self._new_token(request)
        operation, handler, parts = admitted
        given = self._given(request)
        if request.method == "POST":
            self._business.spec.check_request(operation, given)
        status, body = handler(self._business, given, *parts)
        answer = snapshot(body)
        self._business.spec.check_answer(operation, status, answer)
        return Answer(status, answer)

    def failed(self, message: str) -> Answer:
        """A 500 in PayPal's shape."""
        return Answer(500, ApiError(500, message).body)

    def problem_of(self, answer: Answer) -> str | None:
        """The message of an error."""
        return answer.body.get("message") if answer.status >= 400 else None

    def forget_tokens(self) -> None:
        """Let every access token end."""
        self._tokens.clear()

    def _new_token(self, request: Request) -> Answer:
        scheme, _, given = request.authorization.partition(" ")
        try:
            user = base64.b64decode(given).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            user = ""
        if scheme != "Basic" or not user.startswith("sandbox"):
            raise ApiError(401, "Client authentication failed.", issue="invalid_client")
        token = random_text(40)
        self._tokens.add(token)
        body = {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_LASTS_SECONDS}
        return Answer(200, body)

    def _given(self, request: Request) -> Json:
        if request.method in {"GET", "DELETE"}:
            return dict(parse_qsl(request.query))
        content, files = request.content, {}
        if content.startswith(b"--"):  # a file beside the JSON, which is the part named "input"
            fields, uploaded = multipart(content)
            content, files = dict(fields).get("input", "").encode(), {"file": uploaded}
        try:
            given = msgspec.json.decode(content or b"{}")
        except msgspec.DecodeError:
            raise ApiError(400, "The body is no JSON.") from None
        if not isinstance(given, dict):
            raise ApiError(400, "The body is no object.")
        return {**given, **files}
