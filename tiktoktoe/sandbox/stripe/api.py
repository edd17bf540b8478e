"""One API request: parsed, checked, answered, remembered; faults come in between."""

import copy
import hashlib
import logging
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tiktoktoe.sandbox.stripe import forms, resources, routes  # noqa: F401 - registers the routes
from tiktoktoe.sandbox.stripe.errors import ApiError, ContractBroken
from tiktoktoe.sandbox.stripe.sandbox import Sandbox
from tiktoktoe.sandbox.stripe.spec import Json, Operation

logger = logging.getLogger(__name__)
KEY_STARTS = ("sk_test_", "rk_test_")
UNCHECKED = {"list", "search_result"}
LOG_LENGTH = 2000


@dataclass(frozen=True)
class Request:
    """What came in."""

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


class Api:
    """Answers requests to /v1; each is one change of state under the sandbox's lock."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._in_progress: set[str] = set()
        self.log: list[Json] = []

    def answer(self, request: Request) -> Answer:
        """Answer a request, and save what it changed."""
        key = request.idempotency_key if request.method == "POST" else None
        fingerprint = _fingerprint(request)
        with self._sandbox.lock:
            known = self._known(key, fingerprint)
            answer = known or self._execute(request)
            if key and known is None and _is_kept(answer):
                body = {
                    "status": answer.status,
                    "body": answer.body,
                    "fingerprint": fingerprint,
                }
                self._sandbox.store.keep_answer(key, copy.deepcopy(body))
            self._sandbox.store.save()
            self._note(request, answer)
            return answer

    def _known(self, key: str | None, fingerprint: str) -> Answer | None:
        """What an idempotency key was answered with before."""
        kept = self._sandbox.store.answer(key) if key else None
        if kept is None:
            return None
        if kept["fingerprint"] != fingerprint:
            message = "This idempotency key was used with other parameters."
            return _error(ApiError(400, message, kind="idempotency_error"))
        return Answer(kept["status"], kept["body"], {"Idempotent-Replayed": "true"})

    def _execute(self, request: Request) -> Answer:
        try:
            _check_key(request.authorization)
            return Answer(200, self._run(request))
        except ApiError as error:
            return _error(error)
        except ContractBroken as problem:
            logger.exception("contract broken")
            return Answer(500, {"error": {"type": "api_error", "message": str(problem)}})

    def _run(self, request: Request) -> Json:
        operation = self._sandbox.spec.operation(request.method, request.path)
        parameters = self._parameters(request, operation)
        expand = parameters.pop("expand", [])
        found = routes.find(request.method, request.path)
        if found is None:
            raise ApiError(404, f"The sandbox does not have {request.method} {request.path}.")
        handler, parts = found
        body = copy.deepcopy(handler(self._sandbox, parameters, **parts))
        self._check(body)
        for path in expand:
            self._expand(body, path.removeprefix("data.").split("."))
        return body

    def _parameters(self, request: Request, operation: Operation) -> Json:
        text = request.content.decode() if request.method == "POST" else request.query
        tree = forms.nested(parse_qsl(text, keep_blank_values=True))
        parameters = forms.typed(tree, operation.schema, self._sandbox.spec)
        self._sandbox.spec.check_request(operation, parameters)
        return dict(parameters)

    def _check(self, body: Json) -> None:
        """Hold every object that goes out against Stripe's document."""
        if body.get("object") in UNCHECKED:
            for part in body["data"]:
                self._check(part)
        elif not body.get("deleted"):
            self._sandbox.spec.check_answer(body, body["object"])

    def _expand(self, body: Any, path: list[str]) -> None:
        """Put objects in the place of their ids, as far along a path as there are any."""
        if isinstance(body, dict) and body.get("object") in UNCHECKED:
            body = body["data"]
        if isinstance(body, list):
            for part in body:
                self._expand(part, path)
        elif isinstance(body, dict) and path:
            name, rest = path[0], path[1:]
            found = self._sandbox.store.find(body.get(name))
            if found is not None:
                body[name] = copy.deepcopy(found)
            self._expand(body.get(name), rest)

    def _note(self, request: Request, answer: Answer) -> None:
        error = answer.body.get("error") or {}
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


def _check_key(authorization: str) -> None:
    key = authorization.removeprefix("Bearer ").strip()
    if not key.startswith(KEY_STARTS) or len(key) < 20:
        raise ApiError(401, "No valid API key was given: send a test key as Bearer.")


def _fingerprint(request: Request) -> str:
    parts = (request.method, request.path, request.query, request.content.decode())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _is_kept(answer: Answer) -> bool:
    """Stripe keeps the answer of a request that was executed, declines included.

    Source: docs.stripe.com/api/idempotent_requests: not kept when validation failed.
    """
    return answer.status not in {400, 401, 404, 429}


def _error(error: ApiError) -> Answer:
    return Answer(error.status, error.body)
