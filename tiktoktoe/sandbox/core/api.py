"""One API request: checked, executed under the lock, checked again, remembered."""

import logging
import time
from typing import Any

from tiktoktoe.sandbox.core.account import Account
from tiktoktoe.sandbox.core.errors import ApiError, ContractBroken
from tiktoktoe.sandbox.core.faults import Fault, Mode
from tiktoktoe.sandbox.core.idempotency import Keys
from tiktoktoe.sandbox.core.messages import Answer, Request
from tiktoktoe.sandbox.core.schemas import Json

logger = logging.getLogger(__name__)
LOG_LENGTH = 2000


class Api:
    """Answers requests; each is one change of state, or none. Stand-ins fill in the rest."""

    def __init__(self, account: Account, keys: Keys) -> None:
        self._account = account
        self._keys = keys
        self.log: list[Json] = []
        self.requests = 0

    def answer(self, request: Request, fault: Fault | None = None) -> Answer:
        """Answer a request, and save what it changed."""
        try:
            answer = self._answer(request, fault)
        except ApiError as error:
            answer = Answer(error.status, error.body)
        self._note(request, answer)
        return answer

    def admit(self, request: Request) -> Any:
        """What the request asks for.

        Raises:
            ApiError: If whoever asks is not let in, or there is no such thing.
        """
        raise NotImplementedError

    def run(self, request: Request, admitted: Any) -> Answer:
        """Do what is asked for.

        Raises:
            ApiError: If it is refused.
        """
        raise NotImplementedError

    def failed(self, message: str) -> Answer:
        """The answer of a server that has failed."""
        raise NotImplementedError

    def problem_of(self, answer: Answer) -> str | None:
        """What an answer says went wrong, for the log."""
        raise NotImplementedError

    def keeps(self, error: ApiError) -> bool:
        """Whether a refusal is a fact, such as a decline, whose traces stay."""
        return error.status == 402

    def _answer(self, request: Request, fault: Fault | None) -> Answer:
        admitted = self.admit(request)
        key = request.idempotency_key if request.method == "POST" else None
        with self._keys.claimed(key):
            if fault is not None and fault.mode is Mode.SLOW:
                time.sleep(fault.seconds)
            with self._account.lock:
                self._account.run_due()
                known = self._keys.recall(key, request)
                if known is not None:
                    return known
                answer = shown = self._executed(request, admitted)
                if fault is not None and fault.mode is Mode.ERROR_AFTER:
                    shown = self.failed("Injected, after it was done.")
                    answer = shown if fault.is_kept else answer
                self._keys.keep(key, request, answer)
                self._account.store.save()
                return shown

    def _executed(self, request: Request, admitted: Any) -> Answer:
        """Run a request. A refusal keeps what was noted, a fault of ours keeps nothing."""
        try:
            return self.run(request, admitted)
        except ApiError as error:
            if not self.keeps(error):
                self._account.store.undo()
            return Answer(error.status, error.body)
        except Exception as problem:
            self._account.store.undo()
            logger.exception("a fault of the sandbox", extra={"path": request.path})
            named = str(problem) if isinstance(problem, ContractBroken) else "see the log"
            return self.failed(f"A fault of the sandbox: {named}")

    def _note(self, request: Request, answer: Answer) -> None:
        self.requests += 1
        self.log.append(
            {
                "method": request.method,
                "path": request.path,
                "status": answer.status,
                "key": request.idempotency_key,
                "version": request.version,
                "is_replay": "Idempotent-Replayed" in answer.headers,
                "error": self.problem_of(answer),
            }
        )
        del self.log[:-LOG_LENGTH]
