"""One API request: checked, executed under the lock, checked again, remembered."""

import base64
import binascii
import logging
import re
import time
from urllib.parse import parse_qsl

from tiktoktoe.sandbox.stripe import forms, resources, routes  # noqa: F401 - registers the routes
from tiktoktoe.sandbox.stripe.errors import ApiError, ContractBroken
from tiktoktoe.sandbox.stripe.expansion import expand
from tiktoktoe.sandbox.stripe.faults import Fault, Mode
from tiktoktoe.sandbox.stripe.idempotency import Keys
from tiktoktoe.sandbox.stripe.messages import Answer, Request
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, snapshot
from tiktoktoe.sandbox.stripe.spec import Json, Operation

logger = logging.getLogger(__name__)
TEST_KEY = re.compile(r"(sk|rk)_test_\w+")
LOG_LENGTH = 2000
NO_ONE_ASKED: Json = {"id": None, "idempotency_key": None}


class Api:
    """Answers requests to /v1; each is one change of state, or none."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._keys = Keys(sandbox)
        self.log: list[Json] = []
        self.requests = 0

    def answer(self, request: Request, fault: Fault | None = None) -> Answer:
        """Answer a request, and save what it changed."""
        try:
            answer = self._answer(request, fault)
        except ApiError as error:
            answer = _error(error)
        self._note(request, answer)
        return answer

    def _answer(self, request: Request, fault: Fault | None) -> Answer:
        _check_key(request.authorization)
        operation = self._sandbox.spec.operation(request.method, request.path)
        key = request.idempotency_key if request.method == "POST" else None
        with self._keys.claimed(key):
            if fault is not None and fault.mode is Mode.SLOW:
                time.sleep(fault.seconds)
            with self._sandbox.lock:
                self._sandbox.run_due()
                known = self._keys.recall(key, request)
                if known is not None:
                    return known
                answer = shown = self._executed(request, operation)
                if fault is not None and fault.mode is Mode.ERROR_AFTER:
                    shown = injected_error("after it was done")
                    answer = shown if fault.is_kept else answer
                self._keys.keep(key, request, answer)
                self._sandbox.store.save()
                return shown

    def _executed(self, request: Request, operation: Operation) -> Answer:
        """Run a request. A refusal keeps what was noted, a fault of ours keeps nothing."""
        sandbox = self._sandbox
        sandbox.request = {"id": request.identity, "idempotency_key": request.idempotency_key}
        try:
            return Answer(200, self._run(request, operation))
        except ApiError as error:
            if error.status != 402:
                sandbox.store.undo()
            return _error(error)
        except Exception as problem:
            sandbox.store.undo()
            logger.exception("a fault of the sandbox", extra={"path": request.path})
            named = str(problem) if isinstance(problem, ContractBroken) else "see the log"
            message = f"A fault of the sandbox: {named}"
            return Answer(500, {"error": {"type": "api_error", "message": message}})
        finally:
            sandbox.request = NO_ONE_ASKED

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
        text = request.content.decode() if request.method == "POST" else request.query
        tree = forms.nested(parse_qsl(text, keep_blank_values=True))
        parameters = dict(forms.typed(tree, operation.schema, self._sandbox.spec))
        self._sandbox.spec.check_request(operation, parameters)
        return parameters

    def _note(self, request: Request, answer: Answer) -> None:
        error = answer.body.get("error") or {}
        self.requests += 1
        self.log.append(
            {
                "method": request.method,
                "path": request.path,
                "status": answer.status,
                "key": request.idempotency_key,
                "version": request.version,
                "is_replay": "Idempotent-Replayed" in answer.headers,
                "error": error.get("message"),
            }
        )
        del self.log[:-LOG_LENGTH]


def injected_error(when: str) -> Answer:
    """The answer of a fault that was asked for."""
    return Answer(500, {"error": {"type": "api_error", "message": f"Injected, {when}."}})


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


def _error(error: ApiError) -> Answer:
    return Answer(error.status, error.body)
