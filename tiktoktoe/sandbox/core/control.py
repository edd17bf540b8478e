"""A sandbox's own controls under /_sandbox/: faults, clock, webhooks, log.

Each is a POST of a JSON object; the docs/fidelity pages list them.
"""

from collections.abc import Callable, Mapping

from tiktoktoe.sandbox.core.account import Account, snapshot
from tiktoktoe.sandbox.core.api import Api
from tiktoktoe.sandbox.core.errors import ApiError, ContractBroken
from tiktoktoe.sandbox.core.faults import Fault, Faults
from tiktoktoe.sandbox.core.late import LateRequests
from tiktoktoe.sandbox.core.schemas import Json
from tiktoktoe.sandbox.core.webhooks import Delivery, Webhooks

PREFIX = "/_sandbox/"


class Control:
    """Answers the control requests of tests and demos."""

    def __init__(self, account: Account, api: Api, faults: Faults, webhooks: Webhooks) -> None:
        self.late = LateRequests(account, api)
        self._account = account
        self._api = api
        self._faults = faults
        self._webhooks = webhooks
        self._controls: dict[str, Callable[[Json], Json]] = {
            "clock": self._move_clock,
            "faults": self._add_fault,
            "faults/clear": self._clear_faults,
            "keep": self._keep,
            "log": self._log,
            "reset": self._reset,
            "stats": self._stats,
            "webhooks": self._set_delivery,
            "webhooks/retry": self._retry_webhooks,
            **self.own(),
        }

    def own(self) -> Mapping[str, Callable[[Json], Json]]:
        """The controls that only this stand-in has."""
        return {}

    def answer(self, path: str, body: Json) -> Json:
        """Do what a control request says.

        Raises:
            ApiError: 404, if there is no such control; 400, if it is used wrongly.
        """
        name = path.removeprefix(PREFIX)
        if name not in self._controls:
            raise ApiError(404, f"No control {name!r}; there are {', '.join(self._controls)}.")
        with self._account.lock:
            try:
                answer = snapshot(self._controls[name](body))
            except (KeyError, TypeError, ValueError) as error:
                self._account.store.undo()
                raise ApiError(400, f"{name}: {error}") from error
            except ContractBroken as broken:
                self._account.store.undo()
                raise ApiError(500, f"A fault of the sandbox: {broken}") from broken
            except ApiError as error:
                if not self._api.keeps(error):
                    self._account.store.undo()
                self._account.store.save()
                raise
            self._account.store.save()
        return answer

    def tick(self) -> None:
        """Do what has become due by the sandbox's clock."""
        self.late.run_due()
        with self._account.lock:
            self._account.run_due()
            self._account.store.save()

    def _add_fault(self, body: Json) -> Json:
        self._faults.add(Fault(**body))
        return {}

    def _clear_faults(self, _body: Json) -> Json:
        self._faults.clear()
        return {}

    def _move_clock(self, body: Json) -> Json:
        stands = bool(body.get("stands", False))
        if "set" in body:
            self._account.clock.set(int(body["set"]), stands=stands)
        if "advance" in body:
            self._account.clock.set(self._account.now() + int(body["advance"]), stands=stands)
        self._account.clock.is_told = bool(body.get("told", self._account.clock.is_told))
        self.late.run_due()
        self._account.run_due()
        return {"now": self._account.now()}

    def _set_delivery(self, body: Json) -> Json:
        self._webhooks.set(Delivery(**body))
        return {}

    def _retry_webhooks(self, _body: Json) -> Json:
        self._webhooks.hurry()
        return {}

    def _stats(self, _body: Json) -> Json:
        return {
            "waiting": self._webhooks.waiting,
            "delivered": self._webhooks.delivered,
            "failed": self._webhooks.failed,
            "lost": self._webhooks.lost,
            "requests": self._api.requests,
            "faults": self._faults.struck,
            "struck": self._faults.counts(),
            "late": self.late.waiting,
            "now": self._account.now(),
        }

    def _log(self, _body: Json) -> Json:
        return {"log": self._api.log}

    def _keep(self, _body: Json) -> Json:
        self._account.keep()
        return {}

    def _reset(self, body: Json) -> Json:
        self._faults.clear()
        self.late.forget()
        self._webhooks.set(Delivery())
        self._api.log.clear()
        if body.get("kept", False):
            self._account.bring_back()
        else:
            self._account.reset()
        return {}
