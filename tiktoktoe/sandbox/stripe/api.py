"""One API request: checked, executed under the lock, checked again, remembered."""

import base64
import binascii
import re
from urllib.parse import parse_qsl

from tiktoktoe.sandbox.core.api import Api as CoreApi
from tiktoktoe.sandbox.core.idempotency import Keys
from tiktoktoe.sandbox.core.messages import Answer, Request
from tiktoktoe.sandbox.core.multipart import multipart
from tiktoktoe.sandbox.stripe import forms, resources, routes  # noqa: F401 - registers the routes
from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.expansion import expand
from tiktoktoe.sandbox.stripe.idempotency import RULES
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, snapshot
from tiktoktoe.sandbox.stripe.spec import Json, Operation

TEST_KEY = re.compile(r"(sk|rk)_test_\w+")
NO_ONE_ASKED: Json = {"id": None, "idempotency_key": None}


class Api(CoreApi):
    """Answers requests to /v1; each is one change of state, or none."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox, Keys(sandbox, RULES))
        self._sandbox = sandbox

    def admit(self, request: Request) -> Operation:
        """The operation that is asked for.

        Raises:
            ApiError: 401, without a test key; 404, if Stripe has no such address.
        """
        _check_key(request.authorization)
        return self._sandbox.spec.operation(request.method, request.path)

    def run(self, request: Request, admitted: Operation) -> Answer:
        """Do what is asked for, and note on whose request."""
        sandbox = self._sandbox
        sandbox.request = {"id": request.identity, "idempotency_key": request.idempotency_key}
        try:
            return Answer(200, self._run(request, admitted))
        finally:
            sandbox.request = NO_ONE_ASKED

    def failed(self, message: str) -> Answer:
        """A 500 in Stripe's shape."""
        return Answer(500, {"error": {"type": "api_error", "message": message}})

    def problem_of(self, answer: Answer) -> str | None:
        """The message of the error object."""
        return (answer.body.get("error") or {}).get("message")

    def _run(self, request: Request, operation: Operation) -> Json:
        parameters = self._parameters(request, operation)
        paths = parameters.pop("expand", [])
        found = routes.find(request.method, request.path)
        if found is None:
            message = f"The sandbox does not have {request.method} {operation.path}."
            raise ApiError(501, message, kind="api_error")
        handler, parts = found
        body = snapshot(handler(self._sandbox, parameters, **parts))
        expand(self._sandbox, body, paths)
        self._sandbox.spec.check_answer(operation, body)
        return body

    def _parameters(self, request: Request, operation: Operation) -> Json:
        if request.content.startswith(b"--"):
            fields, uploaded = multipart(request.content)
        else:
            text = request.content.decode() if request.method == "POST" else request.query
            fields, uploaded = parse_qsl(text, keep_blank_values=True), b""
        parameters = dict(forms.typed(forms.nested(fields), operation.schema, self._sandbox.spec))
        self._sandbox.spec.check_request(operation, parameters)
        return {**parameters, "content": uploaded} if uploaded else parameters


def _check_key(authorization: str) -> None:
    """Take any test key, as Bearer or as the user of Basic.

    Raises:
        ApiError: 401.
    """
    scheme, _, given = authorization.partition(" ")
    key = given.strip()
    if scheme == "Basic":
        try:
            key = base64.b64decode(key).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            key = ""
    if scheme not in {"Bearer", "Basic"} or not TEST_KEY.fullmatch(key):
        raise ApiError(401, "No valid API key was given: send one that begins with sk_test_.")
